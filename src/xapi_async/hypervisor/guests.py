"""Kinds of simulated guests: what their agents tell, and whether they do what they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from xapi_async.hypervisor.driver import DomainConfig, GuestReport

GUEST_KEY = "simulated-guest"
"""The hint that says which kind of guest a VM is."""

_CONTROLS = ("feature-shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "feature-vcpu-hotplug")


@dataclass(frozen=True)
class GuestKind:
    """What is typical of a kind of guests.

    os_version, drivers: as in the report of its agent. features: what it says it supports.
    has_agent: whether it reports at all. obeys: whether it shuts down and reboots when asked.
    """

    os_version: Mapping[str, str] = field(default_factory=dict)
    drivers: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = _CONTROLS
    has_agent: bool = True
    obeys: bool = True
    hotplug: str = "yes"


_LINUX = {"name": "Debian GNU/Linux 9.3 (stretch)", "uname": "4.9.0-5-amd64", "distro": "debian", "major": "9", "minor": "3"}  # fmt: skip  # noqa: E501
_LINUX_DRIVERS = {"major": "7", "minor": "4", "micro": "50", "build": "1"}
_WINDOWS = {"name": "Microsoft Windows Server 2016 Standard|C:\\Windows|\\Device\\Harddisk0\\Partition2", "distro": "windows", "major": "10", "minor": "0", "spmajor": "0", "spminor": "0"}  # fmt: skip  # noqa: E501
_WINDOWS_DRIVERS = {"major": "7", "minor": "4", "micro": "0", "build": "149"}

KINDS: Mapping[str, GuestKind] = {
    "linux": GuestKind(_LINUX, _LINUX_DRIVERS),
    "windows": GuestKind(_WINDOWS, _WINDOWS_DRIVERS, (*_CONTROLS, "feature-ts2", "feature-quiesce")),
    "bare": GuestKind(features=(), has_agent=False, obeys=False, hotplug="unspecified"),
    "deaf": GuestKind(_LINUX, _LINUX_DRIVERS, obeys=False),
}
"""Every kind, by name."""


def kind_of(config: DomainConfig, choices: Mapping[str, str]) -> GuestKind:
    """What kind of guest a VM is.

    choices: kinds by a part of the template's label, as the settings say.
    """
    named = config.hints.get(GUEST_KEY, "")
    if named in KINDS:
        return KINDS[named]
    label = config.system.lower()
    chosen = next((kind for part, kind in choices.items() if part.lower() in label), None)
    return KINDS[chosen or ("windows" if "windows" in label else "linux")]


def report_of(kind: GuestKind, config: DomainConfig) -> GuestReport:
    """What the agent of such a guest tells; addresses follow from those of its interfaces."""
    return GuestReport(
        os_version=dict(kind.os_version),
        drivers=dict(kind.drivers),
        other=dict.fromkeys(kind.features, "1"),
        networks=_addresses(config),
        hotplug_vbd=kind.hotplug,
        hotplug_vif=kind.hotplug,
    )


def _addresses(config: DomainConfig) -> dict[str, str]:
    found: dict[str, str] = {}
    for device in config.devices:
        if device.kind == "vif" and device.address:
            number = int(device.address.replace(":", ""), 16)
            v4 = str(IPv4Address(0x0A000000 | (number & 0x00FFFFFF)))
            position = device.position
            found |= {f"{position}/ip": v4, f"{position}/ipv4/0": v4, f"{position}/ipv6/0": _link_local(number)}
    return found


def _link_local(mac: int) -> str:
    """The IPv6 address that an interface with that MAC address makes up for itself."""
    high, low = (mac >> 24) ^ 0x020000, mac & 0xFFFFFF
    return str(IPv6Address((0xFE80 << 112) | (high << 40) | (0xFFFE << 24) | low))
