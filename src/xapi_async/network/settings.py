"""Settings of the simulated network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NetworkSettings:
    """How the simulated hosts are cabled, and who gives out addresses."""

    cards_per_host: int = field(
        default=0,
        metadata={"doc": "Cards a scan finds in every host, eth0, eth1 and so on, beside those it was installed with."},
    )
    link_speed: int = field(default=10_000, metadata={"doc": "Speed of cards that a scan has found, in Mbit/s."})
    unlinked: tuple[str, ...] = field(
        default=(), metadata={"doc": "Devices without a cable, such as eth3, on every host."}
    )
    dhcp_subnet: str = field(
        default="10.0.0.0/16",
        metadata={"doc": "IPv4 subnet that DHCP gives out of, on every network; empty for no DHCP server."},
    )
    dhcp_subnets: Mapping[str, str] = field(
        default_factory=dict, metadata={"doc": "Subnets of single networks, by bridge, in place of dhcp_subnet."}
    )
    dns_servers: tuple[str, ...] = field(
        default=(), metadata={"doc": "DNS servers that DHCP hands out; none: the subnet's gateway."}
    )
    ipv6_prefix: str = field(
        default="fd00:0:0:1::/64", metadata={"doc": "IPv6 prefix that routers announce; empty for no router."}
    )
    plug_seconds: float = field(default=0.0, metadata={"doc": "Seconds that bringing an interface up or down takes."})
    lease_seconds: float = field(default=0.0, metadata={"doc": "Seconds until a DHCP server answers."})
    external_bridges: tuple[str, ...] = field(
        default=(), metadata={"doc": "Bridges that exist on every host without the server having made them."}
    )
    external_vlans: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "VLANs that every host uses outside the server's control, such as eth0.12."},
    )
    failing_bridges: tuple[str, ...] = field(
        default=(), metadata={"doc": "Bridges whose interfaces cannot be brought up, for trying out failures."}
    )
