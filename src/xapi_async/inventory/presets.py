"""Pools known by name, such as those that performance is measured with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from xapi_async.inventory.groups import VmGroup
from xapi_async.inventory.memory import GIB


@dataclass(frozen=True)
class Preset:
    """A pool known by name. vms_per_host of each group; the groups' own counts are not used."""

    doc: str
    hosts: int
    groups: tuple[VmGroup, ...]
    vms_per_host: int

    def settings(self) -> dict[str, Any]:
        """The settings it stands for."""
        count = self.vms_per_host * self.hosts
        return {"hosts": self.hosts, "vms": 0, "groups": tuple(replace(group, count=count) for group in self.groups)}


_LINUX = VmGroup(templates=("debian-9",), running=0.0, cd_drive=False, disk_size=GIB)
_FOUR_GROUPS = (
    replace(_LINUX, prefix="bare", disks=0, interfaces=0, tags=("bare",)),
    replace(_LINUX, prefix="disk", disks=1, interfaces=0, tags=("disk",)),
    replace(_LINUX, prefix="net", disks=0, interfaces=1, tags=("net",)),
    replace(_LINUX, prefix="full", disks=1, interfaces=1, tags=("full",)),
)
_DESKTOPS = (VmGroup(prefix="desktop", templates=("windows-7-32bit",), running=1.0, tags=("desktop",)),)

PRESETS: dict[str, Preset] = {
    f"performance-{hosts}": Preset(
        f"{hosts} hosts with 80 halted VMs each: 20 bare, 20 with a disk, 20 with an interface, 20 with both.",
        hosts,
        _FOUR_GROUPS,
        20,
    )
    for hosts in (1, 4, 16, 48)
} | {"desktops": Preset("8 hosts with 50 running Windows desktops each.", 8, _DESKTOPS, 50)}
"""The presets by name."""
