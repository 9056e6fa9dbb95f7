"""VM.revert: a VM becomes again what it was when a snapshot was taken.

The snapshot's disks are cloned before anything is taken from the VM, and the records change all at
once; so a revert that fails for want of space, say, costs the VM none of its disks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.vusb import delete_vusbs
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.marking import Mark, marked_together
from xapi_async.operations.storage.origins import note_origins
from xapi_async.operations.vm.facts import vbds_of
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm.states import force_reset
from xapi_async.operations.vm.stopping import hard_shutdown
from xapi_async.operations.vm_copies import devices
from xapi_async.operations.vm_copies.disks import Made, cloning, copy_all, destroy_quietly
from xapi_async.operations.vm_copies.fields import RESET, STORED, fresh_generation_id, unpack
from xapi_async.operations.vm_copies.hosts import host_seeing_disks, master
from xapi_async.operations.vm_copies.steady import steady

log = logging.getLogger(__name__)

UNTOUCHED = frozenset(
    {
        "uuid",
        "suspend_VDI",
        "power_state",
        "parent",
        "current_operations",
        "allowed_operations",
        "metrics",
        "guest_metrics",
        "resident_on",
        "domid",
        "protection_policy",
        "snapshot_schedule",
        "scheduled_to_be_resident_on",
        "tags",
        "affinity",
        "attached_PCIs",
    }
)
"""What a VM keeps, or gets otherwise than from what its snapshot remembers of it."""

UNTOUCHED_BY_OLD = UNTOUCHED | {
    "name_label",
    "is_a_template",
    "is_default_template",
    "is_a_snapshot",
    "snapshot_of",
    "snapshot_time",
    "transportable_snapshot_id",
}
"""The same for snapshots that remember nothing, as old imports; their own fields are taken."""

SHOWN_ERRORS = frozenset({"SR_BACKEND_FAILURE_44", "SR_BACKEND_FAILURE_109", "VDI_INCOMPATIBLE_TYPE"})
"""Errors of the work itself that callers see; all others are VM_REVERT_FAILED."""


async def revert(ctx: Context, snapshot: str) -> None:
    """VM.revert: disks, memory, devices and settings; the VM ends halted or suspended.

    Raises as the rules say, SR_HAS_NO_PBDS [SR] or HOST_NOT_LIVE [host] for the saved memory, as VM.hard_shutdown,
    NO_HOSTS_AVAILABLE [], VM_REVERT_FAILED [snapshot, VM], or one of SHOWN_ERRORS.
    """
    target = await _target(ctx, snapshot)
    async with marked_together(ctx, Mark(RULES, snapshot, "revert"), Mark(RULES, target, "reverting")):
        _require_memory(ctx.store, ctx.store.get(VM, snapshot))
        if ctx.store.get(VM, target).power_state != "Halted":
            async with ctx.task.child("VM.hard_shutdown") as task:
                await hard_shutdown(Context(ctx.services, ctx.caller, task, ctx.origin), target)
        host_seeing_disks(ctx.store, ctx.store.get(VM, target), ctx.services.rng)
        await asyncio.shield(_revert(steady(ctx), snapshot, target))


# The VM to revert


async def _target(ctx: Context, snapshot: str) -> str:
    """The VM the snapshot is of; made again where it was destroyed."""
    source = ctx.store.get(VM, snapshot)
    if ctx.store.find(VM, source.snapshot_of) is not None:
        return source.snapshot_of
    remembered = unpack(source.snapshot_metadata)
    if remembered is None or "uuid" not in remembered:
        raise ApiError("VM_REVERT_FAILED", snapshot, source.snapshot_of)
    try:
        async with ctx.store.transaction() as tx:
            return _make_again(tx, tx.get(VM, snapshot), remembered)
    except ApiError as error:
        raise ApiError("VM_REVERT_FAILED", snapshot, source.snapshot_of) from error


def _make_again(tx: Transaction, snapshot: VM, remembered: Mapping[str, Any]) -> str:
    lost = snapshot.snapshot_of
    values: dict[str, Any] = {**{name: getattr(snapshot, name) for name in STORED}, **RESET, "tags": snapshot.tags}
    values |= {name: value for name, value in remembered.items() if name not in UNTOUCHED}
    metrics = tx.create(VMMetrics, VCPUs_utilisation={0: 0.0}).ref
    values |= {"uuid": remembered["uuid"], "ha_always_run": False, "metrics": metrics}
    target = tx.create(VM, **values).ref
    for vm in list(tx.all(VM)):
        if vm.snapshot_of == lost:
            tx.set(vm, snapshot_of=target)
    force_reset(tx, target, "Halted")
    return target


def _require_memory(reader: Reader, snapshot: VM) -> None:
    """Raise SR_HAS_NO_PBDS [SR] or HOST_NOT_LIVE [host] where the saved memory of a snapshot is out of reach."""
    if snapshot.power_state != "Suspended":
        return
    image = reader.find(VDI, snapshot.suspend_VDI)
    sr = reader.find(SR, image.SR) if image else None
    if sr is None:
        raise ApiError("SR_HAS_NO_PBDS", image.SR if image else NULL_REF)
    plugged = [pbd.host for pbd in (reader.find(PBD, ref) for ref in sr.PBDs) if pbd and pbd.currently_attached]
    wanted = [host for host in plugged if host == master(reader)] if sr.shared else plugged
    if not wanted:
        raise ApiError("SR_HAS_NO_PBDS", sr.ref)
    host = reader.find(Host, wanted[0])
    if host is None or not is_host_live(reader, host):
        raise ApiError("HOST_NOT_LIVE", wanted[0])


# The work


async def _revert(ctx: Context, snapshot: str, target: str) -> None:
    made: Made | None = None
    try:
        source = ctx.store.get(VM, snapshot)
        image = source.suspend_VDI if source.power_state == "Suspended" else NULL_REF
        made = await copy_all(ctx, source, cloning(), image=image)
        replaced = _replaced_disks(ctx.store, source, ctx.store.get(VM, target))
        async with ctx.store.transaction() as tx:
            _exchange(tx, ctx, snapshot, target, made)
    except Exception as error:
        if made is not None:
            await made.discard(ctx)
        async with ctx.store.transaction() as tx:
            force_reset(tx, target, "Halted")
        if isinstance(error, ApiError) and error.code in SHOWN_ERRORS:
            raise
        log.info("revert to %s failed: %s", snapshot, error)
        raise ApiError("VM_REVERT_FAILED", snapshot, target) from error
    copies = (ctx.store.find(VDI, ref) for ref in made.by_source.values())
    await note_origins(ctx.services, [ref for vdi in copies if vdi is not None for ref in vdi.snapshots])
    await destroy_quietly(ctx, replaced)


def _replaced_disks(reader: Reader, snapshot: VM, target: VM) -> list[str]:
    """The VM's saved memory, and those of its disks that the snapshot has a state of; others are kept."""
    originals = {vdi.snapshot_of for vdi in _disks(reader, snapshot)}
    disks = [vdi.ref for vdi in _disks(reader, target) if vdi.ref in originals]
    return [*([target.suspend_VDI] if target.suspend_VDI != NULL_REF else []), *disks]


def _disks(reader: Reader, vm: VM) -> list[VDI]:
    found = []
    for vbd in vbds_of(reader, vm):
        vdi = None if vbd.empty or vbd.type != "Disk" else reader.find(VDI, vbd.VDI)
        sr = reader.find(SR, vdi.SR) if vdi else None
        if vdi is not None and (sr is None or sr.content_type != "iso"):
            found.append(vdi)
    return found


def _exchange(tx: Transaction, ctx: Context, snapshot: str, target: str, made: Made) -> None:
    """Give the VM the fields and devices that it had, and the new disks."""
    source, vm = tx.get(VM, snapshot), tx.get(VM, target)
    _restore_fields(tx, ctx, source, vm)
    devices.delete_vbds(tx, target)
    devices.delete_vifs(tx, target)
    delete_vusbs(tx, target)
    devices.delete_vgpus(tx, target)
    devices.delete_metrics(tx, vm)
    _follow_clones(tx, made)
    tx.set(vm, **devices.copy_metrics(tx, source), suspend_VDI=made.image, parent=snapshot)
    devices.copy_vbds(tx, snapshot, target, made.by_source)
    devices.copy_vifs(tx, snapshot, target, keep_mac=True)
    devices.copy_vgpus(tx, snapshot, target)
    if source.power_state == "Suspended":
        tx.set(vm, last_booted_record=source.last_booted_record)
    force_reset(tx, target, "Suspended" if source.power_state == "Suspended" else "Halted")


def _restore_fields(tx: Transaction, ctx: Context, source: VM, vm: VM) -> None:
    remembered = unpack(source.snapshot_metadata)
    if remembered is None:
        values = {name: getattr(source, name) for name in STORED if name not in UNTOUCHED_BY_OLD}
    else:
        values = {name: value for name, value in remembered.items() if name not in UNTOUCHED}
    generation = fresh_generation_id(values.get("generation_id", vm.generation_id), ctx.services.rng)
    tx.set(vm, **{**values, "ha_always_run": False, "generation_id": generation})


def _follow_clones(tx: Transaction, made: Made) -> None:
    """Have all snapshots of a disk that was replaced name the disk in its place."""
    in_place_of: dict[str, str] = {}
    for old, new in made.by_source.items():
        vdi = tx.find(VDI, old)
        if vdi is not None and new != old and vdi.snapshot_of != NULL_REF:
            in_place_of[vdi.snapshot_of] = new
    for vdi in list(tx.view.all(VDI)) if in_place_of else ():
        if vdi.snapshot_of in in_place_of:
            tx.set(vdi, snapshot_of=in_place_of[vdi.snapshot_of])


HANDLERS: Handlers = {"VM.revert": revert}
