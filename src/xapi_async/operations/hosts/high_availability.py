"""host: high availability as one host sees it. What the pool does of it is with the pool's messages."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.vm.features import the_pool


async def emergency_ha_disable(ctx: Context, soft: bool) -> None:
    """host.emergency_ha_disable: disarm the host called, which is the master, and no other.

    soft: it is no error where it is not armed. Raises HA_NOT_ENABLED [].
    """
    pool = the_pool(ctx.store)
    if not (pool.ha_enabled and ctx.store.get(Host, pool.master).ha_statefiles):
        if soft:
            return
        raise ApiError("HA_NOT_ENABLED")
    ctx.services.pool.disarmed.add(pool.master)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Host, pool.master), ha_statefiles=(), ha_network_peers=())


async def ha_xapi_healthcheck(ctx: Context) -> bool:
    """host.ha_xapi_healthcheck: it answers, so it is healthy."""
    return True


HANDLERS: Handlers = {
    "host.emergency_ha_disable": emergency_ha_disable,
    "host.ha_xapi_healthcheck": ha_xapi_healthcheck,
}
