"""VDI: moving a disk that a VM has to another SR, with its snapshots, while the VM goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import Mark, marked_together, refresh
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.facts import (
    has_feature,
    incompatible_type,
    is_in_use,
    live,
    require_licence,
    sees,
    vbds_of_vdi,
)
from xapi_async.operations.storage.origins import note_origins
from xapi_async.operations.storage.plugging import prepare_disk, release_disk
from xapi_async.operations.storage.vdi import destroy
from xapi_async.operations.storage.vdi_copies import catch_up, copy_into_new
from xapi_async.operations.vm.can_boot import Boot, boot_error
from xapi_async.operations.vm.reserving import release, reserve
from xapi_async.operations.vm.rules import RULES as VM_RULES

NEEDED = ("VDI_MIRROR", "VDI_SNAPSHOT")
"""What both SRs must be able to do."""

KEPT_KEY = "config-drive"
"""The one key of other_config that a moved disk keeps."""


async def pool_migrate(ctx: Context, vdi: str, sr: str, options: Mapping[str, str]) -> str:
    """VDI.pool_migrate: move a disk and its snapshots to another SR; gives the disk that takes its place.

    Raises VDI_NEEDS_VM_FOR_MIGRATE [VDI], what forbids to migrate the VM, VM_REQUIRES_SR [VM, SR] or
    NO_HOSTS_AVAILABLE [] where the VM could not be used with the disk in its new place, VDI_CBT_ENABLED [VDI],
    VDI_INCOMPATIBLE_TYPE [VDI, type], VBD_MISSING [], HOST_HAS_NO_MANAGEMENT_IP [], LICENCE_RESTRICTION ["SXM"],
    SR_DOES_NOT_SUPPORT_MIGRATION [SR], or what copying raises. The old disks stay where it fails.
    """
    store = ctx.store
    first = next(vbds_of_vdi(store, store.get(VDI, vdi)), None)
    if first is None:
        raise ApiError("VDI_NEEDS_VM_FOR_MIGRATE", vdi)
    store.get(SR, sr)
    vm = first.VM
    async with (
        marked_together(ctx, Mark(VM_RULES, vm, "migrate_send"), Mark(vdi_rules.RULES, vdi, "mirror")),
        _placed(ctx, sr, vm) as host,
    ):
        _require_movable(ctx, vdi, sr, vm, host)
        source = store.get(VDI, vdi)
        if sr == source.SR:
            return vdi
        # Snapshots first: what is newest is moved last, and so is as new as can be.
        snapshots = sorted(live(store, VDI, source.snapshots), key=lambda one: one.snapshot_time)
        olds = [*(one.ref for one in snapshots if one.managed), vdi]
        with ctx.services.open_disks.moving(olds):
            moved = await _copy_all(ctx, olds, sr)
            await _take_place(ctx, moved, vdi)
            await asyncio.shield(_discard(ctx, olds))
    return moved[vdi]


@asynccontextmanager
async def _placed(ctx: Context, sr: str, vm: str) -> AsyncIterator[str]:
    """The host the VM is on, else one set aside for it meanwhile, where it could run with the disk in its new place.

    Raises VM_REQUIRES_SR [VM, SR] where its host does not see that, NO_HOSTS_AVAILABLE [] where no host does that can
    boot it.
    """
    store, key = ctx.store, ctx.task.ref
    home = store.get(VM, vm).resident_on
    if home != NULL_REF:
        if not sees(store, home, sr):
            raise ApiError("VM_REQUIRES_SR", vm, sr)
        yield home
        return
    async with store.transaction() as tx:
        host = reserve(tx, vm, lambda tx, found: _bootable_host(tx.view, found, sr), "vm_migrate", key)
    try:
        yield host
    finally:
        await asyncio.shield(_release(ctx, vm, host, key))


def _bootable_host(reader: Reader, vm: VM, sr: str) -> str:
    for host in reader.all(Host):
        if sees(reader, host.ref, sr) and boot_error(Boot(reader, vm, host)) is None:
            return host.ref
    raise ApiError("NO_HOSTS_AVAILABLE")


async def _release(ctx: Context, vm: str, host: str, key: str) -> None:
    async with ctx.store.transaction() as tx:
        release(tx, vm, host, key)


def _require_movable(ctx: Context, ref: str, sr: str, vm: str, host: str) -> None:
    store = ctx.store
    vdi = store.get(VDI, ref)
    if vdi.type == "cbt_metadata":
        raise incompatible_type(ref, vdi.type)
    if vdi.cbt_enabled:
        raise ApiError("VDI_CBT_ENABLED", ref)
    if not vdi.VBDs:
        raise ApiError("VBD_MISSING")
    if not any(pif.management for pif in live(store, PIF, store.get(Host, host).PIFs)):
        raise ApiError("HOST_HAS_NO_MANAGEMENT_IP")
    require_licence(store, "restrict_storage_xen_motion", "SXM")
    for one in (vdi.SR, sr):
        found = store.get(SR, one)
        if not all(has_feature(store, found, feature) for feature in NEEDED):
            raise ApiError("SR_DOES_NOT_SUPPORT_MIGRATION", one)
    for vbd in live(store, VBD, store.get(VM, vm).VBDs):
        other = None if vbd.empty else store.find(VDI, vbd.VDI)
        if other is not None and other.cbt_enabled:
            raise ApiError("VDI_CBT_ENABLED", other.ref)


async def _copy_all(ctx: Context, olds: Sequence[str], sr: str) -> Mapping[str, str]:
    """New disks in the SR by the old ones they are copies of; none where one cannot be made."""
    moved: dict[str, str] = {}
    try:
        for old in olds:
            source = ctx.store.get(VDI, old)
            kept = ("name_label", "name_description", "virtual_size", "type", "sharable", "read_only")
            values: dict[str, Any] = {name: getattr(source, name) for name in kept}
            config = {key: value for key, value in source.other_config.items() if key == KEPT_KEY}
            moved[old] = await copy_into_new(ctx, old, {**values, "SR": sr, "other_config": config})
        await catch_up(ctx, moved)
    except BaseException:
        await asyncio.shield(_discard(ctx, list(moved.values())))
        raise
    return moved


async def _take_place(ctx: Context, moved: Mapping[str, str], vdi: str) -> None:
    """Have block devices, snapshots and running guests use the new disks in place of the old."""
    store, services = ctx.store, ctx.services
    devices = [vbd for old in moved for vbd in vbds_of_vdi(store, store.get(VDI, old))]
    running = {
        vbd.ref: vm.resident_on
        for vbd in devices
        for vm in live(store, VM, [vbd.VM])
        if is_in_use(vbd) and vm.power_state in ("Running", "Paused") and not vm.is_control_domain
    }
    for ref, host in running.items():
        await release_disk(services, ref, host)
    async with store.transaction() as tx:
        for device in devices:
            vbd = tx.find(VBD, device.ref)
            if vbd is not None and vbd.VDI in moved:
                tx.set(vbd, VDI=moved[vbd.VDI])
        for old, new in moved.items():
            source, target = tx.get(VDI, old), tx.get(VDI, new)
            tx.set(target, sm_config={**target.sm_config, "base_mirror": f"{source.SR}/{source.location}"})
            if old != vdi:
                tx.set(
                    target,
                    is_a_snapshot=True,
                    snapshot_of=moved.get(source.snapshot_of, source.snapshot_of),
                    snapshot_time=source.snapshot_time,
                )
            refresh(tx, vdi_rules.RULES, new)
    await note_origins(services, moved.values())
    for ref, host in running.items():
        await prepare_disk(services, ref, host)


async def _discard(ctx: Context, vdis: Sequence[str]) -> None:
    """Destroy disks that nobody needs any more; those that cannot be are left."""
    for ref in vdis:
        try:
            await destroy(ctx, ref)
        except ApiError:
            continue


HANDLERS: Handlers = {"VDI.pool_migrate": pool_migrate}
