"""VM.migrate_send within a pool: a VM is moved together with its disks; and host.migrate_receive.

Disks that a guest is using are copied from a snapshot. That is exact as long as guests are simulated and write
nothing; a hypervisor with real ones has to mirror their writes meanwhile. What is uploaded meanwhile is copied too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import marked
from xapi_async.operations.storage.origins import note_origins
from xapi_async.operations.storage.plugging import prepare_disks, release_disks
from xapi_async.operations.storage.vdi_copies import catch_up
from xapi_async.operations.vm.can_boot import sees_sr
from xapi_async.operations.vm.facts import vbds_of
from xapi_async.operations.vm.features import require_feature, the_pool
from xapi_async.operations.vm.reserving import AnyHost, Choice
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm_copies.disks import CopyDisk, copy_one, copying, destroy_quietly, snapshotting
from xapi_async.operations.vm_copies.migrating import move_domain, reserved
from xapi_async.operations.vm_copies.migration_checks import (
    Move,
    Refs,
    destinations,
    require_images,
    require_mapped,
    require_migratable,
    require_no_cbt,
    require_no_reset,
)

MOST_AT_ONCE = 3
"""How many VMs a host sends at the same time."""

CARRIED_OVER = "config-drive"
"""The one key of other_config that a moved disk keeps."""


async def migrate_send(
    ctx: Context,
    vm: str,
    dest: Mapping[str, str],
    live: bool,
    vdi_map: Refs,
    vif_map: Refs,
    options: Mapping[str, str],
    vgpu_map: Refs,
) -> str:
    """VM.migrate_send: move a VM to a host of this pool, its disks to the SRs mapped; gives the VM.

    Raises as the rules and VM.assert_can_migrate say, TOO_MANY_STORAGE_MIGRATES ["3"], OPERATION_NOT_ALLOWED [text],
    VDI_NOT_IN_MAP [VDI], VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION [VDI], SUSPEND_IMAGE_NOT_ACCESSIBLE [VDI],
    VDI_CBT_ENABLED [VDI], or what copying and moving give. Where it fails the VM is as it was, but for ejected CDs.
    """
    move = Move(vm, dest, vdi_map, vif_map, options)
    async with marked(ctx, RULES, vm, "migrate_send"):
        require_migratable(ctx.store, move)
        is_live = ctx.store.get(VM, vm).power_state == "Running"
        choice: Choice = _Target(move.host) if is_live else AnyHost(ctx)
        async with reserved(ctx, vm, choice) as chosen:
            working = ctx.store.get(VM, vm).resident_on if is_live else chosen
            _require_slot(ctx, vm, working)
            if move.is_copy:
                raise ApiError("OPERATION_NOT_ALLOWED", "within a pool VM.copy makes copies")
            wanted = _checked_destinations(ctx, move, working)
            await _eject_cds(ctx, move, is_live=is_live)
            await _move_all(ctx, move, wanted, is_live=is_live)
    return vm


class _Target:
    """The host asked for, which was found to be fit already."""

    def __init__(self, host: str) -> None:
        self.host = host

    def __call__(self, tx: Transaction, vm: VM) -> str:
        return self.host


def _require_slot(ctx: Context, vm: str, working: str) -> None:
    sent = 0
    for other in ctx.store.all(VM):
        where = other.resident_on if other.power_state == "Running" else other.scheduled_to_be_resident_on
        if other.ref != vm and where == working and "migrate_send" in other.current_operations.values():
            sent += 1
    if sent >= MOST_AT_ONCE:
        raise ApiError("TOO_MANY_STORAGE_MIGRATES", MOST_AT_ONCE)


def _checked_destinations(ctx: Context, move: Move, working: str) -> dict[str, str]:
    """The disks that leave their SR, and for which."""
    store = ctx.store
    require_mapped(store, move)
    require_no_reset(store, move)
    require_images(store, move, working)
    wanted = {disk: sr for disk, sr in destinations(store, move).items() if sr != store.get(VDI, disk).SR}
    require_no_cbt(store, wanted)
    return wanted


async def _eject_cds(ctx: Context, move: Move, *, is_live: bool) -> None:
    """Take out CDs that the destination does not see; a suspended guest keeps its own."""
    vm = ctx.store.get(VM, move.vm)
    if vm.power_state == "Suspended":
        return
    for vbd in list(vbds_of(ctx.store, vm)):
        cd = ctx.store.find(VDI, vbd.VDI) if vbd.type == "CD" and not vbd.empty else None
        if cd is not None and not sees_sr(ctx.store, move.host, cd.SR):
            async with ctx.task.child("VBD.eject") as task:
                await call(replace(ctx, task=task), "VBD.eject", vbd.ref)


# The move


async def _move_all(ctx: Context, move: Move, wanted: Refs, *, is_live: bool) -> None:
    services, source = ctx.services, ctx.store.get(VM, move.vm).resident_on
    with services.open_disks.moving(wanted):
        made = await _copy_all(ctx, wanted)
        try:
            await catch_up(ctx, made)
            if is_live:
                await move_domain(ctx, move.vm, move.host, with_disks=False)
        except BaseException:
            await asyncio.shield(destroy_quietly(ctx, made.values()))
            raise
        await asyncio.shield(_exchange(ctx, move, made, source if is_live else NULL_REF))
        if is_live and ctx.store.get(VM, move.vm).power_state == "Running":
            await prepare_disks(services, move.vm, move.host, is_start=False)
        await destroy_quietly(ctx, made)


async def _copy_all(ctx: Context, wanted: Refs) -> dict[str, str]:
    """Copy disks, the smallest first; gives the new ones by the old ones. All or none."""
    sizes = {ref: ctx.store.get(VDI, ref).virtual_size for ref in wanted}
    done, total = 0, sum(sizes.values()) or 1
    made: dict[str, str] = {}
    try:
        for ref in sorted(wanted, key=lambda ref: sizes[ref]):
            start, share = done / total, sizes[ref] / total

            async def watch(value: float, start: float = start, share: float = share) -> None:
                await ctx.task.progress(start + share * value)

            made[ref] = await copy_one(ctx, ref, _moving(wanted[ref]), watch)
            done += sizes[ref]
            await ctx.task.progress(done / total)
        ctx.task.check()
    except BaseException:
        await asyncio.shield(destroy_quietly(ctx, made.values()))
        raise
    return made


def _moving(sr: str) -> CopyDisk:
    """Copies a disk whether it is in use or not."""
    copy, snapshot = copying(sr), snapshotting()

    async def make(ctx: Context, vdi: str) -> str:
        vbds = (ctx.store.find(VBD, ref) for ref in ctx.store.get(VDI, vdi).VBDs)
        if not any(vbd is not None and vbd.currently_attached and vbd.mode == "RW" for vbd in vbds):
            return await copy.make(ctx, vdi)
        kept = await snapshot.make(ctx, vdi)
        try:
            return await copy.make(ctx, kept)
        finally:
            await asyncio.shield(destroy_quietly(ctx, [kept]))

    return CopyDisk(copy.message, make)


async def _exchange(ctx: Context, move: Move, made: Refs, source: str) -> None:
    """Put the new disks in the places of the old ones. source: where a running guest came from."""
    if source != NULL_REF:
        await release_disks(ctx.services, move.vm, source)
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, move.vm)
        for old, new in made.items():
            _replace(tx, tx.get(VDI, old), tx.get(VDI, new), made)
        for owner in (vm, *(tx.get(VM, ref) for ref in vm.snapshots)):
            if owner.suspend_VDI in made:
                tx.set(owner, suspend_VDI=made[owner.suspend_VDI])
        if vm.suspend_SR != NULL_REF and not sees_sr(tx, move.host, vm.suspend_SR):
            tx.set(vm, suspend_SR=NULL_REF)
    snapshots = (ref for new in made.values() for ref in ctx.store.get(VDI, new).snapshots)
    await note_origins(ctx.services, dict.fromkeys((*made.values(), *snapshots)))


def _replace(tx: Transaction, old: VDI, new: VDI, made: Refs) -> None:
    sr = tx.get(SR, old.SR)
    kept = {key: value for key, value in old.other_config.items() if key == CARRIED_OVER}
    tx.set(
        new,
        other_config=kept,
        sm_config={**new.sm_config, "base_mirror": f"{sr.uuid}/{old.location}"},
        is_a_snapshot=old.is_a_snapshot,
        snapshot_of=made.get(old.snapshot_of, old.snapshot_of),
        snapshot_time=old.snapshot_time,
    )
    for ref in old.VBDs:
        tx.set(tx.get(VBD, ref), VDI=new.ref)
    for ref in old.snapshots:
        if ref not in made:  # one that no VM has any more
            tx.set(tx.get(VDI, ref), snapshot_of=new.ref)


# The receiving side


async def migrate_receive(ctx: Context, host: str, network: str, options: Mapping[str, str]) -> dict[str, str]:
    """host.migrate_receive: what a sender has to know of a host.

    Raises LICENCE_RESTRICTION ["Storage_motion"], HOST_CANNOT_ATTACH_NETWORK [host, network],
    PIF_HAS_NO_NETWORK_CONFIGURATION [PIF] or INTERFACE_HAS_NO_IP [PIF].
    """
    store = ctx.store
    require_feature(store, "Storage_motion")
    target = store.get(Host, host)
    found = (store.find(PIF, ref) for ref in store.get(Network, network).PIFs)
    pif = next((pif for pif in found if pif is not None and pif.host == host), None)
    if pif is None:
        raise ApiError("HOST_CANNOT_ATTACH_NETWORK", host, network)
    if not pif.IP:
        is_unset = pif.ip_configuration_mode == "None"
        raise ApiError("PIF_HAS_NO_NETWORK_CONFIGURATION" if is_unset else "INTERFACE_HAS_NO_IP", pif.ref)
    session = ctx.caller.session
    address = store.get(Host, the_pool(store).master).address
    return {
        "SM": f"http://{pif.IP}/services/SM?session_id={session}",
        "host": target.ref,
        "xenops": f"http://{pif.IP}/services/xenops?session_id={session}",
        "session_id": session,
        "master": f"http://{address}/",
    }


HANDLERS: Handlers = {"VM.migrate_send": migrate_send, "host.migrate_receive": migrate_receive}
