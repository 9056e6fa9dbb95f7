"""pool: which hosts belong to it, and what they know of each other.

All hosts are served by one process over one database. So there is nothing to copy between them.
"""

from __future__ import annotations

import logging
from functools import partial

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.availability import delete_host
from xapi_async.operations.hosts.life import GRACE, start_agent
from xapi_async.operations.hosts.reaching import is_host_live, reach
from xapi_async.operations.hosts.rules import RULES as HOST_RULES
from xapi_async.operations.marking import refresh
from xapi_async.operations.pools.facts import require_ha_off
from xapi_async.operations.storage import pbd as pbds
from xapi_async.operations.storage import sr as srs
from xapi_async.operations.storage.facts import live
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm_copies.destroying import delete_vm

log = logging.getLogger(__name__)


async def eject(ctx: Context, host: str) -> None:
    """pool.eject: the host leaves, with its own storage and control domains, and is no longer known here.

    Raises HOST_OFFLINE [host], HA_IS_ENABLED [], INTERNAL_ERROR [text] for the master, OPERATION_NOT_ALLOWED [text]
    for one with guests, or as PBD.unplug does, after which it stays.
    """
    leaving = reach(ctx, host)
    require_ha_off(ctx.store)
    if host == the_pool(ctx.store).master:
        raise ApiError("INTERNAL_ERROR", f"host {host} is the master, which cannot be ejected")
    for vm in live(ctx.store, VM, leaving.resident_VMs):
        if not vm.is_control_domain and vm.power_state != "Halted":
            raise ApiError("OPERATION_NOT_ALLOWED", f"VM {vm.ref} is on host {host}")
    for pbd in leaving.PBDs:
        await pbds.unplug(ctx, pbd)
    own = [pbd.SR for pbd in live(ctx.store, PBD, leaving.PBDs) if _is_only(ctx.store, pbd)]
    domains = [vm.ref for vm in ctx.store.all(VM) if vm.is_control_domain and _belongs(ctx.store, vm, host, own)]
    try:
        await call(ctx, "host.disable_external_auth", host, {})
    except ApiError as error:
        log.info("external authentication of host %s stays on: %s", host, error.description)
    for sr in own:
        await srs.forget(ctx, sr)
    async with ctx.store.transaction() as tx:
        for ref in domains:
            domain = tx.find(VM, ref)
            if domain is not None and domain.resident_on != host:
                delete_vm(tx, domain)
        delete_host(tx, tx.get(Host, host))
    ctx.services.hosts.errands.put_nowait(partial(_leave, ctx.services, leaving.uuid))


def _is_only(reader: Reader, pbd: PBD) -> bool:
    sr = reader.find(SR, pbd.SR)
    return sr is not None and len(sr.PBDs) == 1


def _belongs(reader: Reader, domain: VM, host: str, own: list[str]) -> bool:
    """Whether a control domain runs on a host, or from its own storage."""
    disks = (reader.find(VDI, vbd.VDI) for vbd in live(reader, VBD, domain.VBDs) if not vbd.empty)
    return domain.resident_on == host or any(disk is not None and disk.SR in own for disk in disks)


async def _leave(services: Services, uuid: str) -> None:
    """A while after the answer, the machine begins anew elsewhere."""
    await services.clock.sleep(GRACE)
    await services.hypervisor.stop_host(uuid)


# Those that stay


async def sync_database(ctx: Context) -> None:
    """pool.sync_database: the one database is durable already; copies of it on disks are brought up to date.

    Raises HOST_OFFLINE [host] with HA off.
    """
    if not the_pool(ctx.store).ha_enabled:
        for host in ctx.store.all(Host):
            if not is_host_live(ctx.store, host):
                raise ApiError("HOST_OFFLINE", host.ref)
    await ctx.services.replicas.catch_up_all()


async def recover_slaves(ctx: Context) -> tuple[str, ...]:
    """pool.recover_slaves: the other hosts that answer."""
    store, hypervisor = ctx.store, ctx.services.hypervisor
    others = (host for host in store.all(Host) if host.ref != the_pool(store).master)
    return tuple(host.ref for host in others if is_host_live(store, host) and hypervisor.is_alive(host.uuid))


async def is_slave(ctx: Context, host: str) -> bool:
    """pool.is_slave. Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host]."""
    return reach(ctx, host).ref != the_pool(ctx.store).master


async def hello(ctx: Context, host_uuid: str, host_address: str) -> str:
    """pool.hello: a host says that it has started; it is enabled again once its storage is plugged."""
    services = ctx.services
    try:
        host = ctx.store.by_uuid(Host, host_uuid)
    except ApiError:
        return "unknown_host"
    if not services.hypervisor.is_alive(host_uuid):
        return "cannot_talk_back"
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Host, host.ref), enabled=False, address=host_address)
        metrics = tx.find(HostMetrics, host.metrics)
        if metrics is not None and not metrics.live and not the_pool(tx.view).ha_enabled:
            tx.set(metrics, live=True)
        refresh(tx, HOST_RULES, host.ref)
    services.hosts.errands.put_nowait(partial(start_agent, services, host.ref))
    return "ok"


HANDLERS: Handlers = {
    "pool.eject": eject,
    "pool.sync_database": sync_database,
    "pool.recover_slaves": recover_slaves,
    "pool.is_slave": is_slave,
    "pool.hello": hello,
}
