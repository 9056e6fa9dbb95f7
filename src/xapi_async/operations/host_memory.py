"""How much memory hosts have to spare: the one account that placement, migration and host calls share.

A guest counts with what it can be ballooned down to and its overhead, from the moment its host is chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.totals import Share, Sum


class Load(NamedTuple):
    """What the guests of a host have, in bytes: their overheads, and the limits they are kept between."""

    overhead: int
    dynamic_min: int
    dynamic_max: int
    static_max: int

    def plus(self, other: Load, sign: int = 1) -> Load:
        """These and others together, or, with -1, without the others."""
        # Written out, as it is done for every host when a VM looks for one.
        return Load(
            self.overhead + sign * other.overhead,
            self.dynamic_min + sign * other.dynamic_min,
            self.dynamic_max + sign * other.dynamic_max,
            self.static_max + sign * other.static_max,
        )


def one(vm: VM) -> Load:
    """What one VM has."""
    return Load(vm.memory_overhead, vm.memory_dynamic_min, vm.memory_dynamic_max, vm.memory_static_max)


def _share(vm: VM) -> Share:
    """A VM counts where it is and where it is expected; where both are the same host, twice."""
    places = [host for host in (vm.resident_on, vm.scheduled_to_be_resident_on) if host != NULL_REF]
    return tuple((host, one(vm)) for host in places)


LOADS = Sum(VM, _share, len(Load._fields))
"""What the guests of each host have."""


def capacity(reader: Reader, host: Host) -> int:
    """Bytes a host has for VMs, its control domain included."""
    metrics = reader.find(HostMetrics, host.metrics)
    return (metrics.memory_total if metrics else 0) - host.memory_overhead


def loads(reader: Reader, starting: VM | None = None) -> Callable[[str], Load]:
    """What the VMs that count on a host have, by host; one both resident and expected there counts twice.

    starting: a VM that does not count for being expected somewhere. Good until the next change.
    """
    totals = reader.totals(LOADS)

    def load(host: str) -> Load:
        found = Load._make(totals.of(host))
        if starting is not None and starting.scheduled_to_be_resident_on == host:
            return found.plus(one(starting), -1)
        return found

    return load


def free_memory(reader: Reader, host: Host, *, starting: VM | None = None) -> int:
    """Bytes left on a host for more VMs; never below 0. starting: a VM whose own reservation does not count."""
    load = loads(reader, starting)(host.ref)
    return max(0, capacity(reader, host) - load.dynamic_min - load.overhead)
