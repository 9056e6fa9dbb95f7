"""Clients that wait in event.from: what they cost, and how soon all know of a change, beside what sending costs."""

from __future__ import annotations

import select
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Control

from benchmarks.connections import GOOD, PENDING, Connection, LostError, connect
from benchmarks.generator import Generator, say
from benchmarks.loadgen import percentile
from benchmarks.processes import cpu_time
from benchmarks.requests import XML_SUCCESS, post, xml
from benchmarks.results import Row, at_most
from benchmarks.servers import Running, peer, xapi_async

LIMIT = "fan-out"
_LONGEST = 30.0
_SLACK = 0.2
"""Seconds that the server is watched after the last answer: what it still has to do is part of the cost."""


@dataclass(frozen=True)
class Told:
    """One change. arrived: seconds after the change was sent when each client had its whole answer, sorted.

    answered: likewise, for the client that made the change. cpu: seconds of the server. errors: clients without
    an answer, or with one that does not tell of the change.
    """

    arrived: Sequence[float]
    answered: float
    cpu: float
    errors: int


def wait_for_changes(port: int, clients: int, pids: Sequence[int], control: Control) -> None:
    """In the generator's process: have clients wait, make a change, measure, and so on.

    It is told ("wait", request), ("change", request, marker of answers that tell of it), and at last None.
    """
    waiting = connect("127.0.0.1", port, clients, XML_SUCCESS)
    (changing,) = connect("127.0.0.1", port, 1, XML_SUCCESS)
    by_fd = {one.fd: one for one in [*waiting, changing]}
    poll = select.epoll()
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    while (order := control.recv()) is not None:
        if order[0] == "wait":
            for one in waiting:
                one.send(order[1])
            say(control, "waiting")
        else:
            _, request, marker = order
            for one in waiting:
                one.marker = marker
            say(control, _change(poll, by_fd, changing, request, pids))
    poll.close()
    for one in by_fd.values():
        one.close()


def _change(
    poll: select.epoll, by_fd: dict[int, Connection], changing: Connection, request: bytes, pids: Sequence[int]
) -> Told:
    before = sum(cpu_time(pid).total for pid in pids)
    arrived: list[float] = []
    answered, errors, left = _LONGEST, 0, len(by_fd)
    sent = time.perf_counter()
    changing.send(request)
    while left and time.perf_counter() - sent < _LONGEST:
        for fd, _ in poll.poll(0.1, 256):
            one = by_fd[fd]
            try:
                state = one.read()
            except LostError:
                poll.unregister(fd)
                state = -1
            if state == PENDING:
                continue
            left -= 1
            errors += state != GOOD
            if one is changing:
                answered = time.perf_counter() - sent
            else:
                arrived.append(time.perf_counter() - sent)
    time.sleep(_SLACK)
    cpu = sum(cpu_time(pid).total for pid in pids) - before
    return Told(sorted(arrived), answered, cpu, errors + left)


def measure(clients: int, seconds: float, rounds: int) -> Iterator[Row]:
    """Rows for so many clients. seconds: that they wait while nothing happens. rounds: changes."""
    with Generator() as generator:
        with xapi_async("--set", f"wire.connections={clients + 1000}") as server:
            server.wait_until_quiet()
            alone = _idle(server, seconds)
            idle, ours, size = _events(generator, server, clients, seconds, rounds)
        with peer("sized", LIMIT, str(size)) as limit:
            sent = _canned(generator, limit, clients, rounds)
    name = f"{clients:,} waiting in event.from"
    yield Row(f"{name}, nothing happens", idle * 100, "% core", goal=at_most(idle * 100, 1, "%"),
              note=f"over {seconds:g} s once all of them wait; {alone * 100:.2f} % before they came")  # fmt: skip
    errors = sum(told.errors for told in ours)
    last, other = (_median([told.arrived[-1] for told in one if told.arrived]) * 1000 for one in (ours, sent))
    yield Row(f"{name}, the last one told", last, "ms", last / max(1e-9, other), LIMIT, at_most(last, 100, "ms"),
              _when(ours), errors)  # fmt: skip
    yield Row(f"{LIMIT} of {size:,} bytes, the last one told", other, "ms", note=_when(sent),
              errors=sum(told.errors for told in sent), is_peer=True)  # fmt: skip
    each, least = (_median([told.cpu for told in one]) / clients * 1e6 for one in (ours, sent))
    yield Row(f"{name}, told", each, "µs CPU", each / max(1e-9, least), LIMIT, note="for each client")
    yield Row(f"{LIMIT} of {size:,} bytes, told", least, "µs CPU", is_peer=True)


def _events(
    generator: Generator, server: Running, clients: int, seconds: float, rounds: int
) -> tuple[float, list[Told], int]:
    """The share of a core while nothing happens, what came of each change, and the size of an answer."""
    client, session = server.client(), server.session()
    vm = client.VM.get_all(session)["Value"][0]
    generator.begin(wait_for_changes, server.port, clients, server.pids)
    idle, told, size = 0.0, [], 0
    for number in range(rounds):
        token = client.event_from(session, ["vm"], "", 0.0)["Value"]["token"]
        wait = xml("event.from", session, ["vm"], token, 300.0)
        generator.tell(("wait", wait))
        generator.hear()
        server.wait_until_quiet()
        if number == 0:
            idle = _idle(server, seconds)
        text = f"change number {number}."
        generator.tell(("change", xml("VM.set_name_description", session, vm, text), text.encode()))
        told.append(generator.hear())
        size = len(server.body(wait))
    generator.tell()
    generator.result()
    return idle, told, size


def _idle(server: Running, seconds: float) -> float:
    """The share of a core that a server uses which has nothing to do."""
    before, start = server.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / (time.perf_counter() - start)


def _canned(generator: Generator, server: Running, clients: int, rounds: int) -> list[Told]:
    generator.begin(wait_for_changes, server.port, clients, server.pids)
    told = []
    for _ in range(rounds):
        generator.tell(("wait", post("/wait", b"")))
        generator.hear()
        server.wait_until_quiet()
        generator.tell(("change", post("/", b""), XML_SUCCESS))
        told.append(generator.hear())
    generator.tell()
    generator.result()
    return told


def _when(found: Sequence[Told]) -> str:
    half, most = (_median([percentile(told.arrived, share) for told in found]) * 1000 for share in (0.5, 0.99))
    worst = max((told.arrived[-1] for told in found if told.arrived), default=0.0) * 1000
    answered = _median([told.answered for told in found]) * 1000
    return (
        f"since the change was sent: p50 {half:.1f} ms, p99 {most:.1f} ms, the change itself answered after "
        f"{answered:.1f} ms; last in the worst round {worst:.1f} ms"
    )


def _median(found: Sequence[float]) -> float:
    return statistics.median(found) if found else 0.0
