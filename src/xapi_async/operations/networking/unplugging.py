"""Taking interfaces down: what forbids it, and what goes down first."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.networking.checks import ha_plans, ha_protected, require_managed, require_protection_off
from xapi_async.operations.networking.links import bring_down
from xapi_async.operations.networking.records import tunnels_over


async def unplug(services: Services, ref: str) -> None:
    """Take an interface down, after the access interface of the first tunnel over it.

    Raises what :func:`require_unpluggable` raises, or PIF_CONFIGURATION_ERROR [PIF, text].
    """
    store = services.store
    pif = store.get(PIF, ref)
    require_unpluggable(store, pif)
    for tunnel in tunnels_over(store, pif)[:1]:
        await unplug(services, tunnel.access_PIF)
    await bring_down(services, ref)


def require_unpluggable(reader: Reader, pif: PIF) -> None:
    """Check that an interface may be taken down.

    Raises PIF_UNMANAGED [PIF], HA_IS_ENABLED [], REDO_LOG_IS_ENABLED [], PIF_IS_MANAGEMENT_INTERFACE [PIF],
    HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [], VIF_IN_USE [network, VIF] or PIF_DOES_NOT_ALLOW_UNPLUG [PIF].
    """
    require_managed(pif)
    require_protection_off(reader, pif)
    if pif.management:
        raise ApiError("PIF_IS_MANAGEMENT_INTERFACE", pif.ref)
    users = _users(reader, pif.network)
    if reader.get(Host, pif.host).enabled and ha_plans(reader) and any(ha_protected(vm) for _, vm in users):
        raise ApiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")
    in_use = next((vif for vif, vm in users if _is_used_on(vif, vm, pif.host)), None)
    if in_use is not None:
        raise ApiError("VIF_IN_USE", pif.network, in_use.ref)
    if pif.disallow_unplug:
        raise ApiError("PIF_DOES_NOT_ALLOW_UNPLUG", pif.ref)


def _is_used_on(vif: VIF, vm: VM, host: str) -> bool:
    """Whether a VM on the host uses its interface, or is about to."""
    running = vm.power_state in ("Running", "Paused") and vm.resident_on == host
    if vif.currently_attached and running:
        return True
    starting = host in (vm.resident_on, vm.scheduled_to_be_resident_on)
    return starting and "attach" in vif.current_operations.values()


def _users(reader: Reader, network: str) -> list[tuple[VIF, VM]]:
    vifs = (reader.find(VIF, ref) for ref in reader.get(Network, network).VIFs)
    pairs = ((vif, reader.find(VM, vif.VM)) for vif in vifs if vif is not None)
    return [(vif, vm) for vif, vm in pairs if vm is not None]
