"""host: whether it takes VMs, and hosts that are gone for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xapi_async.datamodel.classes.feature import Feature
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_crashdump import HostCrashdump
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.cpu import pool_cpu_info
from xapi_async.inventory.licences import restrictions
from xapi_async.inventory.software import API_VENDOR, API_VERSION
from xapi_async.objects.clock import api_time
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.console import delete_consoles
from xapi_async.operations.hosts.life import forget_ending, halt_residents
from xapi_async.operations.hosts.reaching import reach, require_dead
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.marking import refresh
from xapi_async.operations.pools.protection import is_guarded, require_plan_without
from xapi_async.operations.storage.attaching import forget_holder
from xapi_async.operations.storage.facts import ha_protected, live
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm.resources import give_back
from xapi_async.operations.vm_copies.destroying import delete_vm


async def disable(ctx: Context, host: str) -> None:
    """host.disable: place no more VMs there; those that are there stay.

    Raises HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [].
    """
    if not reach(ctx, host).enabled:
        return
    require_plan_without(ctx.store, host)
    await _set_enabled(ctx, host, enabled=False)
    ctx.services.hosts.disabled_by_user.add(host)


async def enable(ctx: Context, host: str) -> None:
    """host.enable.

    Raises HOST_STILL_BOOTING [], HOST_DISABLED_UNTIL_REBOOT [], HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [].
    """
    target, known = reach(ctx, host), ctx.services.hosts
    if target.enabled:
        return
    if host in known.starting:
        raise ApiError("HOST_STILL_BOOTING")
    if host in known.awaiting_reboot:
        raise ApiError("HOST_DISABLED_UNTIL_REBOOT")
    if is_guarded(ctx.store) and _lacks_what_is_protected(ctx.store, target):
        raise ApiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")
    await _set_enabled(ctx, host, enabled=True)
    known.disabled_by_user.discard(host)
    pool = the_pool(ctx.store)
    if pool.ha_enabled and pool.ha_overcommitted:
        ctx.services.pool.is_plan_wanted = True


async def _set_enabled(ctx: Context, host: str, *, enabled: bool) -> None:
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Host, host), enabled=enabled)
        refresh(tx, RULES, host)


def _lacks_what_is_protected(reader: Reader, host: Host) -> bool:
    """Whether storage or an interface is unplugged that protected VMs depend on."""
    unplugged = {pbd.SR for pbd in live(reader, PBD, host.PBDs) if not pbd.currently_attached}
    down = {pif.network for pif in live(reader, PIF, host.PIFs) if not pif.currently_attached}
    protected = [vm for vm in reader.all(VM) if ha_protected(vm)]
    return any(not unplugged.isdisjoint(_srs(reader, vm)) for vm in protected) or any(
        not down.isdisjoint(_networks(reader, vm)) for vm in protected
    )


def _srs(reader: Reader, vm: VM) -> Iterator[str]:
    disks = (reader.find(VDI, vbd.VDI) for vbd in live(reader, VBD, vm.VBDs) if not vbd.empty)
    return (disk.SR for disk in disks if disk is not None and reader.find(SR, disk.SR) is not None)


def _networks(reader: Reader, vm: VM) -> Iterator[str]:
    vifs = live(reader, VIF, vm.VIFs)
    return (vif.network for vif in vifs if reader.find(Network, vif.network) is not None)


# Hosts that are gone


async def declare_dead(ctx: Context, host: str) -> None:
    """host.declare_dead: its guests count as halted from now on. Raises HOST_IS_LIVE [host]."""
    require_dead(ctx.services, host)
    async with ctx.store.transaction() as tx:
        target = tx.get(Host, host)
        halted = halt_residents(tx, target)
        metrics = tx.find(HostMetrics, target.metrics)
        if metrics is not None and metrics.live:
            tx.set(metrics, live=False)
        tx.set(target, enabled=False)
        refresh(tx, RULES, host)
    for vm in halted:
        await give_back(ctx.services, vm, host)


async def destroy(ctx: Context, self: str) -> None:
    """host.destroy: forget a dead host with its control domains; what else was its own goes with the next clean-up.

    Raises HOST_IS_LIVE [host], HA_IS_ENABLED [] or HOST_HAS_RESIDENT_VMS [host].
    """
    require_dead(ctx.services, self)
    async with ctx.store.transaction() as tx:
        host = tx.get(Host, self)
        if the_pool(tx).ha_enabled:
            raise ApiError("HA_IS_ENABLED")
        residents = list(live(tx, VM, host.resident_VMs))
        if any(not vm.is_control_domain for vm in residents):
            raise ApiError("HOST_HAS_RESIDENT_VMS", self)
        delete_host(tx, host)
    await forget_ending(ctx.services, host.uuid)
    known = ctx.services.hosts
    for hosts in (known.starting, known.disabled_by_user, known.awaiting_reboot):
        hosts.discard(self)
    for by_host in (known.ending_tasks, known.recorded):
        by_host.pop(self, None)


def delete_host(tx: Transaction, host: Host) -> None:
    """Delete a host's record and its control domains, and have the pool's figures be those of the others."""
    for vm in list(live(tx, VM, host.resident_VMs)):
        if vm.is_control_domain:
            delete_consoles(tx, vm.ref)
            delete_vm(tx, vm)
    for feature in list(live(tx, Feature, host.features)):
        tx.delete(feature)
    for dump in list(live(tx, HostCrashdump, host.crashdumps)):
        tx.delete(dump)
    forget_holder(tx, host.ref)
    tx.delete(host)
    settle_pool(tx)


def settle_pool(tx: Transaction) -> None:
    """Have the pool's restrictions and processor facts follow from its hosts."""
    pool = the_pool(tx)
    hosts = list(tx.view.all(Host))
    master = next((host for host in hosts if host.ref == pool.master), None)
    values: dict[str, Any] = {"cpu_info": pool_cpu_info(host.cpu_info for host in hosts)}
    if master is not None:
        values["restrictions"] = restrictions(master.license_params, [host.license_params for host in hosts])
    changed = {name: value for name, value in values.items() if getattr(pool, name) != value}
    if changed:
        tx.set(pool, **changed)


async def create(
    ctx: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    hostname: str,
    address: str,
    external_auth_type: str,
    external_auth_service_name: str,
    external_auth_configuration: Mapping[str, str],
    license_params: Mapping[str, str],
    edition: str,
    license_server: Mapping[str, str],
    local_cache_sr: str,
    chipset_info: Mapping[str, str],
    ssl_legacy: bool,
) -> str:
    """host.create: the record of a host that is not up yet, with metrics of its own."""
    async with ctx.store.transaction() as tx:
        metrics = tx.create(
            HostMetrics, live=False, memory_total=0, memory_free=0, last_updated=api_time(ctx.services.clock.now())
        )
        host = tx.create(
            Host,
            uuid=uuid,
            name_label=name_label,
            name_description=name_description,
            hostname=hostname,
            address=address,
            enabled=False,
            API_version_major=API_VERSION[0],
            API_version_minor=API_VERSION[1],
            API_version_vendor=API_VENDOR,
            external_auth_type=external_auth_type,
            external_auth_service_name=external_auth_service_name,
            external_auth_configuration=dict(external_auth_configuration),
            license_params=dict(license_params),
            edition=edition,
            license_server=dict(license_server),
            local_cache_sr=local_cache_sr,
            chipset_info=dict(chipset_info),
            ssl_legacy=ssl_legacy,
            suspend_image_sr=NULL_REF,
            crash_dump_sr=NULL_REF,
            metrics=metrics.ref,
        )
        settle_pool(tx)
        refresh(tx, RULES, host.ref)
        return host.ref


HANDLERS: Handlers = {
    "host.disable": disable,
    "host.enable": enable,
    "host.declare_dead": declare_dead,
    "host.destroy": destroy,
    "host.create": create,
}
