"""PVS_proxy: caches between VMs' interfaces and their provisioning servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_proxy import PVSProxy
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.networking.checks import has_feature, require_feature, require_vswitch, uses_vswitch
from xapi_async.operations.networking.pvs_cache_disk import new_cache_disk
from xapi_async.operations.networking.records import put
from xapi_async.operations.own_work import own_context

MESSAGE_PRIORITY = 3

OUT_OF_SPACE = frozenset({"SR_BACKEND_FAILURE_44", "SR_BACKEND_FAILURE_79"})
"""How storage says that it is full."""


async def create(ctx: Context, site: str, VIF: str) -> str:
    """PVS_proxy.create: a proxy for a VM's first interface, started at once where that is attached.

    Raises LICENCE_RESTRICTION ["PVS_proxy"], OPENVSWITCH_NOT_ACTIVE [], PVS_PROXY_ALREADY_PRESENT [proxies],
    INVALID_VALUE [field, reference] or INVALID_DEVICE [device]. That it does not start is no error.
    """
    async with ctx.store.transaction() as tx:
        interface = tx.find(_VIF, VIF)
        vm = tx.find(VM, interface.VM) if interface else None
        host = tx.find(Host, vm.resident_on) if vm else None
        require_feature(tx, "PVS_proxy")
        require_vswitch(tx, host.ref if host else None)
        present = [proxy.ref for proxy in proxies_on(tx, [VIF])]
        if present:
            raise ApiError("PVS_PROXY_ALREADY_PRESENT", *present)
        if tx.find(PVSSite, site) is None:
            raise ApiError("INVALID_VALUE", "site", site)
        if interface is None:
            raise ApiError("INVALID_VALUE", "VIF", VIF)
        if interface.device != "0":
            raise ApiError("INVALID_DEVICE", interface.device)
        ref, attached = tx.create(PVSProxy, site=site, VIF=VIF).ref, interface.currently_attached
    if attached:
        await start_proxies(ctx.services, [VIF])
    return ref


async def destroy(ctx: Context, self: str) -> None:
    """PVS_proxy.destroy: stop the proxy where it runs, and delete it."""
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(PVSProxy, self))


def proxies_on(reader: Reader, vifs: Iterable[str]) -> list[PVSProxy]:
    """The proxies of interfaces."""
    wanted = set(vifs)
    return [proxy for proxy in reader.all(PVSProxy) if proxy.VIF in wanted] if wanted else []


async def start_proxies(services: Services, vifs: Sequence[str]) -> None:
    """Start the proxies of interfaces that are attached. Never fails: a VM runs without its proxy too."""
    for proxy in proxies_on(services.store, vifs):
        problem = _problem(services.store, proxy)
        if problem is None:
            problem = await _keep_cache_disk(services, proxy)
        if problem is None:
            async with services.store.transaction() as tx:
                found = tx.find(PVSProxy, proxy.ref)
                if found is not None:
                    put(tx, found, currently_attached=True, status="initialised")
        elif problem:
            await _tell(services, proxy, problem)


def note_stopped(tx: Transaction, vifs: Iterable[str]) -> None:
    """Show the proxies of interfaces as stopped."""
    for proxy in proxies_on(tx, vifs):
        put(tx, proxy, currently_attached=False, status="stopped")


def attached_proxies(reader: Reader, site: PVSSite) -> list[PVSProxy]:
    """The running proxies of a site."""
    found = (reader.find(PVSProxy, ref) for ref in site.proxies)
    return [proxy for proxy in found if proxy is not None and proxy.currently_attached]


def host_of(reader: Reader, proxy: PVSProxy) -> Host | None:
    """Where a proxy's VM is; None where it is nowhere."""
    vif = reader.find(VIF, proxy.VIF)
    vm = reader.find(VM, vif.VM) if vif else None
    return reader.find(Host, vm.resident_on) if vm else None


def _problem(reader: Reader, proxy: PVSProxy) -> str | None:
    """Why a proxy cannot start: the name of the message to raise, empty for none; None where it can start."""
    site, host = reader.find(PVSSite, proxy.site), host_of(reader, proxy)
    if site is None or host is None or not has_feature(reader, "PVS_proxy") or not uses_vswitch(host):
        return ""
    if not site.servers:
        return "PVS_PROXY_NO_SERVER_AVAILABLE"
    return "PVS_PROXY_NO_CACHE_SR_AVAILABLE" if _cache_of(reader, proxy) is None else None


def _cache_of(reader: Reader, proxy: PVSProxy) -> PVSCacheStorage | None:
    """Where a proxy keeps its cache: its site's storage on the host of its VM."""
    site, host = reader.find(PVSSite, proxy.site), host_of(reader, proxy)
    caches = (reader.find(PVSCacheStorage, ref) for ref in (site.cache_storage if site else ()))
    return next((cache for cache in caches if cache is not None and host is not None and cache.host == host.ref), None)


async def _keep_cache_disk(services: Services, proxy: PVSProxy) -> str | None:
    """See to it that the cache has its disk, which may have been in memory only; the result as of :func:`_problem`."""
    cache = _cache_of(services.store, proxy)
    if cache is None or services.store.find(VDI, cache.VDI) is not None:
        return None
    try:
        async with own_context(services, "PVS cache disk") as ctx:
            vdi = await new_cache_disk(ctx, cache.SR, cache.size)
    except ApiError as error:
        return "PVS_PROXY_SR_OUT_OF_SPACE" if error.code in OUT_OF_SPACE else ""
    async with services.store.transaction() as tx:
        tx.set(tx.get(PVSCacheStorage, cache.ref), VDI=vdi)
    return None


async def _tell(services: Services, proxy: PVSProxy, name: str) -> None:
    if services.messages is not None:
        body = f"The proxy of VIF {proxy.VIF} for site {proxy.site} was not started"
        await services.messages.post(name, MESSAGE_PRIORITY, "PVS_proxy", proxy.uuid, body)


_VIF = VIF  # create has a parameter of that name, as the API does

HANDLERS: Handlers = {"PVS_proxy.create": create, "PVS_proxy.destroy": destroy}
