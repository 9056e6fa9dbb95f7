"""pool: switching high availability on and off."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.marking import marked
from xapi_async.operations.pools import ha_members
from xapi_async.operations.pools.facts import post, require_feature
from xapi_async.operations.pools.ha_disks import (
    REDO_LOG_SIZE,
    STATEFILE_SIZE,
    cluster_stack,
    find_or_create,
    ha_disks,
    statefile_sr,
)
from xapi_async.operations.pools.plan_fields import recompute_plan
from xapi_async.operations.pools.rules import RULES
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm.placement import platform_version

TIMEOUT_KEY = "timeout"
DEFAULT_TIMEOUT_KEY = "default_ha_timeout"
DEFAULT_TIMEOUT = 60
LEAST_TIMEOUT = 10

STEPS_PER_HOST = 3


async def enable_ha(ctx: Context, heartbeat_srs: Sequence[str], configuration: Mapping[str, str]) -> None:
    """pool.enable_ha: keep the state on the first SR named, or on one that can hold it where none is.

    Raises as the rules say, NOT_SUPPORTED_DURING_UPGRADE [], LICENCE_RESTRICTION ["HA"], REQUIRED_PIF_IS_UNPLUGGED
    [PIF, …], HOST_OFFLINE [host], as :func:`~.ha_disks.statefile_sr`, as VDI.create, VDI_NOT_AVAILABLE [VDI],
    HA_HOST_CANNOT_ACCESS_STATEFILE [], HA_FAILED_TO_FORM_LIVESET [], or INTERNAL_ERROR [text] for a bad timeout.
    After a failure it is off, as it was.
    """
    pool = the_pool(ctx.store).ref
    async with marked(ctx, RULES, pool, "ha_enable"):
        stack = await _require_ready(ctx)
        sr = statefile_sr(ctx.store, heartbeat_srs, stack)
        statefile = await find_or_create(ctx, sr, "ha_statefile", STATEFILE_SIZE, "Statefile for HA")
        metadata = await find_or_create(ctx, sr, "redo_log", REDO_LOG_SIZE, "Metadata for HA")
        async with ctx.store.transaction() as tx:
            tx.set(
                tx.get(Pool, pool),
                ha_statefiles=(statefile,),
                ha_configuration=configuration,
                ha_plan_exists_for=0,
                ha_cluster_stack=stack,
            )
        await recompute_plan(ctx.services)
        try:
            await _form(ctx, statefile, metadata)
        except BaseException:
            await asyncio.shield(_undo(ctx.services, statefile, metadata))
            raise
        async with ctx.store.transaction() as tx:
            tx.set(tx.get(Pool, pool), ha_enabled=True)
    ctx.services.replicas.refresh()


async def _require_ready(ctx: Context) -> str:
    """Check the pool; gives the cluster stack."""
    store = ctx.store
    master = store.get(Host, the_pool(store).master)
    if any(platform_version(host) != platform_version(master) for host in store.all(Host)):
        raise ApiError("NOT_SUPPORTED_DURING_UPGRADE")
    require_feature(store, "HA")
    unplugged = [pif.ref for pif in store.all(PIF) if pif.disallow_unplug and not pif.currently_attached]
    if unplugged:
        raise ApiError("REQUIRED_PIF_IS_UNPLUGGED", *unplugged)
    loose = [pif.uuid for pif in store.all(PIF) if _is_loose(store, pif)]
    if loose:
        body = f"These interfaces have an address and yet may be unplugged: {', '.join(loose)}"
        await post(ctx.services, "IP_CONFIGURED_PIF_CAN_UNPLUG", "Pool", the_pool(store).uuid, body)
    for host in store.all(Host):
        if not is_host_live(store, host):
            raise ApiError("HOST_OFFLINE", host.ref)
    return cluster_stack(store)


def _is_loose(reader: Reader, pif: PIF) -> bool:
    """Whether an interface with an address could be taken down, though heartbeats may depend on it."""
    needed = pif.management or pif.disallow_unplug or reader.find(Bond, pif.bond_slave_of) is not None
    return pif.ip_configuration_mode != "None" and not needed


def base_timeout(reader: Reader) -> int:
    """Seconds without a sign of life after which a host counts as failed. Raises INTERNAL_ERROR [text]."""
    pool = the_pool(reader)
    text = pool.ha_configuration.get(TIMEOUT_KEY) or pool.other_config.get(DEFAULT_TIMEOUT_KEY) or DEFAULT_TIMEOUT
    try:
        timeout = int(text)
    except ValueError:
        raise ApiError("INTERNAL_ERROR", f"{text} is no number of seconds") from None
    if timeout < LEAST_TIMEOUT:
        raise ApiError("INTERNAL_ERROR", f"a timeout of {timeout} s is less than {LEAST_TIMEOUT} s")
    return timeout


async def _form(ctx: Context, statefile: str, metadata: str) -> None:
    """Have every host attach the disks, take up its configuration and join the others."""
    services, store = ctx.services, ctx.store
    services.pool.disarmed.clear()
    base_timeout(store)
    hosts = [host.ref for host in store.all(Host)]
    done = 0

    async def step() -> None:
        nonlocal done
        done += 1
        await ctx.task.progress(done / (STEPS_PER_HOST * len(hosts)))

    for host in hosts:
        await ha_members.attach_disks(services, host, (statefile, metadata))
        await step()
    for host in hosts:
        await ha_members.configure(services, host, (statefile,))
        await step()
    for host in hosts:
        await ha_members.join(services, host)
        await step()


async def _undo(services: Services, *disks: str) -> None:
    await _release(services, disks)
    async with services.store.transaction() as tx:
        tx.set(tx.get(Pool, the_pool(tx.view).ref), ha_plan_exists_for=0)


async def _release(services: Services, disks: Sequence[str]) -> None:
    """Have every host forget the others and detach the disks."""
    await ha_members.release(services, [host.ref for host in services.store.all(Host)], disks)


async def disable_ha(ctx: Context) -> None:
    """pool.disable_ha: what was configured stays, and the disks with it. Raises as the rules say."""
    pool = the_pool(ctx.store)
    async with marked(ctx, RULES, pool.ref, "ha_disable"):
        disks = ha_disks(ctx.store)
        async with ctx.store.transaction() as tx:
            tx.set(tx.get(Pool, pool.ref), ha_plan_exists_for=0, ha_enabled=False)
        for disk in disks:
            await ctx.services.replicas.stop(disk)
        await _release(ctx.services, disks)


HANDLERS: Handlers = {"pool.enable_ha": enable_ha, "pool.disable_ha": disable_ha}
