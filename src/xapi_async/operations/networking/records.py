"""The records of interfaces: how each kind of PIF starts out, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NEVER, NULL_REF
from xapi_async.inventory.networks import VLAN_MAC
from xapi_async.network.driver import Card
from xapi_async.network.mac import generated_mac
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.networking.checks import pifs

IPV4_FIELDS = ("ip_configuration_mode", "IP", "netmask", "gateway", "DNS")
"""What makes up an interface's IPv4 settings, and moves as one."""

NO_IPV4 = {"ip_configuration_mode": "None", "IP": "", "netmask": "", "gateway": "", "DNS": ""}


def put(tx: Transaction, target: ApiClass, **values: Any) -> None:
    """Write those of the fields that differ, so that nobody is told of a change that is none."""
    changed = {name: value for name, value in values.items() if getattr(target, name) != value}
    if changed:
        tx.set(target, **changed)


def new_metrics(tx: Transaction) -> str:
    """Fresh PIF metrics, of which nothing is known yet; their reference."""
    return tx.create(PIFMetrics, last_updated=NEVER).ref


def new_pif(tx: Transaction, **values: Any) -> PIF:
    """An interface that is down and has no address, but for what is given. Metrics are made unless given."""
    start: dict[str, Any] = {"VLAN": -1, "MTU": -1, "currently_attached": False, **values}
    if "metrics" not in start:
        start["metrics"] = new_metrics(tx)
    start.setdefault("device_name", start["device"])
    return tx.create(PIF, **start)


def new_physical(tx: Transaction, host: str, network: str, card: Card, **values: Any) -> PIF:
    """The interface of a network card."""
    return new_pif(
        tx,
        host=host,
        network=network,
        device=card.device,
        physical=True,
        properties={"gro": "on"},
        **{
            "MAC": card.MAC,
            "MTU": card.MTU,
            "managed": card.managed,
            "disallow_unplug": card.disallow_unplug,
            "capabilities": card.capabilities,
            **values,
        },
    )


def new_bond_master(tx: Transaction, host: str, network: str, MAC: str, properties: dict[str, str]) -> PIF:
    """The interface that stands for a bond, with the lowest device number that no bond of the host has."""
    bonds = (pif.device for pif in host_pifs(tx, host) if pif.bond_master_of)
    device = free_device("bond", bonds)
    return new_pif(tx, host=host, network=network, device=device, MAC=MAC, IPv6=("",), properties=properties)


def new_vlan(tx: Transaction, base: PIF, tag: int, network: str) -> VLAN:
    """A VLAN over an interface, with the untagged interface that joins the host to the network."""
    untagged = new_pif(
        tx,
        host=base.host,
        network=network,
        device=base.device,
        MAC=VLAN_MAC,
        MTU=base.MTU,
        VLAN=tag,
        IPv6=("",),
        metrics=base.metrics,
    )
    vlan = tx.create(VLAN, tagged_PIF=base.ref, untagged_PIF=untagged.ref, tag=tag)
    tx.set(untagged, VLAN_master_of=vlan.ref)
    return vlan


def new_tunnel(tx: Transaction, transport: PIF, network: str) -> Tunnel:
    """A tunnel over an interface, with the access interface that joins the host to the network."""
    devices = (pif.device for pif in host_pifs(tx, transport.host))
    access = new_pif(
        tx,
        host=transport.host,
        network=network,
        device=free_device("tunnel", devices),
        MAC=generated_mac(new_uuid(), 0),
        IPv6=("",),
        metrics=transport.metrics,
    )
    return tx.create(Tunnel, access_PIF=access.ref, transport_PIF=transport.ref)


def free_device(prefix: str, taken: Iterable[str]) -> str:
    """The name ``prefix`` followed by the lowest number that is not taken."""
    used = set(taken)
    number = 0
    while f"{prefix}{number}" in used:
        number += 1
    return f"{prefix}{number}"


# Reading


def host_pifs(reader: Reader, host: str) -> list[PIF]:
    """All interfaces of a host."""
    return pifs(reader, reader.get(Host, host).PIFs)


def management_pif(reader: Reader, host: str) -> PIF | None:
    """The interface that a host is managed through."""
    return next((pif for pif in host_pifs(reader, host) if pif.management), None)


def bond_of(reader: Reader, master: PIF) -> Bond | None:
    """The bond that an interface stands for."""
    return next((bond for bond in (reader.find(Bond, ref) for ref in master.bond_master_of) if bond), None)


def bond_slaves(reader: Reader, pif: PIF) -> list[PIF]:
    """The members of the bond that an interface stands for; none where it is no bond's."""
    bond = bond_of(reader, pif)
    return pifs(reader, bond.slaves) if bond else []


def is_vlan(pif: PIF) -> bool:
    """Whether an interface is the untagged side of a VLAN."""
    return pif.VLAN >= 0 or pif.VLAN_master_of != NULL_REF


def vlans_over(reader: Reader, pif: PIF) -> list[VLAN]:
    """The VLANs that run over an interface."""
    return [vlan for vlan in (reader.find(VLAN, ref) for ref in pif.VLAN_slave_of) if vlan is not None]


def tunnels_over(reader: Reader, pif: PIF) -> list[Tunnel]:
    """The tunnels whose traffic travels over an interface."""
    return [tunnel for tunnel in (reader.find(Tunnel, ref) for ref in pif.tunnel_transport_PIF_of) if tunnel]


def ipv4_settings(pif: PIF) -> dict[str, Any]:
    """The IPv4 settings of an interface, as fields to write to another."""
    return {name: getattr(pif, name) for name in IPV4_FIELDS}


def delete_metrics(tx: Transaction, pif: PIF) -> None:
    """Delete the metrics of an interface that has its own."""
    metrics = tx.find(PIFMetrics, pif.metrics)
    if metrics is not None:
        tx.delete(metrics)
