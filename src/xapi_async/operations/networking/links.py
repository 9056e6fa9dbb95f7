"""Bringing interfaces and networks up and down on their hosts.

The driver is asked first, and what came of it is then written in one transaction, so that the state
never shows as up what is not.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.errors import ApiError
from xapi_async.network.driver import Interface, LeaseRange, NetworkError, VlanInUseError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.networking.checks import (
    is_bond_slave,
    local_pif,
    pifs,
    require_managed,
    the_pool,
)
from xapi_async.operations.networking.management import settle_address
from xapi_async.operations.networking.records import bond_slaves, put

# Interfaces


async def plug(services: Services, ref: str) -> None:
    """Bring an interface up, with what it rests on; one that is up is brought up again.

    Raises PIF_UNMANAGED [PIF], TRANSPORT_PIF_NOT_CONFIGURED [transport PIF], CANNOT_PLUG_BOND_SLAVE [PIF],
    VLAN_IN_USE [device, tag] or PIF_CONFIGURATION_ERROR [PIF, text].
    """
    store = services.store
    pif = store.get(PIF, ref)
    require_managed(pif)
    for tunnel in pif.tunnel_access_PIF_of:
        transport = store.get(PIF, store.get(Tunnel, tunnel).transport_PIF)
        if transport.ip_configuration_mode == "None":
            raise ApiError("TRANSPORT_PIF_NOT_CONFIGURED", transport.ref)
        await plug(services, transport.ref)
    if is_bond_slave(store, pif):
        raise ApiError("CANNOT_PLUG_BOND_SLAVE", ref)
    await bring_up(services, ref)


async def bring_up(services: Services, ref: str) -> None:
    """Bring an interface up without a check, get its addresses and write what came of it.

    Raises VLAN_IN_USE [device, tag] or PIF_CONFIGURATION_ERROR [PIF, text].
    """
    store = services.store
    pif = store.get(PIF, ref)
    host, plan = store.get(Host, pif.host), interface_of(store, pif)
    base = _base_of(store, pif)
    if base is not None and not base.currently_attached:
        # A VLAN needs the bridge below, which alone does not make the interface there count as up.
        await _driven(ref, services.network.up(host.uuid, interface_of(store, base)))
    await _driven(ref, services.network.up(host.uuid, plan))
    found = await obtained_addresses(services, pif)
    async with store.transaction() as tx:
        current = tx.find(PIF, ref)
        if current is not None:
            note_up(tx, current, MTU=plan.MTU, **found)


def note_up(tx: Transaction, pif: PIF, **values: Any) -> None:
    """Write that an interface is up: of a bond and its members only one side ever is."""
    if pif.VLAN == -1:
        snooping = the_pool(tx).igmp_snooping_enabled
        values["igmp_snooping_status"] = "enabled" if snooping else "disabled"
    put(tx, pif, currently_attached=True, **values)
    for slave in bond_slaves(tx, pif):
        put(tx, slave, currently_attached=False)
    bond = tx.find(Bond, pif.bond_slave_of)
    master = tx.find(PIF, bond.master) if bond else None
    if master is not None:
        put(tx, master, currently_attached=False)
    if pif.management:
        settle_address(tx, pif.host)


async def bring_down(services: Services, ref: str) -> None:
    """Take an interface down without a check; its addresses stay written. Raises PIF_CONFIGURATION_ERROR."""
    store = services.store
    pif = store.get(PIF, ref)
    host = store.get(Host, pif.host)
    await _driven(ref, services.network.down(host.uuid, interface_of(store, pif)))
    base = _base_of(store, pif)
    if base is not None and not base.currently_attached:
        await _driven(ref, services.network.down(host.uuid, interface_of(store, base)))
    async with store.transaction() as tx:
        current = tx.find(PIF, ref)
        if current is not None:
            put(tx, current, currently_attached=False)


async def drop(services: Services, ref: str, host: str, interface: Interface) -> None:
    """Take down what an interface whose record has gone had up on a host; errors name it by its former reference.

    Raises PIF_CONFIGURATION_ERROR [PIF, text].
    """
    await _driven(ref, services.network.down(services.store.get(Host, host).uuid, interface))


async def bring_up_again(services: Services, ref: str, **values: Any) -> None:
    """Write fields of an interface and, where it is up, take them into use: it is seen down and up meanwhile."""
    async with services.store.transaction() as tx:
        pif = tx.get(PIF, ref)
        attached = pif.currently_attached
        tx.set(pif, **values, **({"currently_attached": False} if attached else {}))
    if attached:
        await bring_up(services, ref)


# Networks


async def attach_network(services: Services, network: str, host: str, *, again: bool = False) -> None:
    """Bring a network up on a host; ``again``: even where it is up.

    Raises BRIDGE_NOT_AVAILABLE [bridge] for an unmanaged network that is not there, and what :func:`plug` raises.
    """
    store = services.store
    target = store.get(Network, network)
    local = local_pif(store, target, host)
    uuid = store.get(Host, host).uuid
    if not target.managed:
        if not services.network.has_bridge(uuid, target.bridge):
            raise ApiError("BRIDGE_NOT_AVAILABLE", target.bridge)
    elif local is None:
        try:
            await services.network.internal_bridge(uuid, target.bridge, wanted=True)
        except NetworkError as error:
            raise ApiError("INTERNAL_ERROR", f"network {network}: {error}") from error
    elif again or not local.currently_attached:
        await plug(services, local.ref)


async def release_network(services: Services, network: str, host: str) -> None:
    """Remove the bridge of an internal network from a host. The caller knows that nobody there uses it."""
    store = services.store
    target = store.find(Network, network)
    owner = store.find(Host, host)
    if target is not None and owner is not None and target.managed and not target.PIFs:
        await services.network.internal_bridge(owner.uuid, target.bridge, wanted=False)


# Addresses


async def obtained_addresses(services: Services, pif: PIF) -> dict[str, Any]:
    """What the servers of its network give an interface, as fields to write; nothing where it asks for nothing."""
    found: dict[str, Any] = {}
    network = services.store.get(Network, pif.network)
    if pif.ip_configuration_mode == "DHCP":
        others = pifs(services.store, (ref for ref in network.PIFs if ref != pif.ref))
        taken = {other.IP for other in others if other.IP}
        mac = _hardware_address(services.store, pif)
        lease = await services.network.lease(network.bridge, mac, pif.IP, taken, _offers(network))
        if lease is not None:
            found.update(lease._asdict())
    if pif.ipv6_configuration_mode in ("DHCP", "Autoconf"):
        address = await services.network.autoconfigured(network.bridge, _hardware_address(services.store, pif))
        if address is not None:
            found["IPv6"] = (address,)
    return found


def _hardware_address(reader: Reader, pif: PIF) -> str:
    """The address frames are sent with: a VLAN's are sent with that of the interface below."""
    return (_base_of(reader, pif) or pif).MAC


def _base_of(reader: Reader, pif: PIF) -> PIF | None:
    """The interface that a VLAN's untagged interface runs over; None for those of other kinds."""
    vlan = reader.find(VLAN, pif.VLAN_master_of)
    return reader.find(PIF, vlan.tagged_PIF) if vlan else None


def _offers(network: Network) -> LeaseRange | None:
    """The range that the network's own settings give out."""
    keys = ("ip_begin", "ip_end", "netmask")
    settings = network.other_config
    return LeaseRange(*(settings[key] for key in keys)) if all(key in settings for key in keys) else None


# Helpers


def effective_mtu(reader: Reader, network: str, other_config: Any) -> int:
    """The packet size in use on a network by who has these other_config settings."""
    override = other_config.get("mtu", "")
    if override.isascii() and override.isdigit():
        return int(override)
    found = reader.find(Network, network)
    return found.MTU if found else 1500


def interface_of(reader: Reader, pif: PIF) -> Interface:
    """What the driver is told of an interface."""
    return Interface(
        bridge=reader.get(Network, pif.network).bridge,
        device=pif.device,
        VLAN=pif.VLAN,
        MTU=effective_mtu(reader, pif.network, pif.other_config),
        members=tuple(slave.device for slave in bond_slaves(reader, pif)),
    )


async def _driven(pif: str, work: Awaitable[None]) -> None:
    """Wait for the driver, with its troubles in the API's terms."""
    try:
        await work
    except VlanInUseError as error:
        raise ApiError("VLAN_IN_USE", error.device, error.tag) from error
    except NetworkError as error:
        raise ApiError("PIF_CONFIGURATION_ERROR", pif, error) from error
