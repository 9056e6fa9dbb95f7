"""pool_patch, host_patch: the old-style view of updates."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_patch import HostPatch
from xapi_async.datamodel.classes.pool_patch import PoolPatch
from xapi_async.datamodel.classes.pool_update import PoolUpdate
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.pools import updates


def update_of(ctx: Context, patch: str) -> str:
    """The update that a patch stands for. Raises HANDLE_INVALID."""
    return ctx.store.get(PoolUpdate, ctx.store.get(PoolPatch, patch).pool_update).ref


async def precheck(ctx: Context, self: str, host: str) -> str:
    """pool_patch.precheck: as pool_update.precheck, with nothing to tell."""
    await updates.precheck(ctx, update_of(ctx, self), host)
    return ""


async def apply(ctx: Context, self: str, host: str) -> str:
    """pool_patch.apply: as pool_update.apply, with nothing to tell."""
    await updates.apply(ctx, update_of(ctx, self), host)
    return ""


async def pool_apply(ctx: Context, self: str) -> None:
    """pool_patch.pool_apply: on every host in turn; the first failure is raised, be it that one has it already."""
    update = update_of(ctx, self)
    for host in [host.ref for host in ctx.store.all(Host)]:
        await updates.apply(ctx, update, host)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(PoolPatch, self), pool_applied=True)


async def clean(ctx: Context, self: str) -> None:
    """pool_patch.clean: there are no patch files any more."""
    ctx.store.get(PoolPatch, self)


async def clean_on_host(ctx: Context, self: str, host: str) -> None:
    """pool_patch.clean_on_host: there are no patch files any more."""
    ctx.store.get(PoolPatch, self)


async def pool_clean(ctx: Context, self: str) -> None:
    """pool_patch.pool_clean: as pool_update.pool_clean."""
    await updates.pool_clean(ctx, update_of(ctx, self))


async def destroy(ctx: Context, self: str) -> None:
    """pool_patch.destroy: as pool_update.destroy."""
    await updates.destroy(ctx, update_of(ctx, self))


async def host_patch_destroy(ctx: Context, self: str) -> None:
    """host_patch.destroy: only the record goes."""
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(HostPatch, self))


async def host_patch_apply(ctx: Context, self: str) -> str:
    """host_patch.apply: long obsolete. Raises MESSAGE_DEPRECATED []."""
    raise ApiError("MESSAGE_DEPRECATED")


HANDLERS: Handlers = {
    "pool_patch.precheck": precheck,
    "pool_patch.apply": apply,
    "pool_patch.pool_apply": pool_apply,
    "pool_patch.clean": clean,
    "pool_patch.clean_on_host": clean_on_host,
    "pool_patch.pool_clean": pool_clean,
    "pool_patch.destroy": destroy,
    "host_patch.destroy": host_patch_destroy,
    "host_patch.apply": host_patch_apply,
}
