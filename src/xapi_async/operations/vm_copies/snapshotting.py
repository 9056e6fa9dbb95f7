"""VM.snapshot, VM.snapshot_with_quiesce and VM.checkpoint: keeping what a VM is now."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.facts import vbds_of
from xapi_async.operations.vm.features import require_feature
from xapi_async.operations.vm.reserving import ThisHost
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm.starting import restore
from xapi_async.operations.vm.stopping import save_memory
from xapi_async.operations.vm_copies.copying import Plan, make_copy
from xapi_async.operations.vm_copies.disks import snapshotting
from xapi_async.operations.vm_copies.hosts import host_seeing_disks
from xapi_async.operations.vm_copies.steady import steady


async def snapshot(ctx: Context, vm: str, new_name: str) -> str:
    """VM.snapshot: the disks as they are, in whatever state the VM is.

    Raises as the rules say, NO_HOSTS_AVAILABLE [], or as VDI.snapshot does.
    """
    return await take_snapshot(ctx, vm, new_name)


async def take_snapshot(ctx: Context, vm: str, new_name: str, **extra: Any) -> str:
    """As :func:`snapshot`. extra: further fields of the snapshot."""
    async with marked(ctx, RULES, vm, "snapshot"):
        source = ctx.store.get(VM, vm)
        host_seeing_disks(ctx.store, source, ctx.services.rng)
        return await make_copy(ctx, vm, new_name, _plan(_crash_consistent(source), extra))


async def checkpoint(ctx: Context, vm: str, new_name: str) -> str:
    """VM.checkpoint: disks and memory; a running VM is suspended for that and resumed where it was.

    Raises as the rules say, LICENCE_RESTRICTION ["Checkpoint"], SR_OPERATION_NOT_SUPPORTED [VM], or as
    VM.suspend, VDI.snapshot and VM.resume do.
    """
    return await take_checkpoint(ctx, vm, new_name)


async def take_checkpoint(ctx: Context, vm: str, new_name: str, **extra: Any) -> str:
    """As :func:`checkpoint`. extra: further fields of the snapshot."""
    async with marked(ctx, RULES, vm, "checkpoint"):
        source = ctx.store.get(VM, vm)
        if source.power_state == "Running":
            require_reachable(ctx.services, source.resident_on)
        else:
            host_seeing_disks(ctx.store, source, ctx.services.rng)
        require_feature(ctx.store, "Checkpoint")
        if source.power_state == "Running":
            return await _checkpoint_running(ctx, vm, new_name, extra)
        # Of a paused one only the disks are taken.
        plan = _plan({}, extra, with_memory=source.power_state == "Suspended")
        return await make_copy(ctx, vm, new_name, plan)


async def _checkpoint_running(ctx: Context, vm: str, new_name: str, extra: dict[str, Any]) -> str:
    source = ctx.store.get(VM, vm)
    _require_snapshots_of_disks(ctx, source)
    host, info = source.resident_on, _crash_consistent(source)
    await asyncio.shield(save_memory(ctx, vm))
    try:
        made = await make_copy(ctx, vm, new_name, _plan(info, extra, with_memory=True))
    except BaseException:
        with suppress(ApiError):  # what went wrong first is what the caller is to know
            await asyncio.shield(restore(steady(ctx), vm, ThisHost(host)))
        raise
    await asyncio.shield(restore(steady(ctx), vm, ThisHost(host)))
    return made


def _require_snapshots_of_disks(ctx: Context, vm: VM) -> None:
    """Raise SR_OPERATION_NOT_SUPPORTED, naming the VM of all things, where a disk's storage has no snapshots."""
    store = ctx.store
    for vbd in vbds_of(store, vm):
        vdi = None if vbd.type == "CD" or vbd.empty else store.find(VDI, vbd.VDI)
        sr = store.find(SR, vdi.SR) if vdi else None
        if sr is None:
            continue
        plugins = (plugin for plugin in store.all(SM) if plugin.type == sr.type)
        if not any("VDI_SNAPSHOT" in plugin.features for plugin in plugins):
            raise ApiError("SR_OPERATION_NOT_SUPPORTED", vm.ref)


def _plan(info: dict[str, str], extra: dict[str, Any], *, with_memory: bool = False) -> Plan:
    return Plan(snapshotting(), is_snapshot=True, with_memory=with_memory, info=info, extra=extra)


def _crash_consistent(vm: VM) -> dict[str, str]:
    return {"power-state-at-snapshot": vm.power_state, "disk-snapshot-type": "crash_consistent"}


HANDLERS: Handlers = {"VM.snapshot": snapshot, "VM.checkpoint": checkpoint}
