"""Clients that wait in event.from: what they cost, and how soon all know of a change, beside what sending costs."""

from __future__ import annotations

import select
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Control

from benchmarks.connections import GOOD, PENDING, Connection, LostError, Texts, connect
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
_LOOK, _BUSY = 0.1, 0.3
"""Where clients have come back it is watched on: for as long as it uses so much of each so many seconds."""

_BEFORE_TOKEN, _TOKEN_SIZE = b"<name>token</name><value>", 41
_BACK_ROUNDS = 3
"""Changes after which the clients come back."""

_QUIET, _BRIEFLY = 20.0, 2.0
"""Seconds that a server has at the most to come to rest before a change; before one after which clients come back."""


class ComingBack:
    """What clients send who come back as soon as they are told.

    request, token: what they waited with before, with the token in it. The next one has that of their answer.
    """

    def __init__(self, request: bytes, token: bytes = b"") -> None:
        self._request = request
        self._token = token

    def request(self, answer: bytes) -> bytes:
        """The request after an answer, given as it was before it was compressed."""
        start = answer.rfind(_BEFORE_TOKEN) + len(_BEFORE_TOKEN)
        token = answer[start : start + _TOKEN_SIZE]
        if self._token and token != self._token:
            self._request = self._request.replace(self._token, token)  # tokens are all of the same size
            self._token = token
        return self._request


@dataclass(frozen=True)
class Told:
    """One change. arrived: seconds after the change was sent when each client had its whole answer, sorted.

    answered: likewise, for the client that made the change. cpu: seconds of the server. errors: clients without
    an answer, or with one that does not tell of the change. size: of most answers, in bytes.
    """

    arrived: Sequence[float]
    answered: float
    cpu: float
    errors: int
    size: int


def wait_for_changes(port: int, clients: int, pids: Sequence[int], control: Control) -> None:
    """In the generator's process: have clients wait, make a change, measure, and so on.

    It is told ("wait", request), ("change", request, marker of answers that tell of it, what those send who come
    back or None), and at last None.
    """
    waiting = connect("127.0.0.1", port, clients, b"", keep=True)
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
            _, request, marker, back = order
            say(control, _change(poll, by_fd, changing, request, marker, pids, back))
    poll.close()
    for one in by_fd.values():
        one.close()


def _change(
    poll: select.epoll,
    by_fd: dict[int, Connection],
    changing: Connection,
    request: bytes,
    marker: bytes,
    pids: Sequence[int],
    back: ComingBack | None,
) -> Told:
    texts = Texts()
    sizes: list[int] = []
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
            if one is changing:
                answered = time.perf_counter() - sent
                errors += state != GOOD
                continue
            arrived.append(time.perf_counter() - sent)
            text = texts.of(one.body)
            is_good = state == GOOD and marker in text
            errors += not is_good
            sizes.append(len(one.body or b""))
            if back is not None and is_good:
                one.send(back.request(text))
    time.sleep(_SLACK)
    if back is not None:
        _watch_on(pids)
    cpu = sum(cpu_time(pid).total for pid in pids) - before
    return Told(sorted(arrived), answered, cpu, errors + left, int(_median(sizes)))


def _watch_on(pids: Sequence[int]) -> None:
    """Wait until those who came back have been served."""
    used, busy = sum(cpu_time(pid).total for pid in pids), True
    ends = time.perf_counter() + _LONGEST
    while busy and time.perf_counter() < ends:
        time.sleep(_LOOK)
        before, used = used, sum(cpu_time(pid).total for pid in pids)
        busy = used - before > _BUSY * _LOOK


def measure(clients: int, seconds: float, rounds: int) -> Iterator[Row]:
    """Rows for so many clients. seconds: that they wait while nothing happens. rounds: changes."""
    with Generator() as generator:
        with xapi_async("--set", f"wire.connections={clients + 1000}") as server:
            server.wait_until_quiet()
            alone = _idle(server, seconds)
            idle, ours = _events(generator, server, clients, seconds, rounds)
        size = ours[0].size
        with peer("sized", LIMIT, str(size)) as limit:
            sent = _canned(generator, limit, clients, rounds)
    ours, ours_back, sent, sent_back = ours[:rounds], ours[rounds:], sent[:rounds], sent[rounds:]
    name = f"{clients:,} waiting in event.from"
    more = max(0.0, idle - alone) * 100
    note = f"over {seconds:g} s: {idle * 100:.2f} % once all wait, {alone * 100:.2f} % before they came"
    yield Row(f"{name}, nothing happens", more, "% core", goal=at_most(more, 1, "%"), note=note)
    errors = sum(told.errors for told in ours)
    last, other = (_median([told.arrived[-1] for told in one if told.arrived]) * 1000 for one in (ours, sent))
    yield Row(f"{name}, the last one told", last, "ms", last / max(1e-9, other), LIMIT, at_most(last, 100, "ms"),
              _when(ours), errors)  # fmt: skip
    yield Row(f"{LIMIT} of {size:,} bytes, the last one told", other, "ms", note=_when(sent),
              errors=sum(told.errors for told in sent), is_peer=True)  # fmt: skip
    each, least = (_median([told.cpu for told in one]) / clients * 1e6 for one in (ours, sent))
    yield Row(f"{name}, told", each, "µs CPU", each / max(1e-9, least), LIMIT, note="for each client")
    yield Row(f"{LIMIT} of {size:,} bytes, told", least, "µs CPU", is_peer=True)
    each, least = (_median([told.cpu for told in one]) / clients * 1e6 for one in (ours_back, sent_back))
    yield Row(f"{name}, told and back", each, "µs CPU", each / max(1e-9, least), LIMIT,
              note=f"for each client, which asks for more as soon as it is told; {_when(ours_back)}",
              errors=sum(told.errors for told in ours_back))  # fmt: skip
    yield Row(f"{LIMIT} of {size:,} bytes, told and back", least, "µs CPU", note=_when(sent_back),
              errors=sum(told.errors for told in sent_back), is_peer=True)  # fmt: skip


def _events(
    generator: Generator, server: Running, clients: int, seconds: float, rounds: int
) -> tuple[float, list[Told]]:
    """The share of a core while nothing happens, and what came of each change.

    After the last of the changes clients come back.
    """
    client, session = server.client(), server.session()
    vm = client.VM.get_all(session)["Value"][0]
    generator.begin(wait_for_changes, server.port, clients, server.pids)
    idle, told = 0.0, []
    back: ComingBack | None = None
    for number in range(rounds + _BACK_ROUNDS):
        if back is None:
            token = client.event_from(session, ["vm"], "", 0.0)["Value"]["token"]
            wait = xml("event.from", session, ["vm"], token, 300.0)
            generator.tell(("wait", wait))
            generator.hear()
            server.wait_until_quiet(_QUIET if number < rounds else _BRIEFLY)
        if number == 0:
            idle = _idle(server, seconds)
        if number == rounds:
            back = ComingBack(wait, token.encode())
        text = f"change number {number}."
        change = xml("VM.set_name_description", session, vm, text)
        generator.tell(("change", change, text.encode(), back))
        told.append(generator.hear())
    generator.tell()
    generator.result()
    return idle, told


def _idle(server: Running, seconds: float) -> float:
    """The share of a core that a server uses which has nothing to do."""
    before, start = server.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / (time.perf_counter() - start)


def _canned(generator: Generator, server: Running, clients: int, rounds: int) -> list[Told]:
    generator.begin(wait_for_changes, server.port, clients, server.pids)
    told, wait = [], post("/wait", b"")
    for number in range(rounds + _BACK_ROUNDS):
        if number <= rounds:  # after that they wait already
            generator.tell(("wait", wait))
            generator.hear()
            server.wait_until_quiet(_QUIET if number < rounds else _BRIEFLY)
        back = ComingBack(wait) if number >= rounds else None
        generator.tell(("change", post("/", b""), XML_SUCCESS, back))
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
