"""PVS_cache_storage: where a host's proxies of a site keep their cache."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking.pvs_cache_disk import new_cache_disk
from xapi_async.operations.networking.pvs_proxy import attached_proxies, host_of

log = logging.getLogger(__name__)


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """PVS_cache_storage.create: the storage with its disk.

    Raises PVS_CACHE_STORAGE_ALREADY_PRESENT [site, host], or what creating the disk raises.
    """
    site, host = args["site"], args["host"]
    _require_first(ctx.store, site, host)
    vdi = await new_cache_disk(ctx, args["SR"], args["size"])
    try:
        async with ctx.store.transaction() as tx:
            _require_first(tx, site, host)
            return tx.create(PVSCacheStorage, **{**args, "VDI": vdi}).ref
    except ApiError:
        await call(ctx, "VDI.destroy", vdi)  # another one was made meanwhile
        raise


async def destroy(ctx: Context, self: str) -> None:
    """PVS_cache_storage.destroy: the storage goes with its disk.

    Raises PVS_CACHE_STORAGE_IS_IN_USE [self] while a proxy of the site runs on the host.
    """
    cache = ctx.store.get(PVSCacheStorage, self)
    site = ctx.store.find(PVSSite, cache.site)
    for proxy in attached_proxies(ctx.store, site) if site else ():
        host = host_of(ctx.store, proxy)
        if host is not None and host.ref == cache.host:
            raise ApiError("PVS_CACHE_STORAGE_IS_IN_USE", self)
    try:
        await call(ctx, "SR.scan", cache.SR)  # a disk in memory may be long gone
    except ApiError as error:
        log.info("SR %s was not looked at again: %s", cache.SR, error)
    if ctx.store.find(VDI, cache.VDI) is not None:
        await call(ctx, "VDI.destroy", cache.VDI)
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(PVSCacheStorage, self))


def _require_first(reader: Reader, site: str, host: str) -> None:
    """Raise PVS_CACHE_STORAGE_ALREADY_PRESENT [site, host]."""
    if any(cache.site == site and cache.host == host for cache in reader.all(PVSCacheStorage)):
        raise ApiError("PVS_CACHE_STORAGE_ALREADY_PRESENT", site, host)


HANDLERS: Handlers = {"PVS_cache_storage.create": create, "PVS_cache_storage.destroy": destroy}
