"""pool, host: which host is the master, and how the hosts agree on another.

All hosts are served by one process over one database. So one promise stands for those of all hosts, the new master
is known to all at once, and no host is ever cut off from it.
"""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.availability import settle_pool
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.pools.facts import require_ha_off
from xapi_async.operations.pools.membership import sync_database
from xapi_async.operations.pools.state import Promise
from xapi_async.operations.vm.features import the_pool

PROMISE_SECONDS = 600.0
"""How long a host keeps to the new master it has agreed to, where nobody commits or aborts it."""


async def designate_new_master(ctx: Context, host: str) -> None:
    """pool.designate_new_master; nothing happens where the host is the master. Sessions go on.

    Raises HA_IS_ENABLED [], HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host] or HA_ABORT_NEW_MASTER [text].
    """
    if ctx.store.get(Host, host).ref == the_pool(ctx.store).master:
        return
    require_ha_off(ctx.store)
    await sync_database(ctx)
    address = reach(ctx, host).address
    _promise(ctx, host, address)
    try:
        await _enthrone(ctx, host)
    finally:
        ctx.services.pool.promise = None


# The two phases, as hosts ask them of each other


async def propose_new_master(ctx: Context, address: str, manual: bool) -> None:
    """host.propose_new_master: promise to follow the host at an address, and no other for ten minutes.

    manual: somebody asked for it, and not high availability. Raises HA_IS_ENABLED [] for that where high availability
    is on, HA_ABORT_NEW_MASTER [text] where the pool has no such host or another was promised, HOST_OFFLINE [host] or
    CANNOT_CONTACT_HOST [host].
    """
    if manual:
        require_ha_off(ctx.store)
    host = _host_at(ctx, address)
    reach(ctx, host)
    _promise(ctx, host, address)


async def commit_new_master(ctx: Context, address: str) -> None:
    """host.commit_new_master: the host that was promised is the master now. Sessions go on.

    Raises HA_ABORT_NEW_MASTER [text] where it was not promised, or as :func:`propose_new_master`; the promise stays.
    """
    promise = _promised(ctx, address)
    reach(ctx, promise.host)
    await _enthrone(ctx, promise.host)
    ctx.services.pool.promise = None


async def abort_new_master(ctx: Context, address: str) -> None:
    """host.abort_new_master: take back the promise. Raises HA_ABORT_NEW_MASTER [text] where it was not given."""
    _promised(ctx, address)
    ctx.services.pool.promise = None


async def update_master(ctx: Context, host: str, master_address: str) -> None:
    """host.update_master: have a host follow the master at an address, which all here do already.

    Raises HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host], or OPERATION_NOT_ALLOWED [text] for any other address.
    """
    reach(ctx, host)
    _require_master_at(ctx, master_address)


def _host_at(ctx: Context, address: str) -> str:
    """The host of the pool that has an address. Raises HA_ABORT_NEW_MASTER [text]."""
    found = next((host.ref for host in ctx.store.all(Host) if address and host.address == address), None)
    if found is None:
        raise ApiError("HA_ABORT_NEW_MASTER", f"no host of this pool has the address {address!r}")
    return found


def _promise(ctx: Context, host: str, address: str) -> None:
    """Note the promise. Raises HA_ABORT_NEW_MASTER [text] where one to another host still holds."""
    state, now = ctx.services.pool, ctx.services.clock.now()
    given = state.promise
    if given is not None and given.address != address and now - given.when < PROMISE_SECONDS:
        raise ApiError("HA_ABORT_NEW_MASTER", f"{given.address} has been promised to become the master")
    state.promise = Promise(host, address, now)


def _promised(ctx: Context, address: str) -> Promise:
    """The promise to an address. Raises HA_ABORT_NEW_MASTER [text]."""
    given = ctx.services.pool.promise
    if given is None or given.address != address:
        raise ApiError("HA_ABORT_NEW_MASTER", f"{address} has not been promised to become the master")
    return given


async def _enthrone(ctx: Context, host: str) -> None:
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Pool, the_pool(tx.view).ref), master=tx.get(Host, host).ref)
        settle_pool(tx)


# In an emergency


async def emergency_transition_to_master(ctx: Context) -> None:
    """pool.emergency_transition_to_master: the host that is called is the master. Raises HA_IS_ENABLED []."""
    require_ha_off(ctx.store)
    ctx.services.pool.promise = None


async def emergency_reset_master(ctx: Context, master_address: str) -> None:
    """pool.emergency_reset_master: the host that is called keeps its pool, and follows no other master.

    Raises HA_IS_ENABLED [] or OPERATION_NOT_ALLOWED [text].
    """
    require_ha_off(ctx.store)
    _require_master_at(ctx, master_address)


def _require_master_at(ctx: Context, address: str) -> None:
    if address != ctx.store.get(Host, the_pool(ctx.store).master).address:
        raise ApiError("OPERATION_NOT_ALLOWED", "the hosts of this server follow its own master, and no other")


HANDLERS: Handlers = {
    "pool.designate_new_master": designate_new_master,
    "host.propose_new_master": propose_new_master,
    "host.commit_new_master": commit_new_master,
    "host.abort_new_master": abort_new_master,
    "host.update_master": update_master,
    "pool.emergency_transition_to_master": emergency_transition_to_master,
    "pool.emergency_reset_master": emergency_reset_master,
}
