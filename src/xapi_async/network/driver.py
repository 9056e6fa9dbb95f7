"""The driver interface: what operations ask of the hosts' networks.

Hosts are named by their uuid, which outlives every restart. All waits are the driver's; operations
open no transaction while they wait for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Backend = Literal["openvswitch", "bridge"]


class Link(NamedTuple):
    """The state of a card's link. speed: Mbit/s; duplex: full."""

    carrier: bool
    speed: int
    duplex: bool


DOWN = Link(carrier=False, speed=0, duplex=False)


@dataclass(frozen=True)
class Card:
    """A network card (NIC) as found in a host.

    device: its name, such as ``eth0``. link: None where nothing is known of it. MTU: bytes.
    managed, disallow_unplug: as the platform wants cards that the host boots from to be treated.
    capabilities: special abilities, such as ``fcoe``. vendor_id, device_id: four hex digits.
    pci_bus_path: such as ``0000:04:00.0``.
    """

    device: str
    MAC: str
    link: Link | None = None
    MTU: int = 1500
    managed: bool = True
    disallow_unplug: bool = False
    capabilities: tuple[str, ...] = ()
    vendor_id: str = ""
    vendor_name: str = ""
    device_id: str = ""
    device_name: str = ""
    pci_bus_path: str = ""


class Lease(NamedTuple):
    """What a DHCP server gives out; IPv4 texts, DNS servers joined by commas."""

    IP: str
    netmask: str
    gateway: str
    DNS: str


class LeaseRange(NamedTuple):
    """The addresses a DHCP server may give out on a network: first, last, both included, and the netmask."""

    first: str
    last: str
    netmask: str


class Interface(NamedTuple):
    """What is to be brought up or down on a host.

    bridge: of its network. device: the card, bond or tunnel under it. VLAN: the tag, or -1. MTU: bytes.
    members: the cards of a bond.
    """

    bridge: str
    device: str
    VLAN: int
    MTU: int
    members: tuple[str, ...] = ()


class VlanInUseError(Exception):
    """The host uses that VLAN of that device outside the API's control."""

    def __init__(self, device: str, tag: int) -> None:
        super().__init__(device, tag)
        self.device = device
        self.tag = tag


class NetworkError(Exception):
    """The host could not do what was asked; the text says why, and may be empty."""


class NetworkDriver(Protocol):
    """The networks of every host of the pool."""

    bridge_numbers: Iterator[int]
    """Numbers for names of new bridges, counted from 0 when the server starts."""

    def cards(self, host: str) -> Sequence[Card]:
        """The cards in a host, in order of their devices."""
        ...

    def learn(self, host: str, card: Card) -> None:
        """Take note of a card that the records say the host has; one known already stays as it is."""
        ...

    def link(self, host: str, device: str) -> Link:
        """The state of a card's link; down where there is no such card."""
        ...

    def has_vlan(self, host: str, device: str, tag: int) -> bool:
        """Whether the host uses a VLAN outside the API's control."""
        ...

    def has_bridge(self, host: str, bridge: str) -> bool:
        """Whether a bridge exists on the host, be it brought up here or made outside."""
        ...

    def forget_bridges(self, host: str) -> None:
        """Take note that the host has just booted: no bridge that was made here is there any more."""
        ...

    async def up(self, host: str, interface: Interface) -> None:
        """Bring an interface and its bridge up. Raises VlanInUseError or NetworkError."""
        ...

    async def down(self, host: str, interface: Interface) -> None:
        """Take an interface down. Raises NetworkError."""
        ...

    async def internal_bridge(self, host: str, bridge: str, *, wanted: bool) -> None:
        """Make, or remove, the bridge of a network without interfaces. Raises NetworkError."""
        ...

    async def lease(
        self, segment: str, mac: str, wanted: str, taken: Collection[str], offers: LeaseRange | None
    ) -> Lease | None:
        """Ask the segment's DHCP server for an address; None where nobody answers.

        segment: the network asked on. wanted: the address held before, or empty. taken: addresses others hold.
        offers: the range that the network's own settings give out, else the driver's.
        """
        ...

    async def autoconfigured(self, segment: str, mac: str) -> str | None:
        """The IPv6 address with prefix length that a router's announcements lead to; None without a router."""
        ...
