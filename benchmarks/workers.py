"""How calls scale over processes: what can be said of it on a machine that has few cores.

The load generator needs a core as well. On two cores two busy processes and a busy generator are in
each other's way, and the rate says little of what they would do with cores of their own. So the same
processes are also measured crowded onto one core, where the generator has the other: what they
answer there in a second of CPU time, each of them answers on a core of its own.

Writes are all done by the first process. What bounds them once readers have cores of their own is what that
one uses for each, so it is compared with what a single process uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from benchmarks.generator import Generator
from benchmarks.requests import xml
from benchmarks.results import Goal, Row, at_least
from benchmarks.rounds import Rounds, Subject, in_turns, rate_row
from benchmarks.servers import CORES, SERVER_CORES, Running, xapi_async

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


LOADS: Mapping[str, Calls] = {
    "VM.get_name_label": _reads,
    "VM.get_record": _records,
    "19 reads to a write": _mostly_reads,
    "VM.set_name_label": _writes,
}

GOALS: Mapping[str, float] = {"VM.get_name_label": 0.85, "VM.get_record": 0.85, "VM.set_name_label": 1.0}
"""By load: how much of its work one of several processes is to do for the CPU time of a single one; for writes
the one that writes.
"""


@dataclass(frozen=True)
class _Setup:
    """So many processes on these cores."""

    name: str
    processes: int
    cores: Sequence[int]


ONE = _Setup("1 process", 1, tuple(SERVER_CORES))


def measure(processes: int, seconds: float, rounds: int) -> Iterator[Row]:
    """Rows for each load. processes: to compare with one. seconds: of one round of one load."""
    crowded = _Setup(f"{processes} on one core", processes, tuple(SERVER_CORES))
    setups = (ONE, crowded, _Setup(f"{processes} on all cores", processes, tuple(CORES)))
    with ExitStack() as stack:
        generator = stack.enter_context(Generator())
        subjects: dict[str, Subject] = {}
        servers = [(setup, stack.enter_context(_server(setup))) for setup in setups]
        for load, requests in LOADS.items():
            for setup, server in servers:
                session = server.session()
                subjects[f"{load}, {setup.name}"] = Subject(server, requests(session, server.guests(session)))
        found = in_turns(generator, subjects, seconds, rounds)
    for load in LOADS:
        one = found[f"{load}, {ONE.name}"]
        for setup in setups:
            this = found[f"{load}, {setup.name}"]
            row = rate_row(f"{load}, {setup.name}", this, ONE.name, one)
            row.note = f"{row.note}; cores used: {_shares(this)}"
            yield row
        yield _by_cpu(load, processes, found[f"{load}, {crowded.name}"], one)


def _server(setup: _Setup) -> AbstractContextManager[Running]:
    return xapi_async("--vms", "100", "--workers", str(setup.processes), cores=setup.cores)


def _by_cpu(load: str, processes: int, this: Rounds, one: Rounds) -> Row:
    """What is done for a second of CPU time: of all processes; of the one that writes where the load only writes."""
    if LOADS[load] is _writes:
        name, cost = f"{load}, the writer of {processes}", this.process_cpu(0)
    else:
        name, cost = f"{load}, each of {processes}", this.cpu
    ratio = one.cpu / max(1e-9, cost)
    goal = at_least(ratio, GOALS[load]) if load in GOALS else Goal()
    return Row(name, 1 / max(1e-9, cost), "/ CPU s", ratio, ONE.name, goal, f"{cost * 1e6:.1f} µs of CPU a call")


def _shares(found: Rounds) -> str:
    last = found.found[-1]
    return ", ".join(f"{process.total / last.elapsed:.0%}" for process in last.server)
