"""Loads in turns: each runs for a short while in each round, so that noise on the machine falls on all alike."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.generator import Generator
from benchmarks.loadgen import Load, Measured
from benchmarks.requests import XML_SUCCESS
from benchmarks.results import Row, at_least
from benchmarks.servers import Running


@dataclass(frozen=True)
class Subject:
    """One load on one server."""

    server: Running
    requests: Sequence[bytes]
    connections: int = 64
    marker: bytes = XML_SUCCESS
    tls: bool = False

    def load(self, seconds: float, rate: float | None = None) -> Load:
        """The load for one round."""
        port = self.server.tls_port if self.tls else self.server.port
        return Load(
            port, self.requests, self.connections, seconds,
            rate=rate, tls=self.tls, marker=self.marker, pids=self.server.pids,
        )  # fmt: skip


@dataclass
class Rounds:
    """What came of one load, round by round. Its figures are medians."""

    found: list[Measured] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Calls per second."""
        return statistics.median(one.rate for one in self.found)

    @property
    def cpu(self) -> float:
        """Seconds of the server's CPU per call."""
        return statistics.median(one.server_cpu for one in self.found)

    def process_cpu(self, number: int) -> float:
        """Seconds of CPU per call that one of the server's processes used."""
        return statistics.median(one.server[number].total / max(1, one.calls) for one in self.found)

    def percentile(self, share: float) -> float:
        """Seconds within which that share of the calls was answered."""
        return statistics.median(one.percentile(share) for one in self.found)

    @property
    def errors(self) -> int:
        """Calls that failed and connections that were lost, in all rounds."""
        return sum(one.errors for one in self.found)

    def over(self, other: Rounds) -> float:
        """How much faster this is than another load: both of the same round are compared."""
        return _median_ratio([(this.rate, that.rate) for this, that in zip(self.found, other.found, strict=True)])

    def cpu_over(self, other: Rounds) -> float:
        """Likewise by the CPU time that the servers used for a call, which other programs hardly disturb."""
        return _median_ratio(
            [(that.server_cpu, this.server_cpu) for this, that in zip(self.found, other.found, strict=True)]
        )

    @property
    def note(self) -> str:
        """What else there is to say of it."""
        notes = [f"{self.cpu * 1e6:.1f} µs of server CPU a call", f"p99 {self.percentile(0.99) * 1000:.1f} ms"]
        # The median round is what the figures are of.
        middle = sorted(self.found, key=lambda one: one.rate)[len(self.found) // 2]
        if middle.warnings:
            notes.append(middle.warnings)
        return ", ".join(notes)


def in_turns(generator: Generator, subjects: Mapping[str, Subject], seconds: float, rounds: int) -> dict[str, Rounds]:
    """Run all loads so many times, each for so many seconds."""
    found = {name: Rounds() for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            found[name].found.append(generator.run(subject.load(seconds)))
    return found


def rate_row(
    name: str, found: Rounds, against: str = "", other: Rounds | None = None, least: float = 0.0, is_peer: bool = False
) -> Row:
    """A row of calls per second. least: the ratio to another load that is the goal; 0 for none."""
    row = Row(name, found.rate, "calls/s", note=found.note, errors=found.errors, is_peer=is_peer)
    if other is not None and other is not found:
        row.ratio, row.against = found.over(other), against
        row.note = f"{found.cpu_over(other):.2f} by CPU time: {row.note}"
        if least:
            row.goal = at_least(row.ratio, least)
    return row


def _median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(this / max(1e-9, that) for this, that in pairs)
