"""A load generator that is never the bottleneck, and says so when it is.

Each connection keeps one request in flight. Without a rate the next one leaves when the answer before it is
complete. With a rate requests leave when they are due, on whatever connection is free, and time counts from
when they were due, so that a slow answer hides no other. Requests are bytes made beforehand and answers are only
measured. It runs in a process of its own (generator.py), on another core than the server's.
"""

from __future__ import annotations

import select
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Control

from benchmarks.connections import GOOD, PENDING, Connection, LostError, connect
from benchmarks.processes import CpuTime, busy_everywhere, cpu_time, interruptions, own_cpu
from benchmarks.requests import XML_SUCCESS

BUSY = 0.95
"""The share of a core from which on the generator, not the server, may set the pace."""

LATE = 0.0002
"""Seconds: where one request of a hundred leaves later than this, the generator is late and its times are too long."""

DISTURBED = 0.1
"""Cores: where other programs use more, rates and times are theirs as well."""

_SPIN = 0.0002
"""Seconds before a request is due from when on the clock is watched: timers of the system are not as precise."""

_ANSWERS_AT_ONCE = 8
"""Answers taken between two looks at what is due."""

_PATIENCE = 0.05
_DRAINING = 10.0
"""Seconds that a load with a rate waits for answers that are still to come: the slowest ones count most."""

_WATCHING = 0.002
"""Seconds that a load without a rate watches for the next answer before it sleeps until that comes."""

_STUCK = 120.0
"""Seconds without an answer after which a load gives up, and says so."""


@dataclass(frozen=True)
class Load:
    """What to send. requests: complete HTTP requests, sent in turn.

    rate: calls per second over all connections, or None for as many as the server answers. once: send each
    request exactly once, then end, however long it takes. marker: what an answer has in its body unless the
    call failed. pids: the server's processes, whose CPU time is wanted.
    """

    port: int
    requests: Sequence[bytes]
    connections: int = 64
    seconds: float = 3.0
    warmup_seconds: float = 0.1
    host: str = "127.0.0.1"
    rate: float | None = None
    once: bool = False
    tls: bool = False
    marker: bytes = XML_SUCCESS
    pids: Sequence[int] = ()


@dataclass
class Measured:
    """What came of it. seconds: per call, sorted. errors: calls that failed and connections that were lost.

    cpu_share: of a core, by the generator itself, without what it only watched. late: seconds by which the requests
    of a load with a rate left later than they could, sorted. server: what each process of the server used meanwhile.
    others: cores that other programs used, and interrupted: how often the system took the processor from the server
    for something else, both where the server's processes are known.
    """

    calls: int
    elapsed: float
    seconds: Sequence[float] = field(repr=False)
    errors: int
    cpu_share: float
    late: Sequence[float] = field(default=(), repr=False)
    server: Sequence[CpuTime] = ()
    others: float = 0.0
    interrupted: int = 0

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.elapsed

    @property
    def server_cpu(self) -> float:
        """Seconds of CPU that a call took, over all processes of the server."""
        return sum(process.total for process in self.server) / max(1, self.calls)

    @property
    def is_generator_bound(self) -> bool:
        """Whether the generator was too busy for the rate to be the server's."""
        return not self.late and self.cpu_share > BUSY

    @property
    def is_generator_late(self) -> bool:
        """Whether requests left so late that the times are the generator's as well."""
        return self.lateness(0.99) > LATE

    @property
    def warnings(self) -> str:
        """What makes the figures worth less; empty where nothing does."""
        said = []
        if self.is_generator_bound:
            said.append("the generator set the pace")
        if self.is_generator_late:
            said.append("THE GENERATOR WAS LATE")
        if self.others > DISTURBED:
            said.append(f"OTHER PROGRAMS used {self.others:.1f} cores")
        return ", ".join(said)

    def percentile(self, share: float) -> float:
        """Seconds within which that share of the calls was answered."""
        return percentile(self.seconds, share)

    def lateness(self, share: float) -> float:
        """Seconds within which that share of the requests left once they were due."""
        return percentile(self.late, share)


def percentile(found: Sequence[float], share: float) -> float:
    """The value below which that share of them is. found: sorted."""
    return found[min(len(found) - 1, int(share * len(found)))] if found else 0.0


def run(load: Load, control: Control | None = None) -> Measured:
    """Send the load from this process and measure. control: anything that arrives there ends it early."""
    sender = _Sender(load, control)
    try:
        if load.once:
            return sender.measured(_STUCK)
        sender.phase(load.warmup_seconds)
        return sender.measured(load.seconds)
    finally:
        sender.close()


class _Sender:
    def __init__(self, load: Load, control: Control | None) -> None:
        self._load = load
        self._clock = time.perf_counter
        self._next = 0
        self._errors = 0
        self._seconds = array("d")
        self._late = array("d")
        self._is_over = False
        self._watched = 0.0  # seconds of looking for answers that were not there yet
        self._poll = select.epoll()  # before the connections: select takes only the first thousand files
        wanted = min(load.connections, len(load.requests)) if load.once else load.connections
        made = connect(load.host, load.port, wanted, load.marker, load.tls)
        self._open: dict[int, Connection] = {one.fd: one for one in made}
        self._idle = deque(made)
        for one in made:
            self._poll.register(one.fd, select.EPOLLIN)
        self._control = control
        if control is not None:
            self._poll.register(control.fileno(), select.EPOLLIN)
        self._due = 0.0  # until the first phase with a rate

    def close(self) -> None:
        """Hang up."""
        for one in self._open.values():
            one.close()
        self._poll.close()

    def measured(self, seconds: float) -> Measured:
        """Go on for so long, and give what came of it in this time only."""
        pids = self._load.pids
        self._seconds, self._late, self._errors = array("d"), array("d"), 0
        self._watched = 0.0
        everywhere, usage = busy_everywhere(), own_cpu()
        interrupted = sum(map(interruptions, pids))
        before, start = [cpu_time(pid) for pid in pids], self._clock()
        self.phase(seconds, drains=True)
        while not self._seconds and self._open and not self._is_over and self._clock() - start < _STUCK:
            self.phase(_PATIENCE)  # a server that is that slow has a rate as well
        if not self._seconds and not self._is_over:
            self._errors += 1
        elapsed = self._clock() - start
        server = [cpu_time(pid) - then for pid, then in zip(pids, before, strict=True)]
        used = own_cpu() - usage
        others = busy_everywhere() - everywhere - used - sum(one.total for one in server) if pids else 0.0
        found, late = array("d", sorted(self._seconds)), array("d", sorted(self._late))
        return Measured(
            len(found),
            elapsed,
            found,
            self._errors,
            max(0.0, used - self._watched) / elapsed,
            late,
            server,
            max(0.0, others / elapsed),
            sum(map(interruptions, pids)) - interrupted,
        )

    def phase(self, seconds: float, drains: bool = False) -> None:
        """Send and read for so long, or until all connections are lost.

        drains: whether to wait for the answers to all that was due in that time, which counts with a rate only.
        """
        if self._load.rate is None:
            self._as_fast_as_answered(seconds)
        else:
            self._at_a_rate(seconds, 1 / self._load.rate, _DRAINING if drains else 0.0)

    def _as_fast_as_answered(self, seconds: float) -> None:
        clock, poll, connections, note = self._clock, self._poll.poll, self._open, self._seconds.append
        end = clock() + seconds
        while self._idle:
            one = self._idle.popleft()
            try:
                self._send(one, clock())
            except LostError:
                self._lose(one)
        once, left = self._load.once, len(self._load.requests)
        while (now := clock()) < end and connections and not self._is_over:
            found = poll(0)
            if not found:
                # Watching for a while before sleeping: whoever sleeps has to be woken, at the expense of the server.
                found = self._watch(now, min(end, now + _WATCHING)) or poll(min(_PATIENCE, max(0.0, end - clock())))
            for fd, _ in found:
                if fd not in connections:
                    self._is_over = True  # the control has spoken
                    continue
                one = connections[fd]
                try:
                    state = one.read()
                    if state == PENDING:
                        continue
                    now = clock()
                    note(now - one.sent)
                    if state != GOOD:
                        self._errors += 1
                    if once:
                        end = now + seconds
                        left -= 1
                    self._send(one, now)
                except LostError:
                    self._lose(one)
                    left -= 1
            if once and left <= 0:
                return
        if once:
            self._errors += left

    def _watch(self, since: float, until: float) -> list[tuple[int, int]]:
        """Look for answers again and again; none where there was none until then."""
        clock, poll = self._clock, self._poll.poll
        found: list[tuple[int, int]] = []
        while not found and clock() < until:
            found = poll(0)
        self._watched += clock() - since
        return found

    def _at_a_rate(self, seconds: float, interval: float, draining: float) -> None:
        clock, poll, idle = self._clock, self._poll.poll, self._idle
        start = clock()
        self._due = self._due or start
        end = start + seconds
        while self._open and not self._is_over:
            now = clock()
            is_all_sent = self._due >= end
            if now >= end and (now >= end + draining or (is_all_sent and len(idle) >= len(self._open))):
                return
            if self._due <= now and idle and not is_all_sent:
                self._send_due(idle.popleft(), now)
                self._due += interval
                timeout = 0.0
            elif is_all_sent or not idle:
                timeout = _PATIENCE if now >= end else min(_PATIENCE, end - now)
            else:
                timeout = self._due - now - _SPIN
            if timeout > 0:
                # The system's timers behind select are precise, those behind poll count milliseconds.
                select.select([self._poll], [], [], timeout)
            for fd, _ in poll(0, _ANSWERS_AT_ONCE):
                if fd not in self._open:
                    self._is_over = True
                    continue
                one = self._open[fd]
                try:
                    state = one.read()
                except LostError:
                    self._lose(one)
                    continue
                if state != PENDING:
                    now = one.free = clock()
                    self._seconds.append(now - one.due)
                    self._errors += state != GOOD
                    idle.append(one)

    def _send_due(self, one: Connection, now: float) -> None:
        one.due = self._due
        # Where no connection was free at that time, it is the server that is late.
        self._late.append(now - max(one.due, one.free))
        try:
            self._send(one, now)
        except LostError:
            self._lose(one)

    def _send(self, one: Connection, now: float) -> None:
        requests = self._load.requests
        if self._next >= len(requests):
            if self._load.once:
                self._drop(one)
                return
            self._next = 0
        request = requests[self._next]
        self._next += 1
        one.sent = now
        one.send(request)

    def _lose(self, one: Connection) -> None:
        self._errors += 1
        self._drop(one)

    def _drop(self, one: Connection) -> None:
        self._poll.unregister(one.fd)
        del self._open[one.fd]
        if one in self._idle:
            self._idle.remove(one)
        one.close()
