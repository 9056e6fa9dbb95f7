"""What moves when a bond is made or taken apart: VLANs, tunnels and the VIFs of local VMs.

The records move within the transaction of whoever makes or takes apart the bond, so that no crash leaves
half of them behind. What the host has to do about it comes after: see :func:`put_in_place`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Sequence
from typing import NamedTuple

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
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.network.driver import Interface
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.networking.checks import pifs
from xapi_async.operations.networking.links import bring_up, drop, interface_of
from xapi_async.operations.networking.management import manage_through
from xapi_async.operations.networking.records import ipv4_settings, new_tunnel, new_vlan, put, tunnels_over, vlans_over
from xapi_async.operations.networking.switching import is_active, switch_over
from xapi_async.operations.networking.visibility import is_visible, vm_networks


class Moved(NamedTuple):
    """An interface in place of another that was up.

    old: the former one's reference. host: where. down: what it had up, None where that stays until it is
    replaced. new: the one in its place.
    """

    old: str
    host: str
    down: Interface | None
    new: str


# Records


def move_vlans(tx: Transaction, bases: Iterable[str], new_base: str) -> list[Moved]:
    """Move every VLAN over the interfaces to another interface of their host, with the tunnels over it.

    Where that has the tag already, the local VIFs join that VLAN's network.
    """
    return [
        done for base in pifs(tx, bases) for vlan in vlans_over(tx, base) for done in _move_vlan(tx, vlan, new_base)
    ]


def _move_vlan(tx: Transaction, vlan: VLAN, new_base: str) -> Iterator[Moved]:
    old, base = tx.get(PIF, vlan.untagged_PIF), tx.get(PIF, new_base)
    managing, network = old.management, old.network
    existing = next((other for other in vlans_over(tx, base) if other.tag == vlan.tag), None)
    if existing is not None:
        vifs = local_vifs(tx, old.host, [network])
        new = tx.get(PIF, existing.untagged_PIF)
        move_vifs(tx, vifs, new.network)
    else:
        new = tx.get(PIF, new_vlan(tx, base, vlan.tag, network).untagged_PIF)
    if existing is None or old.ip_configuration_mode != "None":
        put(tx, new, **ipv4_settings(old))
    if old.currently_attached:
        # The management interface is not taken down by itself: the host would lose touch.
        yield Moved(old.ref, old.host, None if managing else interface_of(tx, old), new.ref)
    yield from move_tunnels(tx, [old.ref], new.ref)
    tx.delete(vlan)
    tx.delete(old)
    if managing:
        manage_through(tx, new)


def move_tunnels(tx: Transaction, transports: Iterable[str], new_transport: str) -> list[Moved]:
    """Move every tunnel over the interfaces to another interface of their host."""
    moved = []
    for transport in pifs(tx, transports):
        for tunnel in tunnels_over(tx, transport):
            old = tx.get(PIF, tunnel.access_PIF)
            new = new_tunnel(tx, tx.get(PIF, new_transport), old.network).access_PIF
            if old.currently_attached:
                moved.append(Moved(old.ref, old.host, interface_of(tx, old), new))
            tx.delete(tunnel)
            tx.delete(old)
    return moved


def move_vifs(tx: Transaction, vifs: Iterable[str], network: str) -> None:
    """Put VIFs on another network."""
    for vif in (tx.find(VIF, ref) for ref in vifs):
        if vif is not None:
            put(tx, vif, network=network)


def local_vifs(reader: Reader, host: str, networks: Iterable[str]) -> list[str]:
    """The VIFs on the networks that belong to the host: of VMs there, or that could start nowhere else."""
    found = []
    for network in (reader.find(Network, ref) for ref in dict.fromkeys(networks)):
        for vif in (reader.find(VIF, ref) for ref in (network.VIFs if network else ())):
            vm = reader.find(VM, vif.VM) if vif else None
            if vif is not None and vm is not None and _is_local(reader, vm, host):
                found.append(vif.ref)
    return found


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


# On the host


async def put_in_place(services: Services, moved: Sequence[Moved]) -> None:
    """Have hosts do what follows from moved interfaces: the new ones up, and the VIFs in use on them connected.

    Raises as bringing up an interface does, once all was tried.
    """
    await try_all(_replace(services, one) for one in moved)


async def _replace(services: Services, moved: Moved) -> None:
    if moved.down is not None:
        await drop(services, moved.old, moved.host, moved.down)
    new = services.store.find(PIF, moved.new)
    if new is None:
        return  # somebody took it away meanwhile
    for tunnel in (services.store.get(Tunnel, ref) for ref in new.tunnel_access_PIF_of):
        if not services.store.get(PIF, tunnel.transport_PIF).currently_attached:
            await bring_up(services, tunnel.transport_PIF)
    await bring_up(services, moved.new)
    await switch_over_all(services, _active_vifs(services.store, new.network, moved.host))


async def switch_over_all(services: Services, vifs: Iterable[str]) -> None:
    """Connect those of the VIFs that are in use to the networks they name now."""
    active = [vif for vif in (services.store.find(VIF, ref) for ref in vifs) if vif and is_active(services.store, vif)]
    await try_all(switch_over(services, vif.ref) for vif in active)


async def try_all(steps: Iterable[Awaitable[None]]) -> None:
    """Take every step, also after one that failed; then raise the first error."""
    first: ApiError | None = None
    for step in steps:
        try:
            await step
        except ApiError as error:
            first = first or error
    if first is not None:
        raise first


def _active_vifs(reader: Reader, network: str, host: str) -> list[str]:
    """The VIFs on a network that VMs resident on the host are using."""
    vifs = (reader.find(VIF, ref) for ref in reader.get(Network, network).VIFs)
    pairs = ((vif, reader.find(VM, vif.VM)) for vif in vifs if vif is not None and is_active(reader, vif))
    return [vif.ref for vif, vm in pairs if vm is not None and vm.resident_on == host]
