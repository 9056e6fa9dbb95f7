"""Settings of a new pool: how many hosts and VMs it begins with, and what they are like."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import Literal

from xapi_async.inventory.groups import VmGroup
from xapi_async.inventory.hardware import HostSettings
from xapi_async.inventory.memory import TIB
from xapi_async.inventory.presets import PRESETS


@dataclass(frozen=True)
class InventorySettings:
    """What a new database begins with: a freshly installed host, or a pool of any size.

    Of a database that is there it changes nothing but the machines of hosts whose uuid or name is given.
    """

    hosts: int = field(default=1, metadata={"doc": "Hosts of the pool."})
    vms: int = field(default=0, metadata={"doc": "VMs of the pool, alike as the vm settings say."})
    seed: int | None = field(
        default=None, metadata={"doc": "The same seed gives the same objects; none: others each time."}
    )
    preset: str = field(default="", metadata={"doc": "A pool known by name, in place of hosts, vms and groups."})
    pool_name: str = field(default="", metadata={"doc": "Name of the pool."})
    host: HostSettings = field(default=HostSettings(), metadata={"doc": "What every host is like."})
    described_hosts: tuple[HostSettings, ...] = field(
        default=(),
        metadata={
            "doc": "The first hosts, described one by one; the pool has at least these. Those with a name or uuid "
            "have their processors, memory, cards and USB devices as described at every start."
        },
    )
    host_prefix: str = field(default="xenserver", metadata={"doc": "Name of hosts, to which a number is added."})
    management_subnet: str = field(
        default="10.0.0.0/16", metadata={"doc": "Where hosts have their addresses; the first is the gateway's."}
    )
    guest_subnet: str = field(default="10.64.0.0/10", metadata={"doc": "Where running guests have their addresses."})
    vm: VmGroup = field(default=VmGroup(), metadata={"doc": "What the VMs are like that vms counts."})
    groups: tuple[VmGroup, ...] = field(default=(), metadata={"doc": "Further VMs, group by group."})
    shared_srs: int | None = field(
        default=None, metadata={"doc": "Storage repositories that all hosts share; none given: 1 for several hosts."}
    )
    shared_sr_type: Literal["nfs", "lvmoiscsi"] = field(default="nfs", metadata={"doc": "Kind of shared storage."})
    shared_sr_size: int = field(
        default=10 * TIB, metadata={"doc": "Size of each in bytes; more where the VMs need it."}
    )
    networks: int = field(default=0, metadata={"doc": "Further networks without a card, private to each host."})
    vlans: tuple[int, ...] = field(default=(), metadata={"doc": "Tags of VLANs, each with a network of its own."})

    def __post_init__(self) -> None:
        if self.hosts < 1:
            raise ValueError(f"hosts: must be at least 1, not {self.hosts}")
        if self.vms < 0:
            raise ValueError(f"vms: must not be negative: {self.vms}")
        if self.preset and self.preset not in PRESETS:
            raise ValueError(f"preset: there is no {self.preset}; there are {', '.join(PRESETS)}")
        for tag in self.vlans:
            if not 0 <= tag <= 4094:
                raise ValueError(f"vlans: a tag is between 0 and 4094, not {tag}")
        if len(set(self.vlans)) < len(self.vlans):
            raise ValueError("vlans: a tag is there twice")
        for name in ("management_subnet", "guest_subnet"):
            try:
                IPv4Network(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

    def rng(self) -> random.Random:
        """What the identities of a new pool come from."""
        return random.Random(self.seed)  # noqa: S311  (identities, not secrets)

    def expanded(self) -> InventorySettings:
        """The same pool without a preset, and with all VMs as groups."""
        base = replace(self, preset="", **PRESETS[self.preset].settings()) if self.preset else self
        own = (replace(base.vm, count=base.vms),) if base.vms else ()
        hosts = max(base.hosts, len(base.described_hosts))
        return replace(base, hosts=hosts, vms=0, groups=(*own, *base.groups))

    def host_list(self) -> tuple[HostSettings, ...]:
        """Every host as it is described, the first being the master, with its name filled in."""
        described = self.described_hosts
        rest = max(self.hosts - len(described), 0)
        hosts = (*described, *(replace(self.host, uuid="", address="", name="") for _ in range(rest)))
        if not described:  # what only one host can have goes to the first
            hosts = (self.host, *hosts[1:])
        return tuple(
            replace(host, name=host.name or f"{self.host_prefix}-{number}") for number, host in enumerate(hosts, 1)
        )
