"""VM_appliance: starting and stopping VMs together, in the order they state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_appliance import VMAppliance
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.miscellany import here_of, missing_srs
from xapi_async.operations.vm.rules import refresh
from xapi_async.operations.vm_appliance_rules import RULES, members_of, refresh_appliance

log = logging.getLogger(__name__)

OnMember = Callable[[Context, str], Awaitable[Any]]


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """VM_appliance.create: an appliance without VMs."""
    async with ctx.store.transaction() as tx:
        ref = tx.create(VMAppliance, **args).ref
        refresh_appliance(tx, ref)
        return ref


async def destroy(ctx: Context, self: str) -> None:
    """VM_appliance.destroy: its VMs stay, in no appliance."""
    async with ctx.store.transaction() as tx:
        appliance = tx.get(VMAppliance, self)
        for vm in members_of(tx, appliance):
            tx.set(vm, appliance=NULL_REF)
            refresh(tx, vm.ref)
        tx.delete(appliance)


async def start(ctx: Context, self: str, paused: bool) -> None:
    """VM_appliance.start: the lowest order first. Raises as the rules say, or OPERATION_PARTIALLY_FAILED."""
    await _run(ctx, self, "start", "Paused" if paused else "Running", ("VM.start", paused, False))


async def clean_shutdown(ctx: Context, self: str) -> None:
    """VM_appliance.clean_shutdown: the highest order first. Raises as :func:`start`."""
    await _run(ctx, self, "clean_shutdown", "Halted", ("VM.clean_shutdown",))


async def hard_shutdown(ctx: Context, self: str) -> None:
    """VM_appliance.hard_shutdown: the highest order first. Raises as :func:`start`."""
    await _run(ctx, self, "hard_shutdown", "Halted", ("VM.hard_shutdown",))


async def shutdown(ctx: Context, self: str) -> None:
    """VM_appliance.shutdown: the highest order first. Raises as :func:`start`."""
    await _run(ctx, self, "shutdown", "Halted", ("VM.shutdown",))


async def _run(ctx: Context, self: str, operation: str, goal: str, message: tuple[Any, ...]) -> None:
    """Bring all members to a state, those of equal order together; the delays of VMs hold back the next order."""
    async with marked(ctx, RULES, self, operation):
        members = [vm.ref for vm in members_of(ctx.store, ctx.store.get(VMAppliance, self))]
        waiting = [vm for vm in members if _state(ctx, vm) not in (goal, None)]
        groups = _by_order(ctx, waiting, is_ascending=goal != "Halted")
        for number, group in enumerate(groups, 1):
            ctx.task.check()
            async with asyncio.TaskGroup() as calls:
                for vm in group:
                    calls.create_task(_call(ctx, vm, message))
            await ctx.task.progress(number / len(groups))
        ctx.task.check()
        failed = [vm for vm in members if _state(ctx, vm) not in (goal, None)]
        if failed:
            raise ApiError("OPERATION_PARTIALLY_FAILED", f"VM_appliance.{operation}", *failed)


async def _call(ctx: Context, vm: str, message: tuple[Any, ...]) -> None:
    """One call for one VM, as a task of its own. How it ended shows in the VM's state."""
    name, *args = message
    try:
        async with ctx.task.child(f"Async.{name}") as task:
            await call(replace(ctx, task=task), name, vm, *args)
    except ApiError as error:
        log.info("%s for VM %s: %s", name, vm, error.description)
    except Exception:
        log.exception("%s for VM %s", name, vm)


def _state(ctx: Context, vm: str) -> str | None:
    found = ctx.store.find(VM, vm)
    return found.power_state if found else None


def _by_order(ctx: Context, vms: list[str], *, is_ascending: bool) -> list[list[str]]:
    def order(vm: str) -> int:
        return ctx.store.get(VM, vm).order

    ranked = sorted(vms, key=order, reverse=not is_ascending)
    return [list(group) for _, group in groupby(ranked, key=order)]


# Recovery


async def assert_can_be_recovered(ctx: Context, self: str, session_to: str) -> None:
    """VM_appliance.assert_can_be_recovered. Raises VM_REQUIRES_SR [VM, SR]."""
    for vm in members_of(ctx.store, ctx.store.get(VMAppliance, self)):
        for sr in missing_srs(ctx.store, vm, here_of(ctx)):
            raise ApiError("VM_REQUIRES_SR", vm.ref, sr)


async def get_SRs_required_for_recovery(ctx: Context, self: str, session_to: str) -> tuple[str, ...]:  # noqa: N802
    """VM_appliance.get_SRs_required_for_recovery: what its VMs need and what is not there, each once."""
    members = members_of(ctx.store, ctx.store.get(VMAppliance, self))
    return tuple(dict.fromkeys(sr for vm in members for sr in missing_srs(ctx.store, vm, here_of(ctx))))


HANDLERS: Handlers = {
    "VM_appliance.create": create,
    "VM_appliance.destroy": destroy,
    "VM_appliance.start": start,
    "VM_appliance.clean_shutdown": clean_shutdown,
    "VM_appliance.hard_shutdown": hard_shutdown,
    "VM_appliance.shutdown": shutdown,
    "VM_appliance.assert_can_be_recovered": assert_can_be_recovered,
    "VM_appliance.get_SRs_required_for_recovery": get_SRs_required_for_recovery,
}
