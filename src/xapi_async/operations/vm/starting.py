"""VM: start and resume, on the best host or a given one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import DomainStateError, HypervisorError
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked
from xapi_async.operations.vm import states
from xapi_async.operations.vm.attachments import marked_devices
from xapi_async.operations.vm.domains import config_of
from xapi_async.operations.vm.features import is_upgrading
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.notices import vm_notice
from xapi_async.operations.vm.placement import cpu_error, is_newest
from xapi_async.operations.vm.preparing import freshen, prepare_resume, prepare_start
from xapi_async.operations.vm.reserving import AnyHost, Choice, ThisHost, release, reserve
from xapi_async.operations.vm.resources import take
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm.settling import settle


async def start(ctx: Context, vm: str, start_paused: bool, force: bool) -> None:
    """VM.start: boot a halted VM on the best host.

    Raises what the rules say, what its devices say, NO_HOSTS_AVAILABLE [], or what building the domain gives.
    """
    async with marked(ctx, RULES, vm, "start"):
        host = await boot(ctx, vm, AnyHost(ctx), start_paused=start_paused, force=force)
    await vm_notice(ctx, "VM_STARTED", vm, "started", host)


async def start_on(ctx: Context, vm: str, host: str, start_paused: bool, force: bool) -> None:
    """VM.start_on: boot a halted VM on a host, which has to be fit for it."""
    _require_fit_target(ctx, vm, host)
    if "evacuate" in ctx.store.get(Host, host).current_operations.values():
        raise ApiError("HOST_EVACUATE_IN_PROGRESS", host)
    async with marked(ctx, RULES, vm, "start_on"):
        await boot(ctx, vm, ThisHost(host), start_paused=start_paused, force=force)
        await ctx.services.clock.sleep(ctx.store.get(VM, vm).start_delay)
    await vm_notice(ctx, "VM_STARTED", vm, "started", host)


async def boot(ctx: Context, vm: str, choice: Choice, *, start_paused: bool = False, force: bool = False) -> str:
    """Start a halted VM whose operation is marked already; gives the host."""
    key = ctx.task.ref
    async with marked_devices(ctx, vm):
        async with ctx.store.transaction() as tx:
            freshen(tx, vm)
            host = reserve(tx, vm, choice, "vm_start", key)
        async with _released(ctx, vm, host):
            async with ctx.store.transaction() as tx:  # another one, as each keeps others waiting while it is open
                refusal = _unreachable(ctx.services, host) or prepare_start(tx, vm, host, force=force)
            if refusal is not None:
                await _abandon(ctx.services, vm)
                raise refusal
            await _build(ctx, vm, host, start_paused=start_paused)
            await ctx.services.clock.sleep(ctx.store.get(VM, vm).start_delay)
    return host


async def _build(ctx: Context, vm: str, host: str, *, start_paused: bool) -> None:
    """Have the hypervisor build and run the domain, and show that; on failure the VM is halted again."""
    services, hypervisor = ctx.services, ctx.services.hypervisor
    target = ctx.store.get(VM, vm)
    try:
        async with ctx.task.cancellable():
            await take(services, vm, host, is_start=True)
            config = config_of(ctx.store, target, ctx.store.get(Host, host))
            await hypervisor.start(config, ctx.task.progress)
            if not start_paused:
                await hypervisor.unpause(target.uuid)
    except BaseException as error:
        await asyncio.shield(_abandon(services, vm))
        if isinstance(error, DomainStateError):
            # Of all errors about power states, only this one names what was found first.
            raise ApiError("VM_BAD_POWER_STATE", vm, error.found, error.needed) from error
        if isinstance(error, HypervisorError | ApiError):
            raise api_error(ctx.store, error, vm) from error
        raise
    await asyncio.shield(settle(services, vm))


async def _abandon(services: Services, vm: str) -> None:
    """After a start that failed: nothing of it is left, as far as that can be."""
    target = services.store.find(VM, vm)
    if target is not None:
        await _destroy_quietly(services, target.uuid)
        await settle(services, vm)


async def _destroy_quietly(services: Services, uuid: str) -> None:
    try:
        await services.hypervisor.destroy(uuid)
    except (HypervisorError, ApiError):
        return  # what is left is shown


async def resume(ctx: Context, vm: str, start_paused: bool, force: bool) -> None:
    """VM.resume: bring a suspended VM back on the best host."""
    async with marked(ctx, RULES, vm, "resume"):
        host = await restore(ctx, vm, AnyHost(ctx), start_paused=start_paused, force=force)
    await vm_notice(ctx, "VM_RESUMED", vm, "resumed", host)


async def resume_on(ctx: Context, vm: str, host: str, start_paused: bool, force: bool) -> None:
    """VM.resume_on: bring a suspended VM back on a host, which has to be fit for it."""
    _require_upgraded(ctx, host)
    async with marked(ctx, RULES, vm, "resume_on"):
        await restore(ctx, vm, ThisHost(host), start_paused=start_paused, force=force)
    await vm_notice(ctx, "VM_RESUMED", vm, "resumed", host)


async def restore(ctx: Context, vm: str, choice: Choice, *, start_paused: bool = False, force: bool = False) -> str:
    """Resume a suspended VM whose operation is marked already; gives the host. Destroys the suspend image.

    Raises VM_HAS_NO_SUSPEND_VDI ["VM", VM], after which the VM is halted; after other errors it is as it was, or
    live where its domain could not be ended again.
    """
    key, services = ctx.task.ref, ctx.services
    async with marked_devices(ctx, vm, with_vifs=False):
        async with ctx.store.transaction() as tx:
            host = reserve(tx, vm, choice, "vm_resume", key)
            mismatch = None if force else cpu_error(tx, tx.get(VM, vm), tx.get(Host, host))
            refusal = _unreachable(services, host) or mismatch or prepare_resume(tx, vm, host)
            image = tx.get(VM, vm).suspend_VDI
        async with _released(ctx, vm, host):
            if refusal is not None:
                raise refusal
            if image == NULL_REF:
                async with ctx.store.transaction() as tx:
                    states.force_reset(tx, vm, "Halted")
                raise ApiError("VM_HAS_NO_SUSPEND_VDI", "VM", vm)
            await asyncio.shield(_read_back(ctx, vm, host, start_paused=start_paused))
    return host


async def _read_back(ctx: Context, vm: str, host: str, *, start_paused: bool) -> None:
    services, hypervisor = ctx.services, ctx.services.hypervisor
    target = ctx.store.get(VM, vm)
    config, saved = config_of(ctx.store, target, ctx.store.get(Host, host)), target.last_booted_record
    try:
        await take(services, vm, host, is_start=False)
        await hypervisor.resume(config, saved, ctx.task.progress)
        if not start_paused:
            await hypervisor.unpause(target.uuid)
    except (HypervisorError, ApiError) as error:
        if not isinstance(error, DomainStateError):
            await _destroy_quietly(services, target.uuid)
        await settle(services, vm)
        raise api_error(ctx.store, error, vm) from error
    await settle(services, vm)


@asynccontextmanager
async def _released(ctx: Context, vm: str, host: str) -> AsyncIterator[None]:
    """Give the host free again at the end of the body."""
    try:
        yield
    finally:
        await asyncio.shield(_release(ctx, vm, host))


async def _release(ctx: Context, vm: str, host: str) -> None:
    async with ctx.store.transaction() as tx:
        release(tx, vm, host, ctx.task.ref)


def _unreachable(services: Services, host: str) -> ApiError | None:
    try:
        require_reachable(services, host)
    except ApiError as error:
        return error
    return None


def _require_upgraded(ctx: Context, host: str) -> None:
    if is_upgrading(ctx.store) and not is_newest(ctx.store, ctx.store.get(Host, host)):
        raise ApiError("NOT_SUPPORTED_DURING_UPGRADE")


def _require_fit_target(ctx: Context, vm: str, host: str) -> None:
    _require_upgraded(ctx, host)
    target = ctx.store.get(VM, vm)
    if target.is_control_domain and target.affinity not in (NULL_REF, host):
        raise ApiError("OPERATION_NOT_ALLOWED", "a control domain runs only on the host it is for")


HANDLERS: Handlers = {
    "VM.start": start,
    "VM.start_on": start_on,
    "VM.resume": resume,
    "VM.resume_on": resume_on,
}
