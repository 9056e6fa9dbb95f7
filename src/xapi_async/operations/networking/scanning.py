"""PIF: finding cards, and taking interfaces into the records or out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER, NULL_REF
from xapi_async.inventory.networks import bridge_of
from xapi_async.network.driver import Card, Link
from xapi_async.network.mac import is_mac
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.networking.checks import is_bond_slave, reach_pif, require_mac, require_protection_off
from xapi_async.operations.networking.links import bring_down
from xapi_async.operations.networking.management import management_bridge
from xapi_async.operations.networking.records import (
    delete_metrics,
    host_pifs,
    is_vlan,
    new_physical,
    new_pif,
    put,
)

DEFAULT_MTU = 1500

CARD_DETAILS = ("vendor_id", "vendor_name", "device_id", "device_name", "pci_bus_path")
"""What an interface's metrics say of the card itself."""


async def scan(ctx: Context, host: str) -> None:
    """PIF.scan: refresh what is known of the host's cards, and make an interface for each new one."""
    reach(ctx, host)
    learn_all(ctx.services, host)
    async with ctx.store.transaction() as tx:
        cards = {card.device: card for card in ctx.services.network.cards(tx.get(Host, host).uuid)}
        known = set()
        for pif in host_pifs(tx, host):
            card = cards.get(pif.device)
            if pif.physical:
                known.add(pif.device)
                if card is not None:
                    put(tx, pif, MAC=card.MAC, capabilities=card.capabilities)
        managed_by = management_bridge(tx, host)
        for card in cards.values():
            if card.device not in known:
                _introduce(tx, host, card, managed_by, managed=card.managed)
        settle_management(tx, host, managed_by)


async def introduce(ctx: Context, host: str, MAC: str, device: str, managed: bool) -> str:
    """PIF.introduce: the interface of one card.

    Raises MAC_INVALID [MAC], DUPLICATE_PIF_DEVICE_NAME [device] or
    COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS [device, MAC].
    """
    reach(ctx, host)
    learn_all(ctx.services, host)
    async with ctx.store.transaction() as tx:
        cards = {card.device: card for card in ctx.services.network.cards(tx.get(Host, host).uuid)}
        card = cards.get(device)
        mac = MAC.lower() or (card.MAC.lower() if card else "")
        require_mac(mac)
        if any(pif.physical and pif.device == device for pif in host_pifs(tx, host)):
            raise ApiError("DUPLICATE_PIF_DEVICE_NAME", device)
        if card is None or card.MAC.lower() != mac:
            code = "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS"
            raise ApiError(code, device, mac)
        return _introduce(tx, host, card, management_bridge(tx, host), managed=managed, MAC=mac).ref


async def forget(ctx: Context, self: str) -> None:
    """PIF.forget: take the interface down and delete its record; a later scan finds the card again.

    Raises PIF_IS_MANAGEMENT_INTERFACE, PIF_ALREADY_BONDED, PIF_VLAN_STILL_EXISTS, PIF_TUNNEL_STILL_EXISTS
    (each [PIF]), HA_IS_ENABLED [] or REDO_LOG_IS_ENABLED [].
    """
    pif = reach_pif(ctx, self)
    _require_forgettable(ctx.store, pif)
    learn(ctx.services, pif)
    if pif.managed:
        await bring_down(ctx.services, self)
    async with ctx.store.transaction() as tx:
        gone = tx.get(PIF, self)
        _require_forgettable(tx, gone)  # while it went down somebody may have put it to use
        delete_metrics(tx, gone)
        tx.delete(gone)


async def db_introduce(
    ctx: Context,
    device: str,
    network: str,
    host: str,
    MAC: str,
    MTU: int,
    VLAN: int,
    physical: bool,
    ip_configuration_mode: str,
    IP: str,
    netmask: str,
    gateway: str,
    DNS: str,
    bond_slave_of: str,
    VLAN_master_of: str,
    management: bool,
    other_config: Mapping[str, str],
    disallow_unplug: bool,
    ipv6_configuration_mode: str,
    IPv6: tuple[str, ...],
    ipv6_gateway: str,
    primary_address_type: str,
    managed: bool,
    properties: Mapping[str, str],
) -> str:
    """PIF.db_introduce and PIF.pool_introduce: the record as it is given, without a check.

    ``bond_slave_of`` is ignored: who is in a bond follows from the bond.
    """
    async with ctx.store.transaction() as tx:
        return new_pif(
            tx,
            device=device,
            network=network,
            host=host,
            MAC=MAC,
            MTU=MTU,
            VLAN=VLAN,
            physical=physical,
            ip_configuration_mode=ip_configuration_mode,
            IP=IP,
            netmask=netmask,
            gateway=gateway,
            DNS=DNS,
            VLAN_master_of=VLAN_master_of or NULL_REF,
            management=management,
            other_config=other_config,
            disallow_unplug=disallow_unplug,
            ipv6_configuration_mode=ipv6_configuration_mode,
            IPv6=IPv6,
            ipv6_gateway=ipv6_gateway,
            primary_address_type=primary_address_type,
            managed=managed,
            properties=properties,
        ).ref


async def db_forget(ctx: Context, self: str) -> None:
    """PIF.db_forget: delete only the record."""
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(PIF, self))


def learn(services: Services, pif: PIF) -> None:
    """Tell the driver of the card behind a physical interface, so that it is found even once the record is gone."""
    host = services.store.find(Host, pif.host)
    if host is None or not pif.physical or not is_mac(pif.MAC):
        return
    if any(card.device == pif.device for card in services.network.cards(host.uuid)):
        return
    details: dict[str, Any] = {}
    metrics = services.store.find(PIFMetrics, pif.metrics)
    if metrics is not None:
        details = {name: getattr(metrics, name) for name in CARD_DETAILS}
        if metrics.last_updated != NEVER or metrics.carrier:
            details["link"] = Link(metrics.carrier, metrics.speed, metrics.duplex)
    mtu = pif.MTU if pif.MTU > 0 else DEFAULT_MTU
    card = Card(device=pif.device, MAC=pif.MAC, MTU=mtu, capabilities=tuple(pif.capabilities), **details)
    services.network.learn(host.uuid, card)


def learn_all(services: Services, host: str) -> None:
    """As :func:`learn`, for every interface of a host."""
    for pif in host_pifs(services.store, host):
        learn(services, pif)


def settle_management(tx: Transaction, host: str, bridge: str) -> None:
    """Have exactly the interfaces on the first network with the management bridge count as management."""
    network = next((found for found in tx.all(Network) if found.bridge == bridge), None)
    if not bridge or network is None:
        return
    for pif in host_pifs(tx, host):
        put(tx, pif, management=pif.network == network.ref)


def _require_forgettable(reader: Reader, pif: PIF) -> None:
    if pif.management:
        raise ApiError("PIF_IS_MANAGEMENT_INTERFACE", pif.ref)
    if is_bond_slave(reader, pif) or pif.bond_master_of:
        raise ApiError("PIF_ALREADY_BONDED", pif.ref)
    if pif.VLAN_slave_of or is_vlan(pif):
        raise ApiError("PIF_VLAN_STILL_EXISTS", pif.ref)
    if pif.tunnel_transport_PIF_of or pif.tunnel_access_PIF_of:
        raise ApiError("PIF_TUNNEL_STILL_EXISTS", pif.ref)
    require_protection_off(reader, pif)


def _introduce(tx: Transaction, host: str, card: Card, managed_by: str, **values: Any) -> PIF:
    """Make the interface of a card, on the network that equal cards of all hosts share."""
    bridge = bridge_of(card.device)
    networks = [network for network in tx.all(Network) if network.bridge == bridge]
    if len(networks) == 1:
        network = networks[0]
    else:
        network = tx.create(
            Network, name_label=f"Pool-wide network associated with {card.device}", bridge=bridge, MTU=DEFAULT_MTU
        )
    is_management = network.bridge == managed_by
    return new_physical(
        tx, host, network.ref, card, management=is_management, currently_attached=is_management, **values
    )


HANDLERS: Handlers = {
    "PIF.scan": scan,
    "PIF.introduce": introduce,
    "PIF.forget": forget,
    "PIF.db_introduce": db_introduce,
    "PIF.pool_introduce": db_introduce,
    "PIF.db_forget": db_forget,
}
