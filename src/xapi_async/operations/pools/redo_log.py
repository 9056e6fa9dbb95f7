"""pool: keeping a copy of the database on a disk that every host has, up to date with every change."""

from __future__ import annotations

import asyncio
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.errors import DatabaseError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.pools.ha_disks import REDO_LOG_SIZE, find_or_create
from xapi_async.operations.storage.attaching import attach_on, detach_on
from xapi_async.operations.vm.features import the_pool
from xapi_async.storage.driver import BackendError


async def enable_redo_log(ctx: Context, sr: str) -> None:
    """pool.enable_redo_log: a disk is found in the SR or made there, attached on every host, and holds a copy then.

    Raises HANDLE_INVALID or CANNOT_ENABLE_REDO_LOG [text].
    """
    ctx.store.get(SR, sr)
    before = the_pool(ctx.store)
    former = before.redo_log_vdi if before.redo_log_enabled else NULL_REF
    hosts = [host.ref for host in ctx.store.all(Host)]
    try:
        vdi = await find_or_create(ctx, sr, "redo_log", REDO_LOG_SIZE, "Metadata redo-log")
        if vdi == former:
            await ctx.services.replicas.catch_up(vdi)
            return
        try:
            await attach_on(ctx.services, vdi, hosts, "redo_log")
            await _set_enabled(ctx, redo_log_vdi=vdi, redo_log_enabled=True)
            await ctx.services.replicas.start(vdi)
        except BaseException:
            await asyncio.shield(_go_back(ctx, vdi, former))
            raise
    except (ApiError, BackendError, DatabaseError) as error:
        raise ApiError("CANNOT_ENABLE_REDO_LOG", str(error)) from error
    if former != NULL_REF:
        await _release(ctx, former)


async def _go_back(ctx: Context, vdi: str, former: str) -> None:
    """Undo what failed: copies go on where they were kept before."""
    if the_pool(ctx.store).redo_log_vdi == vdi:
        values = {"redo_log_vdi": former} if former != NULL_REF else {}
        await _set_enabled(ctx, redo_log_enabled=former != NULL_REF, **values)
    await _release(ctx, vdi)


async def disable_redo_log(ctx: Context) -> None:
    """pool.disable_redo_log: the disk stays, and stays attached where high availability uses it."""
    pool = the_pool(ctx.store)
    if not pool.redo_log_enabled:
        return
    await _set_enabled(ctx, redo_log_enabled=False)
    await _release(ctx, pool.redo_log_vdi)


async def _set_enabled(ctx: Context, **values: Any) -> None:
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Pool, the_pool(tx.view).ref), **values)


async def _release(ctx: Context, vdi: str) -> None:
    """Write no more to a disk and detach it from all hosts, but where high availability uses it."""
    await ctx.services.replicas.stop(vdi)
    await detach_on(ctx.services, [vdi], [host.ref for host in ctx.store.all(Host)], "redo_log")


HANDLERS: Handlers = {"pool.enable_redo_log": enable_redo_log, "pool.disable_redo_log": disable_redo_log}
