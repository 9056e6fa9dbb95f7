"""PVS_cache_storage: where a host's proxies of a site keep their cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import RO_RUNTIME
from xapi_async.objects.entity import start_value
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking.pvs_proxy import attached_proxies, host_of

VDI_NAME = "PVS cache VDI"


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """PVS_cache_storage.create: the storage with its disk.

    Raises PVS_CACHE_STORAGE_ALREADY_PRESENT [site, host], or what creating the disk raises.
    """
    site, host = args["site"], args["host"]
    if any(cache.site == site and cache.host == host for cache in ctx.store.all(PVSCacheStorage)):
        raise ApiError("PVS_CACHE_STORAGE_ALREADY_PRESENT", site, host)
    vdi = await _new_vdi(ctx, args["SR"], args["size"])
    async with ctx.store.transaction() as tx:
        return tx.create(PVSCacheStorage, **{**args, "VDI": vdi}).ref


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
    if ctx.store.find(VDI, cache.VDI) is not None:
        await call(ctx, "VDI.destroy", cache.VDI)
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(PVSCacheStorage, self))


async def _new_vdi(ctx: Context, sr: str, size: int) -> str:
    values = {field.name: start_value(field) for field in VDI.FIELDS.values() if field.qualifier != RO_RUNTIME}
    chosen = {
        "name_label": VDI_NAME,
        "name_description": VDI_NAME,
        "SR": sr,
        "virtual_size": size,
        "type": "pvs_cache",
        "sharable": False,
        "read_only": False,
    }
    return str(await call(ctx, "VDI.create", {**values, **chosen}))


HANDLERS: Handlers = {"PVS_cache_storage.create": create, "PVS_cache_storage.destroy": destroy}
