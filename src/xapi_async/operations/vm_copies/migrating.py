"""VM.pool_migrate: a running VM goes on on another host of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import Domain, HypervisorError, NoDomainError
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked
from xapi_async.operations.networking.network import attach_networks_of_vm, release_networks_of_vm
from xapi_async.operations.networking.pvs_proxy import start_proxies
from xapi_async.operations.storage.plugging import prepare_disks, release_disks
from xapi_async.operations.vm import states
from xapi_async.operations.vm.facts import is_hvm
from xapi_async.operations.vm.features import is_upgrading, require_feature
from xapi_async.operations.vm.hosts import api_error, cpu_flags
from xapi_async.operations.vm.placement import cpu_error, platform_version
from xapi_async.operations.vm.reserving import Choice, ThisHost, release, reserve
from xapi_async.operations.vm.rules import FORCED_RULES, RULES, refresh
from xapi_async.operations.vm.stopping import end_domain

ATTEMPTS = 3
"""How often a move is tried of a guest that reboots meanwhile."""


async def pool_migrate(ctx: Context, vm: str, host: str, options: Mapping[str, str]) -> None:
    """VM.pool_migrate. Of the options only ``force`` means anything: do it though the guest may not be fit for it.

    Raises VM_INCOMPATIBLE_WITH_THIS_HOST [VM, host, text], as the rules say, NOT_SUPPORTED_DURING_UPGRADE [], why the
    VM could not boot there, OTHER_OPERATION_IN_PROGRESS ["host", host, operation],
    LICENCE_RESTRICTION ["Xen_motion"], or what goes wrong on the way.
    """
    force = options.get("force") == "true"
    if not force:
        _require_cpu(ctx, vm, host)
    try:
        async with marked(ctx, FORCED_RULES if force else RULES, vm, "pool_migrate"):
            require_no_downgrade(ctx, vm, host)
            async with reserved(ctx, vm, ThisHost(host)):
                require_feature(ctx.store, "Xen_motion")
                await move_domain(ctx, vm, host)
    finally:
        if force:
            await asyncio.shield(_refresh(ctx, vm))


async def _refresh(ctx: Context, vm: str) -> None:
    async with ctx.store.transaction() as tx:
        refresh(tx, vm)


def _require_cpu(ctx: Context, vm: str, host: str) -> None:
    error = cpu_error(ctx.store, ctx.store.get(VM, vm), ctx.store.get(Host, host))
    if error is not None:
        raise error


def require_no_downgrade(ctx: Context, vm: str, host: str) -> None:
    """Raise NOT_SUPPORTED_DURING_UPGRADE where an upgrade goes on and the target is older than where the VM is."""
    source = ctx.store.find(Host, ctx.store.get(VM, vm).resident_on)
    target = ctx.store.get(Host, host)
    if is_upgrading(ctx.store) and source and platform_version(target) < platform_version(source):
        raise ApiError("NOT_SUPPORTED_DURING_UPGRADE")


@asynccontextmanager
async def reserved(ctx: Context, vm: str, choice: Choice) -> AsyncIterator[str]:
    """Set a host aside for a VM that comes there while the body runs; gives it. Raises what ``choice`` raises."""
    key = ctx.task.ref
    async with ctx.store.transaction() as tx:
        host = reserve(tx, vm, choice, "vm_migrate", key)
    try:
        yield host
    finally:
        await asyncio.shield(_release(ctx, vm, host, key))


async def _release(ctx: Context, vm: str, host: str, key: str) -> None:
    async with ctx.store.transaction() as tx:
        release(tx, vm, host, key)


async def move_domain(ctx: Context, vm: str, host: str, *, with_disks: bool = True) -> None:
    """Move a running guest to a host. with_disks: its disks are the same ones there.

    Where that fails it runs on where it was, or is halted if it is gone.
    """
    services, source = ctx.services, ctx.store.get(VM, vm).resident_on
    require_reachable(services, source)
    require_reachable(services, host)
    await attach_networks_of_vm(services, vm, host)
    try:
        if with_disks and host != source:
            await prepare_disks(services, vm, host, is_start=False)
        domain = await _move(ctx, vm, host)
    except BaseException as error:
        await asyncio.shield(_stay(ctx, vm, host, with_disks=with_disks))
        if isinstance(error, HypervisorError | ApiError):
            raise api_error(ctx.store, error, vm) from error
        raise
    await asyncio.shield(_arrive(ctx, vm, source, host, domain, with_disks=with_disks))


async def _move(ctx: Context, vm: str, host: str) -> Domain:
    uuid, target = ctx.store.get(VM, vm).uuid, ctx.store.get(Host, host).uuid
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with ctx.task.cancellable():
                return await ctx.services.hypervisor.migrate(uuid, target, ctx.task.progress)
        except NoDomainError:
            if attempt == ATTEMPTS or ctx.services.hypervisor.domain(uuid) is None:
                raise
    raise AssertionError("the last attempt gives or raises")


async def _stay(ctx: Context, vm: str, host: str, *, with_disks: bool) -> None:
    """After a move that failed: nothing is left at the target, and what is shown is so."""
    services, target = ctx.services, ctx.store.get(VM, vm)
    if host != target.resident_on:
        if with_disks:
            await release_disks(services, vm, host)
        await release_networks_of_vm(services, vm, host)
    if services.hypervisor.domain(target.uuid) is None:
        await end_domain(services, vm)


async def _arrive(ctx: Context, vm: str, source: str, host: str, domain: Domain, *, with_disks: bool) -> None:
    services = ctx.services
    async with ctx.store.transaction() as tx:
        _extend_cpu_flags(tx, vm, host)
        states.become_live(tx, vm, host, domain, services.clock.now(), is_new_start=False)
    await start_proxies(services, services.store.get(VM, vm).VIFs)
    if source != host:
        if with_disks:
            await release_disks(services, vm, source)
        await release_networks_of_vm(services, vm, source)


def _extend_cpu_flags(tx: Transaction, ref: str, host: str) -> None:
    vm, place = tx.get(VM, ref), tx.get(Host, host)
    tx.set(vm, last_boot_CPU_flags={**cpu_flags(place, hvm=is_hvm(tx, vm)), **vm.last_boot_CPU_flags})


HANDLERS: Handlers = {"VM.pool_migrate": pool_migrate}
