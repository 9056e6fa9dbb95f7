"""Lists of many VMs: what they cost when nothing changed since, and when one VM did, beside what sending costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.generator import Generator
from benchmarks.loadgen import Load
from benchmarks.processes import NO_TIME, CpuTime
from benchmarks.requests import xml
from benchmarks.results import Goal, Row, at_most
from benchmarks.servers import Running, peer, xapi_async

LIMIT = "sized"
GOAL = 1.0
"""Milliseconds of CPU."""


@dataclass
class _Lists:
    """So many answers, and what the server used for them."""

    calls: int = 0
    used: CpuTime = NO_TIME
    errors: int = 0
    warnings: str = ""

    @property
    def milliseconds(self) -> float:
        return self.used.total / max(1, self.calls) * 1000

    def note(self) -> str:
        system = self.milliseconds * self.used.system_share
        said = f"{self.milliseconds - system:.2f} ms user, {system:.2f} ms system"
        return f"{said}, {self.warnings}" if self.warnings else said


def measure(vms: int, seconds: float, changes: int, has_goal: bool) -> Iterator[Row]:
    """Rows for a list of so many VMs, for clients that take gzip, as most do, and for others.

    changes: how many VMs are changed in turn. has_goal: whether the goal is about a list of this size.
    """
    with Generator() as generator, xapi_async("--hosts", str(max(1, vms // 150)), "--vms", str(vms)) as server:
        session = server.session()
        guests = server.client().VM.get_all(session)["Value"][-changes:]
        sets = [xml("VM.set_name_description", session, vm, "another description") for vm in guests]
        request, plain = (xml("VM.get_all_records", session, coding=coding) for coding in ("gzip", "identity"))
        first = _ask(generator, server, plain, _Lists())
        size = len(server.body(plain))
        records = len(server.client().VM.get_all_records(session)["Value"])
        name = f"{records:,} VM records"
        yield Row(f"{name}, the first time", first.milliseconds, "ms CPU", note=_megabytes(size), errors=first.errors)
        for asked, kind in ((request, ""), (plain, ", not compressed")):
            for _ in range(_SETTLE):  # a long list is compressed a part at a time
                size = len(server.body(asked))
            with peer("sized", LIMIT, str(size)) as sender:
                limit = _unchanged(generator, sender, asked, seconds)
                ours = _unchanged(generator, server, asked, seconds)
            has = has_goal and not kind
            yield _row(f"{name}, unchanged{kind}", ours, limit, has)
            yield Row(f"{_megabytes(size)} of {LIMIT} bytes", limit.milliseconds, "ms CPU",
                      note=limit.note(), errors=limit.errors, is_peer=True)  # fmt: skip
            yield _row(f"{name}, one changed{kind}", _changed(generator, server, asked, sets, seconds), limit, has)


_SETTLE, _ROUNDS = 10, 3


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _ask(generator: Generator, server: Running, request: bytes, lists: _Lists) -> _Lists:
    """One more list."""
    found = generator.run(Load(server.port, [request], 1, once=True, pids=server.pids))
    lists.calls += 1
    lists.used = sum(found.server, lists.used)
    lists.errors += found.errors
    return lists


def _unchanged(generator: Generator, server: Running, request: bytes, seconds: float) -> _Lists:
    found = generator.run(Load(server.port, [request], 1, seconds, pids=server.pids))
    return _Lists(found.calls, sum(found.server, NO_TIME), found.errors, found.warnings)


def _changed(generator: Generator, server: Running, request: bytes, sets: Sequence[bytes], seconds: float) -> _Lists:
    """Lists that are asked for after a VM has changed, another one each time, without what the changes cost."""
    found = []
    for _ in range(_ROUNDS):
        alone = generator.run(Load(server.port, sets, 1, seconds / _ROUNDS, pids=server.pids))
        both = [each for change in sets for each in (change, request)]
        pairs = generator.run(Load(server.port, both, 1, seconds / _ROUNDS, pids=server.pids))
        calls = pairs.calls // 2
        for_sets = sum(alone.server, NO_TIME).times(calls / max(1, alone.calls))
        errors = alone.errors + pairs.errors
        found.append(_Lists(calls, sum(pairs.server, NO_TIME) - for_sets, errors, pairs.warnings))
    return sorted(found, key=lambda lists: lists.milliseconds)[_ROUNDS // 2]


def _row(name: str, ours: _Lists, limit: _Lists, has_goal: bool) -> Row:
    cost = ours.milliseconds
    goal = at_most(cost, GOAL, "ms") if has_goal else Goal()
    return Row(name, cost, "ms CPU", cost / max(1e-9, limit.milliseconds), LIMIT, goal, ours.note(), ours.errors)
