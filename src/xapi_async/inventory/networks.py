"""Networks of a new pool: one for every kind of card, the internal one, and those asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.inventory.devices import nic_bus_path
from xapi_async.inventory.hardware import HostSettings, NicSettings
from xapi_async.inventory.maker import Maker
from xapi_async.network.mac import generated_mac

INTERNAL_BRIDGE = "xenapi"
VLAN_MAC = "fe:ff:ff:ff:ff:ff"
"""The address every VLAN interface shows; its traffic uses that of the interface below."""

_ETH = re.compile(r"eth([0-9]+)")

INTERNAL_KEY = "is_host_internal_management_network"
"""What marks the hosts' internal management network in its other_config."""

INTERNAL_NETWORK: Mapping[str, Any] = {
    "name_label": "Host internal management network",
    "name_description": "Guests reach the API here, each with a link-local address of its own",
    "bridge": INTERNAL_BRIDGE,
    "MTU": 1500,
    "managed": True,
    "other_config": {
        "is_guest_installer_network": "true",
        INTERNAL_KEY: "true",
        "ip_begin": "169.254.0.1",
        "ip_end": "169.254.255.254",
        "netmask": "255.255.0.0",
    },
}


def addresses(subnet: str) -> Iterator[str]:
    """The addresses of hosts or guests in a subnet, in order; the first is left to the gateway."""
    network = IPv4Network(subnet)
    for number in range(int(network.network_address) + 2, int(network.broadcast_address)):
        yield str(IPv4Address(number))


def synchronise_internal_network(maker: Maker) -> Network:
    """Make sure that the hosts' internal management network is there, under its bridge's name."""
    for network in maker.tx.all(Network):
        if network.other_config.get(INTERNAL_KEY) == "true":
            maker.update(network, bridge=INTERNAL_BRIDGE)
            return network
    return maker.create(Network, **INTERNAL_NETWORK)


def create_card_networks(maker: Maker, hosts: Sequence[HostSettings]) -> dict[str, Network]:
    """Create a network for every device name among the hosts' cards; gives them by that name."""
    devices = dict.fromkeys(nic.device for host in hosts for nic in host.nics)
    return {
        device: maker.create(
            Network, name_label=f"Pool-wide network associated with {device}", bridge=bridge_of(device), other_config={}
        )
        for device in devices
    }


def bridge_of(device: str) -> str:
    """The bridge of the network that belongs to a card: ``eth0`` has ``xenbr0``."""
    match = _ETH.fullmatch(device)
    return f"xenbr{match[1]}" if match else f"br{device}"


def create_pifs(
    maker: Maker, host: Host, hardware: HostSettings, networks: dict[str, Network], subnet: str
) -> list[PIF]:
    """Create the interfaces of a host's cards, plugged; the first carries management at the host's address."""
    pifs = []
    for number, nic in enumerate(hardware.nics):
        management = number == 0 and bool(host.address)
        pifs.append(
            maker.create(
                PIF,
                device=nic.device,
                device_name=nic.device,
                network=networks[nic.device].ref,
                host=host.ref,
                # The same address that the simulated card has, so that a scan finds it again.
                MAC=nic.mac or generated_mac(f"card of {host.uuid}", number),
                MTU=1500,
                VLAN=-1,
                metrics=_create_metrics(maker, nic, number).ref,
                physical=True,
                currently_attached=True,
                management=management,
                properties={"gro": "on"},
                igmp_snooping_status="disabled",
                **(_static(host.address, subnet) if management else {}),
            )
        )
    return pifs


def create_vlans(maker: Maker, hosts: Sequence[Host], pifs: Sequence[Sequence[PIF]], tags: Sequence[int]) -> int:
    """Create a network for each tag, and on every host a VLAN on its last card; gives how many networks.

    pifs: the physical interfaces of each host.
    """
    for number, tag in enumerate(tags, 1):
        network = maker.create(Network, name_label=f"VLAN {tag}", bridge=f"xapi{number}", other_config={})
        for host, own in zip(hosts, pifs, strict=True):
            if own:
                _create_vlan(maker, host, own[-1], network, tag)
    return len(tags)


def create_private_networks(maker: Maker, count: int, first: int) -> list[Network]:
    """Create networks without a card. first: the number of the first one's bridge."""
    return [
        maker.create(Network, name_label=f"Private network {number}", bridge=f"xapi{bridge}", other_config={})
        for number, bridge in enumerate(range(first, first + count), 1)
    ]


def _create_vlan(maker: Maker, host: Host, tagged: PIF, network: Network, tag: int) -> None:
    vlan_ref = maker.ref()
    untagged = maker.create(
        PIF,
        device=tagged.device,
        device_name=f"{tagged.device}.{tag}",
        network=network.ref,
        host=host.ref,
        MAC=VLAN_MAC,
        MTU=tagged.MTU,
        VLAN=tag,
        metrics=tagged.metrics,
        physical=False,
        currently_attached=True,
        VLAN_master_of=vlan_ref,
        IPv6=("",),
    )
    maker.create(VLAN, ref=vlan_ref, tagged_PIF=tagged.ref, untagged_PIF=untagged.ref, tag=tag)


def _create_metrics(maker: Maker, nic: NicSettings, number: int) -> PIFMetrics:
    return maker.create(
        PIFMetrics,
        carrier=nic.linked,
        speed=nic.speed if nic.linked else 0,
        duplex=nic.linked,
        vendor_id=nic.vendor_id,
        vendor_name=nic.vendor_name,
        device_id=nic.device_id,
        device_name=nic.device_name,
        pci_bus_path=nic_bus_path(number, nic.pci_bus_path),
        last_updated=maker.time,
    )


def _static(address: str, subnet: str) -> dict[str, str]:
    network = IPv4Network(subnet)
    gateway = str(network.network_address + 1)
    return {
        "ip_configuration_mode": "Static",
        "IP": address,
        "netmask": str(network.netmask),
        "gateway": gateway,
        "DNS": gateway,
    }
