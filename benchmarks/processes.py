"""What processes have used: processor time and memory, of themselves and of those they started."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class CpuTime:
    """Seconds of processor time. total: to the nanosecond. user, system: of it, to a hundredth of a second."""

    total: float
    user: float
    system: float

    def __sub__(self, before: CpuTime) -> CpuTime:
        return CpuTime(self.total - before.total, self.user - before.user, self.system - before.system)

    def __add__(self, other: CpuTime) -> CpuTime:
        return CpuTime(self.total + other.total, self.user + other.user, self.system + other.system)

    def times(self, factor: float) -> CpuTime:
        """So many times as much."""
        return CpuTime(self.total * factor, self.user * factor, self.system * factor)

    @property
    def system_share(self) -> float:
        """The part of it that was spent in the kernel."""
        return self.system / max(1e-9, self.user + self.system)


NO_TIME = CpuTime(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Memory:
    """Bytes in use.

    resident: RSS, which counts what processes share in each of them. proportional: PSS, which shares it out.
    """

    resident: int
    proportional: int


def family(pid: int) -> list[int]:
    """A process and all that come from it, itself first."""
    found = [pid]
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += family(int(child))
    return found


def cpu_time(pid: int) -> CpuTime:
    """What a process has used so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    # The number of a process's own clock, as clock_getcpuclockid(3) makes it.
    return CpuTime(time.clock_gettime(~pid << 3 | 2), int(fields[11]) / _TICKS, int(fields[12]) / _TICKS)


def interruptions(pid: int) -> int:
    """How often the system has taken the processor from a process's first thread, which wanted to go on."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, count = line.partition(":")
        if name == "nonvoluntary_ctxt_switches":
            return int(count)
    return 0


def own_cpu() -> float:
    """Seconds that this process has used."""
    return _used(resource.RUSAGE_SELF)


def children_cpu() -> float:
    """Seconds that processes used which this one started, and those that came from them, once they have ended."""
    return _used(resource.RUSAGE_CHILDREN)


def _used(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def busy_everywhere() -> float:
    """Seconds of processor time that all programs on the machine have used, and that its host took away."""
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = Path("/proc/stat").read_text().split()[1:9]
    return (int(user) + int(nice) + int(system) + int(steal)) / _TICKS


def memory(pids: Sequence[int]) -> Memory:
    """What processes use together."""
    resident = proportional = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, size = line.partition(":")
            if name == "Rss":
                resident += int(size.split()[0]) * 1024
            elif name == "Pss":
                proportional += int(size.split()[0]) * 1024
    return Memory(resident, proportional)
