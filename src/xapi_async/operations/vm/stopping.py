"""VM: shutting down, suspending, and saying that a VM is halted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import DomainStateError, HypervisorError, NoDomainError
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import is_host_live, require_reachable
from xapi_async.operations.marking import marked
from xapi_async.operations.vm import states
from xapi_async.operations.vm.can_boot import required_srs, sees_sr
from xapi_async.operations.vm.facts import is_live
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.notices import vm_notice
from xapi_async.operations.vm.resources import give_back
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm.settling import settle
from xapi_async.operations.vm.suspend_image import destroy_image, make_image
from xapi_async.operations.vm.waiting import until_over

GUEST_PATIENCE = 1200.0
"""Seconds a guest has to shut down or reboot."""

PREEMPTED_BY_SHUTDOWN = frozenset(
    {"clean_shutdown", "clean_reboot", "hard_reboot", "pool_migrate", "call_plugin", "suspend"}
)
"""What a hard shutdown cancels and waits for."""


async def clean_shutdown(ctx: Context, vm: str) -> None:
    """VM.clean_shutdown: ask the guest to end and wait for that.

    Raises VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT [] or VM_SHUTDOWN_TIMEOUT [VM, seconds].
    """
    async with marked(ctx, RULES, vm, "clean_shutdown"):
        await unprotect(ctx, vm)
        host = ctx.store.get(VM, vm).resident_on
        await ask_to_end(ctx, vm, GUEST_PATIENCE)
        await ctx.services.clock.sleep(ctx.store.get(VM, vm).shutdown_delay)
    await vm_notice(ctx, "VM_SHUTDOWN", vm, "was shut down", host)


async def shutdown(ctx: Context, vm: str) -> None:
    """VM.shutdown: ask the guest to end, and end it where it does not."""
    async with marked(ctx, RULES, vm, "shutdown"):
        await unprotect(ctx, vm)
        host, delay = ctx.store.get(VM, vm).resident_on, ctx.store.get(VM, vm).shutdown_delay
        if ctx.store.get(VM, vm).power_state == "Suspended":
            await discard_memory(ctx, vm)
        else:
            try:
                await ask_to_end(ctx, vm, float(delay) if delay > 0 else GUEST_PATIENCE)
            except ApiError as error:
                if error.code == "TASK_CANCELLED":
                    raise
                await end_domain(ctx.services, vm)
            await ctx.services.clock.sleep(delay)
    await vm_notice(ctx, "VM_SHUTDOWN", vm, "was shut down", host)


async def hard_shutdown(ctx: Context, vm: str) -> None:
    """VM.hard_shutdown: end the VM at once, whatever it is doing; a suspended one loses its memory."""
    async with marked(ctx, RULES, vm, "hard_shutdown"):
        await preempt(ctx, vm, PREEMPTED_BY_SHUTDOWN)
        await unprotect(ctx, vm)
        target = ctx.store.get(VM, vm)
        host, state = target.resident_on, target.power_state
        if state == "Suspended":
            await discard_memory(ctx, vm)
        elif is_live(target):
            require_reachable(ctx.services, host)
            await end_domain(ctx.services, vm)
            await ctx.services.clock.sleep(target.shutdown_delay)
    await vm_notice(ctx, "VM_SHUTDOWN", vm, "was shut down by force", host)


async def suspend(ctx: Context, vm: str) -> None:
    """VM.suspend: save the guest's memory and free its host.

    Raises VM_NO_SUSPEND_SR [VM], what making the disk raises, or what the guest answers; the VM then runs on.
    """
    async with marked(ctx, RULES, vm, "suspend"):
        await unprotect(ctx, vm)
        host = ctx.store.get(VM, vm).resident_on
        await asyncio.shield(save_memory(ctx, vm))
    await vm_notice(ctx, "VM_SUSPENDED", vm, "was suspended", host)


async def save_memory(ctx: Context, vm: str) -> None:
    """Suspend a VM whose operation is marked already."""
    require_reachable(ctx.services, ctx.store.get(VM, vm).resident_on)
    await make_image(ctx, vm)
    target = ctx.store.get(VM, vm)
    uuid, host = target.uuid, target.resident_on
    try:
        saved = await ctx.services.hypervisor.suspend(uuid, ctx.task.progress)
    except (HypervisorError, ApiError) as error:
        if isinstance(error, DomainStateError) and error.found == "Halted":
            with suppress(ApiError):  # else whoever sees to guests that end by themselves does that
                await end_domain(ctx.services, vm)
        await settle(ctx.services, vm)
        raise api_error(ctx.store, error, vm) from error
    async with ctx.store.transaction() as tx:
        states.become_suspended(tx, vm, saved)
    await give_back(ctx.services, vm, host)


async def power_state_reset(ctx: Context, vm: str) -> None:
    """VM.power_state_reset: record a VM as halted whose domain is gone.

    Raises CANNOT_RESET_CONTROL_DOMAIN [VM], DOMAIN_EXISTS [VM] or HOST_IS_LIVE [host].
    """
    target = ctx.store.get(VM, vm)
    if target.is_control_domain:
        raise ApiError("CANNOT_RESET_CONTROL_DOMAIN", vm)
    host = ctx.store.find(Host, target.resident_on)
    if is_live(target) and host is not None:
        is_here = host.ref == the_pool(ctx.store).master
        if is_here and ctx.services.hypervisor.domain(target.uuid) is not None:
            raise ApiError("DOMAIN_EXISTS", vm)
        if not is_here and is_host_live(ctx.store, host):
            raise ApiError("HOST_IS_LIVE", host.ref)
    async with ctx.store.transaction() as tx:
        states.force_reset(tx, vm, "Halted")


# What others use


async def unprotect(ctx: Context, vm: str) -> None:
    """Have high availability leave a VM alone that is being stopped on purpose."""
    if ctx.store.get(VM, vm).ha_always_run:
        async with ctx.store.transaction() as tx:
            tx.set(tx.get(VM, vm), ha_always_run=False)


async def ask_to_end(ctx: Context, vm: str, patience: float) -> None:
    """Have the guest shut down by itself, and show the VM as halted. patience: seconds."""
    services = ctx.services
    target = ctx.store.get(VM, vm)
    require_reachable(services, target.resident_on)
    try:
        async with ctx.task.cancellable():
            await services.hypervisor.shut_down(target.uuid, patience, ctx.task.progress)
    except (NoDomainError, DomainStateError) as error:
        if isinstance(error, DomainStateError) and error.found != "Halted":
            raise api_error(ctx.store, error, vm) from error
        # It ended by itself meanwhile, which is what was wanted.
    except (HypervisorError, ApiError) as error:
        await asyncio.shield(settle(services, vm))
        raise api_error(ctx.store, error, vm) from error
    await asyncio.shield(end_domain(services, vm))


async def end_domain(services: Services, vm: str) -> None:
    """Destroy a VM's domain, if there still is one, and show the VM as halted."""
    uuid = services.store.get(VM, vm).uuid
    try:
        await services.hypervisor.destroy(uuid)
    except (HypervisorError, ApiError) as error:
        if services.hypervisor.domain(uuid) is not None:
            raise api_error(services.store, error, vm) from error
    await settle(services, vm)


async def discard_memory(ctx: Context, vm: str) -> None:
    """Halt a suspended VM. Raises NO_HOSTS_AVAILABLE [] where no host sees all its disks."""
    target = ctx.store.get(VM, vm)
    needed = [sr for sr in required_srs(ctx.store, target) if sr]
    if not any(all(sees_sr(ctx.store, host.ref, sr) for sr in needed) for host in ctx.store.all(Host)):
        raise ApiError("NO_HOSTS_AVAILABLE")
    image = target.suspend_VDI
    # In this order, a server that is cut off here leaves a disk to be cleared away, and not a VM without its memory.
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VM, vm), suspend_VDI=NULL_REF)
        states.become_halted(tx, vm)
    await destroy_image(ctx, image)


async def preempt(ctx: Context, vm: str, operations: Iterable[str]) -> None:
    """Cancel certain operations on a VM and wait until they are over. Raises TASK_CANCELLED [own task]."""
    wanted = set(operations)
    running = ctx.store.get(VM, vm).current_operations
    tasks = [task for task, operation in running.items() if operation in wanted and task != ctx.task.ref]
    for task in tasks:
        ctx.services.cancel_task(task)
    async with ctx.task.cancellable():
        await until_over(ctx.store, vm, tasks)


HANDLERS: Handlers = {
    "VM.clean_shutdown": clean_shutdown,
    "VM.shutdown": shutdown,
    "VM.hard_shutdown": hard_shutdown,
    "VM.suspend": suspend,
    "VM.power_state_reset": power_state_reset,
}
