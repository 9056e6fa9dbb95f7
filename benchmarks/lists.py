"""Lists of many VMs: what they cost when nothing changed since, and when one VM did, beside what sending costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
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
    """Rows for a list of so many VMs. changes: so often one VM is changed and all are listed.

    has_goal: whether the goal is about a list of this size.
    """
    with Generator() as generator, xapi_async("--hosts", str(max(1, vms // 150)), "--vms", str(vms)) as server:
        session = server.session()
        request = xml("VM.get_all_records", session)
        first = _ask(generator, server, request, _Lists())
        guest = server.guests(session)[0]
        records = len(server.client().VM.get_all(session)["Value"])
        size = len(server.body(request))
        name, about = f"{records:,} VM records", f"{size / 1e6:.1f} MB"
        yield Row(f"{name}, the first time", first.milliseconds, "ms CPU", note=about, errors=first.errors)
        with peer("sized", LIMIT, str(size)) as sender:
            limit = _unchanged(generator, sender, request, seconds)
            ours = _unchanged(generator, server, request, seconds)
        yield _row(f"{name}, unchanged", ours, limit, has_goal)
        yield Row(f"{about} of {LIMIT} bytes", limit.milliseconds, "ms CPU",
                  note=limit.note(), errors=limit.errors, is_peer=True)  # fmt: skip
        changed = _Lists()
        for number in range(changes):
            server.client().VM.set_name_label(session, guest, f"renamed {number}")
            time.sleep(0.02)  # what the change leaves to do is not the list's
            _ask(generator, server, request, changed)
        yield _row(f"{name}, one changed", changed, limit, has_goal)


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


def _row(name: str, ours: _Lists, limit: _Lists, has_goal: bool) -> Row:
    cost = ours.milliseconds
    goal = at_most(cost, GOAL, "ms") if has_goal else Goal()
    return Row(name, cost, "ms CPU", cost / max(1e-9, limit.milliseconds), LIMIT, goal, ours.note(), ours.errors)
