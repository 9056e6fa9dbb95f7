"""What the guests of a new pool tell of themselves while they run."""

from __future__ import annotations

import re

from xapi_async.inventory.templates import BASES, Template

FEATURES = {
    "feature-poweroff": "1",
    "feature-reboot": "1",
    "feature-suspend": "1",
    "feature-vcpu-hotplug": "1",
    "platform-feature-multiprocessor-suspend": "1",
    "data-ts": "1",
}
DRIVERS_LINUX = {"major": "7", "minor": "4", "micro": "50", "build": "1"}
DRIVERS_WINDOWS = {"xenbus": "8.2.1", "xenvbd": "8.2.1", "xenvif": "8.2.1", **DRIVERS_LINUX}

_DISTRIBUTIONS = {"oel": "oracle", "sl": "scientific"}
_LABEL = re.compile(r"(?P<name>[a-z]+)\D*(?P<major>\d+)?(?:\.(?P<minor>\d+))?")


def os_version(template: Template) -> dict[str, str]:
    """The operating system, as VM_guest_metrics.os_version has it."""
    if is_windows(template):
        return {"name": f"Microsoft {template.name}|C:\\Windows|", "distro": "windows", "major": "10", "minor": "0"}
    found = _LABEL.match(template.label)
    name = found["name"] if found else template.label
    return {
        "name": template.name,
        "uname": "4.4.0",
        "distro": _DISTRIBUTIONS.get(name, name),
        "major": (found and found["major"]) or "1",
        "minor": (found and found["minor"]) or "0",
    }


def drivers(template: Template) -> dict[str, str]:
    """The versions of the paravirtual drivers."""
    return DRIVERS_WINDOWS if is_windows(template) else DRIVERS_LINUX


def is_windows(template: Template) -> bool:
    """Whether it is for Windows."""
    return BASES[template.base].vendor_device or template.label == "legacy-windows"


def networks(address: str) -> dict[str, str]:
    """VM_guest_metrics.networks of a guest with one address, on its first interface."""
    return {"0/ip": address, "0/ipv4/0": address}
