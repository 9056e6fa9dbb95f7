"""What moves when a bond is made or taken apart: VLANs, tunnels and the VIFs of local VMs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.networking.links import bring_down, bring_up
from xapi_async.operations.networking.management import manage_through
from xapi_async.operations.networking.records import ipv4_settings, new_tunnel, new_vlan, put, vlans_over
from xapi_async.operations.networking.switching import is_active, switch_over
from xapi_async.operations.networking.visibility import is_visible, vm_networks

# VLANs


async def move_vlans(services: Services, bases: Sequence[str], new_base: str) -> None:
    """Move every VLAN over the interfaces to another interface of their host."""
    for ref in bases:
        for vlan in vlans_over(services.store, services.store.get(PIF, ref)):
            await _move_vlan(services, vlan.ref, new_base)


async def _move_vlan(services: Services, ref: str, new_base: str) -> None:
    store = services.store
    vlan = store.get(VLAN, ref)
    old = store.get(PIF, vlan.untagged_PIF)
    attached, managing, network, host = old.currently_attached, old.management, old.network, old.host
    if attached and not managing:
        await bring_down(services, old.ref)
    async with store.transaction() as tx:
        vlan, old, base = tx.get(VLAN, ref), tx.get(PIF, old.ref), tx.get(PIF, new_base)
        existing = next((other for other in vlans_over(tx, base) if other.tag == vlan.tag), None)
        vifs = local_vifs(tx, host, [network]) if existing else []
        new = tx.get(PIF, (existing or new_vlan(tx, base, vlan.tag, network)).untagged_PIF)
        if existing is None or old.ip_configuration_mode != "None":
            put(tx, new, **ipv4_settings(old))
        if managing:
            put(tx, new, management=True)
        tx.delete(vlan)
        tx.delete(old)
        new_ref, new_network = new.ref, new.network
    await move_vifs(services, vifs, new_network)
    if not attached:
        return
    await bring_up(services, new_ref)
    if managing:
        async with store.transaction() as tx:
            manage_through(tx, tx.get(PIF, new_ref))
    for vif in _active_vifs(store, new_network, host):
        await switch_over(services, vif)


# Tunnels


async def move_tunnels(services: Services, transports: Sequence[str], new_transport: str) -> None:
    """Move every tunnel over the interfaces to another interface of their host."""
    for ref in transports:
        for tunnel in services.store.get(PIF, ref).tunnel_transport_PIF_of:
            await _move_tunnel(services, tunnel, new_transport)


async def _move_tunnel(services: Services, ref: str, new_transport: str) -> None:
    store = services.store
    old = store.get(PIF, store.get(Tunnel, ref).access_PIF)
    attached = old.currently_attached
    if attached:
        await bring_down(services, old.ref)
    async with store.transaction() as tx:
        tunnel, old = tx.get(Tunnel, ref), tx.get(PIF, old.ref)
        new = new_tunnel(tx, tx.get(PIF, new_transport), old.network).access_PIF
        tx.delete(tunnel)
        tx.delete(old)
    if not attached:
        return
    # Without the checks of a plug: while a bond is taken apart the transport still counts as its member.
    if not store.get(PIF, new_transport).currently_attached:
        await bring_up(services, new_transport)
    await bring_up(services, new)


# VIFs


def local_vifs(reader: Reader, host: str, networks: Iterable[str]) -> list[str]:
    """The VIFs on the networks that belong to the host: of VMs there, or that could start nowhere else."""
    found = []
    for network in (reader.find(Network, ref) for ref in dict.fromkeys(networks)):
        for vif in (reader.find(VIF, ref) for ref in (network.VIFs if network else ())):
            vm = reader.find(VM, vif.VM) if vif else None
            if vif is not None and vm is not None and _is_local(reader, vm, host):
                found.append(vif.ref)
    return found


async def move_vifs(services: Services, vifs: Sequence[str], network: str) -> None:
    """Put VIFs on another network; those in use are switched over."""
    if not vifs:
        return
    async with services.store.transaction() as tx:
        for ref in vifs:
            vif = tx.find(VIF, ref)
            if vif is not None:
                put(tx, vif, network=network)
    for ref in vifs:
        vif = services.store.find(VIF, ref)
        if vif is not None and is_active(services.store, vif):
            await switch_over(services, ref)


def _is_local(reader: Reader, vm: VM, host: str) -> bool:
    if vm.resident_on != NULL_REF:
        return vm.resident_on == host
    return all(other.ref == host or not _could_start(reader, vm, other) for other in reader.all(Host))


def _could_start(reader: Reader, vm: VM, host: Host) -> bool:
    """Whether a host sees the networks and the disks of a VM."""
    if not all(is_visible(reader, network, host.ref) for network in vm_networks(reader, vm.ref)):
        return False
    plugged = {pbd.SR for pbd in (reader.find(PBD, ref) for ref in host.PBDs) if pbd and pbd.currently_attached}
    vbds = (reader.find(VBD, ref) for ref in vm.VBDs)
    vdis = (reader.find(VDI, vbd.VDI) for vbd in vbds if vbd is not None and not vbd.empty)
    return all(reader.find(SR, vdi.SR) is None or vdi.SR in plugged for vdi in vdis if vdi is not None)


def _active_vifs(reader: Reader, network: str, host: str) -> list[str]:
    """The VIFs on a network that VMs resident on the host are using."""
    vifs = (reader.find(VIF, ref) for ref in reader.get(Network, network).VIFs)
    pairs = ((vif, reader.find(VM, vif.VM)) for vif in vifs if vif is not None and is_active(reader, vif))
    return [vif.ref for vif, vm in pairs if vm is not None and vm.resident_on == host]
