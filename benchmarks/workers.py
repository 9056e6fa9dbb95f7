"""How calls scale over processes: rates, and what is said of more cores than a machine has.

The load generator needs cores as well, so rates with as many processes as cores are those of a crowded
machine. What does not depend on that is how many calls a process answers in a second of its own CPU
time: with a core to itself, N processes answer N times that. Both are shown.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks import calls
from benchmarks.calls import xml
from benchmarks.loadgen import Load
from benchmarks.results import Row
from benchmarks.servers import CORES, GENERATOR_CORES, Running, xapi_async

CONNECTIONS = 64

Calls = Callable[[str, Sequence[str]], list[bytes]]
"""The requests of a load: from a session and the references of guests."""


def _reads(session: str, vms: Sequence[str]) -> list[bytes]:
    return [xml("VM.get_name_label", session, vm) for vm in vms]


def _records(session: str, vms: Sequence[str]) -> list[bytes]:
    return [xml("VM.get_record", session, vm) for vm in vms]


def _writes(session: str, vms: Sequence[str]) -> list[bytes]:
    return [xml("VM.set_name_label", session, vm, "renamed") for vm in vms]


def _mostly_reads(session: str, vms: Sequence[str]) -> list[bytes]:
    """One write to nineteen reads."""
    reads, writes = _reads(session, vms), _writes(session, vms)
    return [writes[n % len(vms)] if n % 20 == 0 else reads[n % len(vms)] for n in range(20 * len(vms) + 7)]


LOADS: dict[str, Calls] = {
    "VM.get_name_label": _reads,
    "VM.get_record": _records,
    "VM.set_name_label, durable": _writes,
    "19 reads to a write": _mostly_reads,
}


@dataclass
class _Found:
    """One load on one server. rates: calls per second. costs: calls per CPU second, over all processes."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def per_cpu_second(self) -> float:
        return statistics.median(self.costs)


def measure(seconds: float, rounds: int, counts: Sequence[int] = (1, 2)) -> Iterator[Row]:
    """Rows for each load and each number of processes. seconds: of one round of one load."""
    pool = calls.Pool()
    found: dict[tuple[str, int], _Found] = {}
    try:
        # Rounds in turn, so that noise on the machine falls on all alike.
        for _ in range(rounds):
            for count in counts:
                cores = CORES if count > 1 else CORES[:1]
                with xapi_async("--vms", "100", "--workers", str(count), cores=cores) as server:
                    session = server.session()
                    vms = calls._guests(server, session)
                    for name, requests in LOADS.items():
                        note = found.setdefault((name, count), _Found())
                        _run(pool, server, requests(session, vms), seconds, note)
    finally:
        pool.close()
    yield from _rows(found, counts)


def _run(pool: calls.Pool, server: Running, requests: list[bytes], seconds: float, found: _Found) -> None:
    before = server.cpu_by_process()
    load = Load(server.port, requests, connections=CONNECTIONS, seconds=seconds, warmup_seconds=0.1)
    measured = pool.run(load)
    # The warm-up is in the CPU time as well: it counts as so many more calls.
    share = seconds / (seconds + load.warmup_seconds)
    used = [after - start for start, after in zip(before, server.cpu_by_process(), strict=True)]
    found.rates.append(measured.rate)
    found.costs.append(measured.calls / (sum(used) * share))
    found.shares = [cpu / (seconds + load.warmup_seconds) for cpu in used]
    found.p99.append(measured.percentile(0.99))
    found.errors += measured.errors


def _rows(found: dict[tuple[str, int], _Found], counts: Sequence[int]) -> Iterator[Row]:
    for name in LOADS:
        one = found[name, counts[0]]
        for count in counts:
            this = found[name, count]
            shares = ", ".join(f"{share:.0%}" for share in this.shares)
            note = f"cores used: {shares}; p99 {statistics.median(this.p99) * 1000:.1f} ms"
            note += f", {this.errors} ERRORS" if this.errors else ""
            label = f"{count} process{'es' if count > 1 else ''}"
            yield Row(f"{name}, {label}", this.rate, "calls/s", this.rate / one.rate, "1 process", note=note)
            ratio = this.per_cpu_second / one.per_cpu_second
            is_read = LOADS[name] in (_reads, _records)
            goal = "at least 0.85" if is_read and count > 1 else ""
            met = ratio >= 0.85 if goal else None
            yield Row(
                f"{name}, {label}, by CPU time", this.per_cpu_second, "calls/s", ratio, "1 process", goal, met,
                f"so {count} cores of their own: {count * this.per_cpu_second:,.0f} calls/s",
            )  # fmt: skip


def main() -> None:
    """Measure and print."""
    from benchmarks import results

    print(f"{results.machine()['cpu']}, {len(CORES)} cores; the generator on {len(GENERATOR_CORES)} of them")
    print(results.table(measure(seconds=2.0, rounds=3)))


if __name__ == "__main__":
    main()
