"""Where the VMs of a new pool go: what is left of each host's memory, and what is used of each SR."""

from __future__ import annotations

from collections.abc import Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vm import VM
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.memory import MIB, TIB, rounded_up

_THICK = {"lvm", "lvmoiscsi"}


class Storage:
    """An SR and what of it is used, in bytes."""

    def __init__(self, sr: SR) -> None:
        self.sr = sr
        self.allocated = sr.virtual_allocation
        self.used = sr.physical_utilisation

    def take(self, size: int, filled: float) -> int:
        """Take room for a disk of a size, written to that part (0 to 1); gives the bytes it uses."""
        if self.sr.type in _THICK:
            used = rounded_up(size + size // 512 + 4 * MIB, 4 * MIB)
        else:
            used = rounded_up(int(size * filled), 2 * MIB) + 2 * MIB
        self.allocated += size
        self.used += used
        return used

    def enter(self, maker: Maker) -> None:
        """Write down what was taken; an SR that is too small turns out to be larger."""
        size = self.sr.physical_size
        if self.used > size:
            size = rounded_up(self.used, TIB)
        maker.update(self.sr, virtual_allocation=self.allocated, physical_utilisation=self.used, physical_size=size)


class Place:
    """A host and what of its memory is left. storage: where disks go whose VM is at home here."""

    def __init__(self, maker: Maker, host: Host, storage: Sequence[Storage]) -> None:
        self.host = host
        self.storage = storage
        self.metrics = maker.tx.get(HostMetrics, host.metrics)
        control_domain = maker.tx.get(VM, host.control_domain)
        taken = host.memory_overhead + control_domain.memory_dynamic_min + control_domain.memory_overhead
        self.free = max(0, self.metrics.memory_total - taken)
        self._domains = 0

    def run(self, need: int) -> int | None:
        """Give a domain its memory; gives the domain's number, or None where there is not enough."""
        if need > self.free:
            return None
        self.free -= need
        self._domains += 1
        return self._domains

    def enter(self, maker: Maker) -> None:
        """Write down what is left."""
        maker.update(self.metrics, memory_free=self.free)
