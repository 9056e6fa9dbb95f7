"""pool: writing changes of the database to a disk as well."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.pools.ha_disks import REDO_LOG_SIZE, attach_on, detach_on, find_or_create
from xapi_async.operations.vm.features import the_pool
from xapi_async.storage.driver import BackendError


async def enable_redo_log(ctx: Context, sr: str) -> None:
    """pool.enable_redo_log: a disk for the log is found in the SR or made there, and attached on every host.

    Raises HANDLE_INVALID or CANNOT_ENABLE_REDO_LOG [text].
    """
    ctx.store.get(SR, sr)
    hosts = [host.ref for host in ctx.store.all(Host)]
    try:
        vdi = await find_or_create(ctx, sr, "redo_log", REDO_LOG_SIZE, "Metadata redo-log")
        await attach_on(ctx.services, vdi, hosts)
    except (ApiError, BackendError) as error:
        raise ApiError("CANNOT_ENABLE_REDO_LOG", str(error)) from error
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Pool, the_pool(tx.view).ref), redo_log_vdi=vdi, redo_log_enabled=True)


async def disable_redo_log(ctx: Context) -> None:
    """pool.disable_redo_log: the disk stays, and stays attached where high availability uses one."""
    pool = the_pool(ctx.store)
    if not pool.redo_log_enabled:
        return
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Pool, pool.ref), redo_log_enabled=False)
    if not pool.ha_enabled:
        await detach_on(ctx.services, [pool.redo_log_vdi], [host.ref for host in ctx.store.all(Host)])


HANDLERS: Handlers = {"pool.enable_redo_log": enable_redo_log, "pool.disable_redo_log": disable_redo_log}
