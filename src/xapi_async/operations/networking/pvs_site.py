"""PVS_site: provisioning sites."""

from __future__ import annotations

from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking import pvs_cache_storage
from xapi_async.operations.networking.checks import require_feature, require_vswitch
from xapi_async.operations.networking.pvs_proxy import attached_proxies


async def introduce(ctx: Context, name_label: str, name_description: str, PVS_uuid: str) -> str:
    """PVS_site.introduce. Raises LICENCE_RESTRICTION ["PVS_proxy"] or OPENVSWITCH_NOT_ACTIVE []."""
    async with ctx.store.transaction() as tx:
        require_feature(tx, "PVS_proxy")
        require_vswitch(tx)
        return tx.create(PVSSite, name_label=name_label, name_description=name_description, PVS_uuid=PVS_uuid).ref


async def forget(ctx: Context, self: str) -> None:
    """PVS_site.forget: the site and its cache storages go; stopped proxies are collected later.

    Raises PVS_SITE_CONTAINS_RUNNING_PROXIES [proxies], PVS_SITE_CONTAINS_SERVERS [servers], or what destroying
    a cache storage raises.
    """
    site = ctx.store.get(PVSSite, self)
    _require_no_running_proxies(ctx.store, site)
    if site.servers:
        raise ApiError("PVS_SITE_CONTAINS_SERVERS", *site.servers)
    for cache in site.cache_storage:
        await pvs_cache_storage.destroy(ctx, cache)
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(PVSSite, self))


async def set_pvs_uuid(ctx: Context, self: str, value: str) -> None:
    """PVS_site.set_PVS_uuid. Raises PVS_SITE_CONTAINS_RUNNING_PROXIES [proxies]."""
    async with ctx.store.transaction() as tx:
        site = tx.get(PVSSite, self)
        _require_no_running_proxies(tx, site)
        tx.set(site, PVS_uuid=value)


def _require_no_running_proxies(reader: Reader, site: PVSSite) -> None:
    running = [proxy.ref for proxy in attached_proxies(reader, site)]
    if running:
        raise ApiError("PVS_SITE_CONTAINS_RUNNING_PROXIES", *running)


HANDLERS: Handlers = {
    "PVS_site.introduce": introduce,
    "PVS_site.forget": forget,
    "PVS_site.set_PVS_uuid": set_pvs_uuid,
}
