"""How calls scale over processes: what can be said of it on a machine that has few cores.

The load generator needs a core as well. On two cores two busy processes and a busy generator are in
each other's way, and the rate says little of what they would do with cores of their own. So the same
processes are also measured crowded onto one core, where the generator has the other: what they
answer there in a second of CPU time, each of them answers on a core of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import calls
from benchmarks.calls import xml
from benchmarks.loadgen import Load
from benchmarks.results import Row
from benchmarks.servers import CORES, GENERATOR_CORES, SERVER_CORES, Running, xapi_async

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


@dataclass(frozen=True)
class _Setup:
    """So many processes on these cores."""

    name: str
    processes: int
    cores: Sequence[int]


ONE = _Setup("1 process", 1, tuple(SERVER_CORES))


def measure(seconds: float, rounds: int, processes: int = 2) -> Iterator[Row]:
    """Rows for each load. seconds: of one round of one load. processes: to compare with one."""
    setups = (
        ONE,
        _Setup(f"{processes} processes on one core", processes, tuple(SERVER_CORES)),
        _Setup(f"{processes} processes on all cores", processes, tuple(CORES)),
    )
    found: dict[tuple[str, _Setup], _Found] = {}
    with ExitStack() as stack:
        pool = calls.Pool()
        stack.callback(pool.close)
        runs: list[tuple[_Setup, Running, dict[str, list[bytes]]]] = []
        for setup in setups:
            flags = ("--vms", "100", "--workers", str(setup.processes))
            server = stack.enter_context(xapi_async(*flags, cores=setup.cores))
            session = server.session()
            vms = calls._guests(server, session)
            runs.append((setup, server, {name: requests(session, vms) for name, requests in LOADS.items()}))
        for _ in range(rounds):
            # In turn, so that noise on the machine falls on all alike.
            for name in LOADS:
                for setup, server, requests in runs:
                    _run(pool, server, requests[name], seconds, found.setdefault((name, setup), _Found()))
    for name in LOADS:
        for setup in setups:
            yield _row(name, setup, found[name, setup], found[name, ONE])


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


def _row(name: str, setup: _Setup, this: _Found, one: _Found) -> Row:
    shares = ", ".join(f"{share:.0%}" for share in this.shares)
    note = f"cores used: {shares}; p99 {statistics.median(this.p99) * 1000:.1f} ms"
    note += f"; {this.per_cpu_second:,.0f} calls per CPU second, {this.per_cpu_second / one.per_cpu_second:.2f} of one"
    note += f"; {this.errors} ERRORS" if this.errors else ""
    is_crowded_read = LOADS[name] in (_reads, _records) and setup.processes > 1 and setup.cores == tuple(SERVER_CORES)
    ratio = this.per_cpu_second / one.per_cpu_second if is_crowded_read else this.rate / one.rate
    goal, met = ("0.85 by CPU time", ratio >= 0.85) if is_crowded_read else ("", None)
    return Row(f"{name}, {setup.name}", this.rate, "calls/s", ratio, ONE.name, goal, met, note)


def main() -> None:
    """Measure and print."""
    from benchmarks import results

    print(f"{results.machine()['cpu']}, {len(CORES)} cores; the generator on {len(GENERATOR_CORES)} of them")
    print(results.table(measure(seconds=1.5, rounds=5)))


if __name__ == "__main__":
    main()
