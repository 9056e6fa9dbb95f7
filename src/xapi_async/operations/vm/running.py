"""VM: what is done to a live one that stays live: pausing and rebooting."""

from __future__ import annotations

import asyncio

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import DomainStateError, HypervisorError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked
from xapi_async.operations.storage.plugging import reset_disks
from xapi_async.operations.vm import states
from xapi_async.operations.vm.attachments import marked_devices
from xapi_async.operations.vm.domains import config_of
from xapi_async.operations.vm.facts import is_live
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.notices import vm_notice
from xapi_async.operations.vm.preparing import raise_hardware_platform
from xapi_async.operations.vm.reserving import AnyHost, ThisHost
from xapi_async.operations.vm.rules import RULES, bad_power_state
from xapi_async.operations.vm.settling import settle
from xapi_async.operations.vm.starting import boot
from xapi_async.operations.vm.stopping import GUEST_PATIENCE, preempt

PREEMPTED_BY_REBOOT = frozenset({"clean_shutdown", "clean_reboot", "pool_migrate", "call_plugin", "suspend"})
"""What a hard reboot cancels and waits for."""


async def pause(ctx: Context, vm: str) -> None:
    """VM.pause: stop the processors of a running VM."""
    async with marked(ctx, RULES, vm, "pause"):
        await _set_paused(ctx, vm, is_paused=True)


async def unpause(ctx: Context, vm: str) -> None:
    """VM.unpause: let the processors of a paused VM run."""
    async with marked(ctx, RULES, vm, "unpause"):
        await _set_paused(ctx, vm, is_paused=False)


async def _set_paused(ctx: Context, ref: str, *, is_paused: bool) -> None:
    vm, hypervisor = ctx.store.get(VM, ref), ctx.services.hypervisor
    require_reachable(ctx.services, vm.resident_on)
    try:
        await (hypervisor.pause if is_paused else hypervisor.unpause)(vm.uuid)
    except DomainStateError as error:
        if error.found != ("Paused" if is_paused else "Running"):  # else it was done before, and could not be noted
            raise api_error(ctx.store, error, ref) from error
    except (HypervisorError, ApiError) as error:
        raise api_error(ctx.store, error, ref) from error
    async with ctx.store.transaction() as tx:
        states.note_paused(tx, ref, is_paused=is_paused, now=ctx.services.clock.now())


async def clean_reboot(ctx: Context, vm: str) -> None:
    """VM.clean_reboot: ask the guest to end, and start it again on the same host.

    Raises VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT [] or VM_SHUTDOWN_TIMEOUT [VM, seconds].
    """
    async with marked(ctx, RULES, vm, "clean_reboot"):
        host = ctx.store.get(VM, vm).resident_on
        await _reboot(ctx, vm, GUEST_PATIENCE)
    await vm_notice(ctx, "VM_REBOOTED", vm, "was rebooted", host)


async def hard_reboot(ctx: Context, vm: str) -> None:
    """VM.hard_reboot: end the guest at once and start it again on the same host."""
    async with marked(ctx, RULES, vm, "hard_reboot"):
        host = ctx.store.get(VM, vm).resident_on
        await preempt(ctx, vm, PREEMPTED_BY_REBOOT)
        target = ctx.store.get(VM, vm)
        if target.power_state == "Suspended":
            raise ApiError("VM_BAD_POWER_STATE", vm, "running", "suspended")
        if is_live(target):
            await _reboot(ctx, vm, None)
        else:
            # What it preempts may have come to its end just as this one began: then it is on no host any more.
            await boot(ctx, vm, AnyHost(ctx) if host == NULL_REF else ThisHost(host))
    await vm_notice(ctx, "VM_REBOOTED", vm, "was rebooted by force", host)


async def _reboot(ctx: Context, vm: str, patience: float | None) -> None:
    host = ctx.store.get(VM, vm).resident_on
    require_reachable(ctx.services, host)
    async with marked_devices(ctx, vm):
        await replace_domain(ctx, vm, patience)


async def replace_domain(ctx: Context, vm: str, patience: float | None) -> None:
    """Reboot a live VM whose operation is marked already; where that leaves another domain or none, the VM shows it."""
    services = ctx.services
    async with ctx.store.transaction() as tx:
        raise_hardware_platform(tx, tx.get(VM, vm))
    target = ctx.store.get(VM, vm)
    if not is_live(target):  # an operation beside which this one may run came to its end
        raise bad_power_state(target, "running")
    config = config_of(ctx.store, target, ctx.store.get(Host, target.resident_on))
    try:
        async with ctx.task.cancellable():
            await services.hypervisor.reboot(target.uuid, config, patience, ctx.task.progress)
        await reset_disks(services, vm)  # not before: the guest may refuse to reboot
    except (HypervisorError, ApiError) as error:
        raise api_error(ctx.store, error, vm) from error
    finally:
        await asyncio.shield(settle(services, vm))


HANDLERS: Handlers = {
    "VM.pause": pause,
    "VM.unpause": unpause,
    "VM.clean_reboot": clean_reboot,
    "VM.hard_reboot": hard_reboot,
}
