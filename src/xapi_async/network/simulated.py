"""The simulated network: cards that are made up, links that hold, and a DHCP server on every segment."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from xapi_async.network.driver import (
    DOWN,
    Card,
    Interface,
    Lease,
    LeaseRange,
    Link,
    NetworkError,
    VlanInUseError,
)
from xapi_async.network.mac import generated_mac
from xapi_async.network.settings import NetworkSettings
from xapi_async.objects.clock import Clock, SystemClock


def made_up_cards(settings: NetworkSettings, host: str) -> tuple[Card, ...]:
    """The cards of a host with that uuid: always the same ones for the same host."""
    return tuple(
        Card(
            device=f"eth{number}",
            MAC=generated_mac(f"card of {host}", number),
            vendor_id="8086",
            vendor_name="Intel Corporation",
            device_id="10fb",
            device_name="82599ES 10-Gigabit SFI/SFP+ Network Connection",
            pci_bus_path=f"0000:04:{number // 8:02x}.{number % 8}",
        )
        for number in range(settings.cards_per_host)
    )


class SimulatedNetwork:
    """A :class:`~xapi_async.network.driver.NetworkDriver` without a wire.

    What it holds beyond its settings (leases, bridges, cards learnt) is what a real host would find
    again after a restart of the server; it is rebuilt from the state by those who bring things up.
    """

    def __init__(self, settings: NetworkSettings | None = None, clock: Clock | None = None) -> None:
        self._settings = settings or NetworkSettings()
        self._clock = clock or SystemClock()
        self._learnt: dict[str, dict[str, Card]] = {}
        self._bridges: dict[str, set[str]] = {}
        self._leases: dict[str, dict[str, str]] = {}  # per segment: MAC to address
        self.bridge_numbers: Iterator[int] = itertools.count()

    def cards(self, host: str) -> Sequence[Card]:
        made_up = {card.device: card for card in made_up_cards(self._settings, host)}
        cards = {**made_up, **self._learnt.get(host, {})}
        return tuple(sorted(cards.values(), key=lambda card: (len(card.device), card.device)))

    def learn(self, host: str, card: Card) -> None:
        self._learnt.setdefault(host, {}).setdefault(card.device, card)

    def link(self, host: str, device: str) -> Link:
        card = next((card for card in self.cards(host) if card.device == device), None)
        if card is None or device in self._settings.unlinked:
            return DOWN
        return card.link or Link(carrier=True, speed=self._settings.link_speed, duplex=True)

    def has_vlan(self, host: str, device: str, tag: int) -> bool:
        return f"{device}.{tag}" in self._settings.external_vlans

    def has_bridge(self, host: str, bridge: str) -> bool:
        return bridge in self._settings.external_bridges or bridge in self._bridges.get(host, ())

    def forget_bridges(self, host: str) -> None:
        self._bridges.pop(host, None)

    async def up(self, host: str, interface: Interface) -> None:
        await self._take(self._settings.plug_seconds)
        if interface.VLAN >= 0 and self.has_vlan(host, interface.device, interface.VLAN):
            raise VlanInUseError(interface.device, interface.VLAN)
        if interface.bridge in self._settings.failing_bridges:
            raise NetworkError(f"the bridge {interface.bridge} could not be brought up")
        self._bridges.setdefault(host, set()).add(interface.bridge)

    async def down(self, host: str, interface: Interface) -> None:
        await self._take(self._settings.plug_seconds)
        self._bridges.get(host, set()).discard(interface.bridge)

    async def internal_bridge(self, host: str, bridge: str, *, wanted: bool) -> None:
        if bridge in self._settings.failing_bridges and wanted:
            raise NetworkError(f"the bridge {bridge} could not be made")
        bridges = self._bridges.setdefault(host, set())
        if wanted:
            bridges.add(bridge)
        else:
            bridges.discard(bridge)

    async def lease(
        self, segment: str, mac: str, wanted: str, taken: Collection[str], offers: LeaseRange | None
    ) -> Lease | None:
        await self._take(self._settings.lease_seconds)
        served = self._served(segment, offers)
        if served is None:
            return None
        subnet, gateway, addresses = served
        leases = self._leases.setdefault(segment, {})
        busy = {*taken, *(address for holder, address in leases.items() if holder != mac)}
        held = leases.get(mac)
        chosen = next((own for own in (held, wanted) if own and own not in busy and own in addresses), None)
        if chosen is None:
            chosen = next((str(address) for address in addresses.walk() if str(address) not in busy), None)
        if chosen is None:
            return None
        leases[mac] = chosen
        dns = self._settings.dns_servers or ((gateway,) if gateway else ())
        return Lease(IP=chosen, netmask=str(subnet.netmask), gateway=gateway, DNS=",".join(dns))

    async def autoconfigured(self, segment: str, mac: str) -> str | None:
        if not self._settings.ipv6_prefix:
            return None
        prefix = IPv6Network(self._settings.ipv6_prefix)
        octets = bytes.fromhex(mac.replace(":", ""))
        identifier = bytes((octets[0] ^ 0x02, *octets[1:3], 0xFF, 0xFE, *octets[3:6]))  # modified EUI-64
        address = prefix[int.from_bytes(identifier, "big")]
        return f"{address}/{prefix.prefixlen}"

    def _served(self, segment: str, offers: LeaseRange | None) -> tuple[IPv4Network, str, _Addresses] | None:
        """The subnet of a segment, its gateway and the addresses given out there."""
        if offers is not None:
            subnet = IPv4Network(f"{offers.first}/{offers.netmask}", strict=False)
            return subnet, "", _Addresses(IPv4Address(offers.first), IPv4Address(offers.last))
        text = self._settings.dhcp_subnets.get(segment, self._settings.dhcp_subnet)
        if not text:
            return None
        subnet = IPv4Network(text)
        # The first address is the gateway's, the last one the broadcast address.
        return subnet, str(subnet[1]), _Addresses(subnet[2], subnet[-2])

    async def _take(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)


class _Addresses:
    """A range of IPv4 addresses, both ends included."""

    def __init__(self, first: IPv4Address, last: IPv4Address) -> None:
        self._first = first
        self._last = last

    def __contains__(self, text: str) -> bool:
        try:
            return self._first <= IPv4Address(text) <= self._last
        except ValueError:
            return False

    def walk(self) -> Iterator[IPv4Address]:
        return (IPv4Address(number) for number in range(int(self._first), int(self._last) + 1))
