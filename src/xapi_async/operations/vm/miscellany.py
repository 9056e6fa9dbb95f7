"""VM: what has no better place: suspend disks, blobs, recovery, balancing advice, things the API only declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.blob import create_new_blob
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.vm.can_boot import required_srs, sees_sr
from xapi_async.operations.vm.facts import vbds_of
from xapi_async.operations.vm.rules import bad_power_state, refresh

CBT_METADATA = "cbt_metadata"


async def set_suspend_VDI(ctx: Context, self: str, value: str) -> None:  # noqa: N802
    """VM.set_suspend_VDI: use another disk with the same content.

    Raises VM_BAD_POWER_STATE, VDI_INCOMPATIBLE_TYPE [VM, type], NO_HOSTS_AVAILABLE [] or
    SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL [old, new], each as ``uuid : checksum``.
    """
    vm = ctx.store.get(VM, self)
    if vm.power_state != "Suspended":
        raise bad_power_state(vm, "suspended")
    old, new = ctx.store.find(VDI, vm.suspend_VDI), ctx.store.get(VDI, value)
    if new.type == CBT_METADATA:
        raise ApiError("VDI_INCOMPATIBLE_TYPE", self, "CBT metadata")
    if old is not None and old.ref == new.ref:
        return
    needed = [*required_srs(ctx.store, vm), new.SR]
    if not any(all(sees_sr(ctx.store, host.ref, sr) for sr in needed) for host in ctx.store.all(Host)):
        raise ApiError("NO_HOSTS_AVAILABLE")
    if old is not None:
        sums = [f"{vdi.uuid} : {await call(ctx, 'VDI.checksum', vdi.ref)}" for vdi in (old, new)]
        if sums[0].partition(" : ")[2] != sums[1].partition(" : ")[2]:
            raise ApiError("SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", *sums)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VM, self), suspend_VDI=value)


async def assert_can_be_recovered(ctx: Context, self: str, session_to: str) -> None:
    """VM.assert_can_be_recovered. Raises VM_REQUIRES_SR [VM, SR]."""
    for sr in missing_srs(ctx.store, ctx.store.get(VM, self), here_of(ctx)):
        raise ApiError("VM_REQUIRES_SR", self, sr)


async def get_SRs_required_for_recovery(ctx: Context, self: str, session_to: str) -> tuple[str, ...]:  # noqa: N802
    """VM.get_SRs_required_for_recovery: those that the VM needs and that are not there."""
    return tuple(missing_srs(ctx.store, ctx.store.get(VM, self), here_of(ctx)))


def here_of(ctx: Context) -> Reader:
    """The pool's own database, also for a session that sees a copy of another."""
    return (ctx.services.home or ctx.services).store


def missing_srs(reader: Reader, vm: VM, here: Reader) -> list[str]:
    """Storage of a VM's disks that no host of the pool has plugged in. reader: the VM's database; here: the pool's."""
    disks = (reader.find(VDI, vbd.VDI) for vbd in vbds_of(reader, vm) if vbd.type != "CD" and not vbd.empty)
    refs = dict.fromkeys(vdi.SR for vdi in disks if vdi is not None)
    return [ref for ref in refs if not _is_usable(reader.find(SR, ref), here)]


def _is_usable(sr: SR | None, here: Reader) -> bool:
    if sr is None or sr.content_type == "iso":
        return sr is not None
    try:
        found = here.by_uuid(SR, sr.uuid)
    except ApiError:
        return False
    return any(pbd is not None and pbd.currently_attached for pbd in (here.find(PBD, pbd) for pbd in found.PBDs))


async def update_snapshot_metadata(
    ctx: Context, vm: str, snapshot_of: str, snapshot_time: str, transportable_snapshot_id: str
) -> None:
    """VM.update_snapshot_metadata: make a VM's record that of a snapshot."""
    async with ctx.store.transaction() as tx:
        tx.set(
            tx.get(VM, vm),
            is_a_snapshot=True,
            snapshot_of=snapshot_of,
            snapshot_time=snapshot_time,
            transportable_snapshot_id=transportable_snapshot_id,
        )
        refresh(tx, vm)


async def atomic_set_resident_on(ctx: Context, vm: str, host: str) -> None:
    """VM.atomic_set_resident_on: note where a VM is, and that nothing is reserved for it any more."""
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VM, vm), resident_on=host, scheduled_to_be_resident_on=NULL_REF)


async def retrieve_wlb_recommendations(ctx: Context, vm: str) -> Mapping[str, Any]:
    """VM.retrieve_wlb_recommendations: there is no workload balancing. Raises WLB_NOT_INITIALIZED []."""
    ctx.store.get(VM, vm)
    raise ApiError("WLB_NOT_INITIALIZED")


HANDLERS: Handlers = {
    "VM.set_suspend_VDI": set_suspend_VDI,
    "VM.create_new_blob": create_new_blob(VM),
    "VM.assert_can_be_recovered": assert_can_be_recovered,
    "VM.get_SRs_required_for_recovery": get_SRs_required_for_recovery,
    "VM.update_snapshot_metadata": update_snapshot_metadata,
    "VM.atomic_set_resident_on": atomic_set_resident_on,
    "VM.retrieve_wlb_recommendations": retrieve_wlb_recommendations,
}
