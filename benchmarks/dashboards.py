"""Dashboards: many clients that each list every class, and then follow events while objects change."""

from __future__ import annotations

import re
import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Control

from benchmarks.connections import GOOD, PENDING, Connection, Texts, connect
from benchmarks.generator import Generator, say
from benchmarks.loadgen import Load, Measured, percentile, run
from benchmarks.processes import cpu_time
from benchmarks.requests import XML_SUCCESS, xml
from benchmarks.results import Row
from benchmarks.servers import Running, xapi_async

_TOKEN = re.compile(rb"<name>token</name><value>(?:<string>)?([^<]*)<")
_REMOVED = {"VBD_metrics", "VIF_metrics", "VMPP"}
"""Classes whose messages the API has removed: calling them is an error."""

_SETTLING = 0.5
_PATIENCE = 60.0


@dataclass(frozen=True)
class Listed:
    """What came of the lists. seconds: that each client took for all, sorted. cpu: seconds of the server."""

    seconds: Sequence[float]
    bytes: int
    cpu: float
    errors: int


@dataclass(frozen=True)
class Followed:
    """What came of following events. cpu: seconds of the server."""

    answers: int
    bytes: int
    elapsed: float
    cpu: float
    errors: int


def lists_of_all(server: Running, session: str) -> list[bytes]:
    """A request for all records of each class that still has some."""
    names = sorted(server.client().system.listMethods())
    return [
        xml(name, session)
        for name in names
        if name.endswith(".get_all_records") and name.partition(".")[0] not in _REMOVED
    ]


def follow(
    port: int, clients: int, lists: Sequence[bytes], session: str, token: str, pids: Sequence[int], control: Control
) -> Followed:
    """In the generator's process: list, say what came of it, and follow events from the token until told to end."""
    connections = connect("127.0.0.1", port, clients, XML_SUCCESS, keep=True)
    by_fd = {one.fd: one for one in connections}
    poll = select.epoll()
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    try:
        say(control, _list(poll, by_fd, lists, pids))
        for one in connections:
            one.send(_events(session, token))
        return _follow(poll, by_fd, session, pids, control)
    finally:
        poll.close()
        for one in connections:
            one.close()


def _list(poll: select.epoll, by_fd: dict[int, Connection], lists: Sequence[bytes], pids: Sequence[int]) -> Listed:
    before, start = _cpu(pids), time.perf_counter()
    took: list[float] = []
    size = errors = 0
    for one in by_fd.values():
        one.number = 0
        one.send(lists[0])
    while len(took) < len(by_fd) and time.perf_counter() - start < _PATIENCE:
        for one, state in _answers(poll, by_fd, 0.1):
            size += len(one.body or b"")
            errors += state != GOOD
            one.number += 1
            if one.number < len(lists):
                one.send(lists[one.number])
            else:
                took.append(time.perf_counter() - start)
    return Listed(sorted(took), size, _cpu(pids) - before, errors + len(by_fd) - len(took))


def _follow(
    poll: select.epoll, by_fd: dict[int, Connection], session: str, pids: Sequence[int], control: Control
) -> Followed:
    before, start = _cpu(pids), time.perf_counter()
    answers = size = errors = 0
    texts = Texts()
    for one in by_fd.values():
        one.marker = b""  # what is in a compressed answer shows only afterwards
    while not control.poll():
        for one, state in _answers(poll, by_fd, 0.02):
            found = _TOKEN.search(texts.of(one.body))
            if state != GOOD or found is None:
                errors += 1
                continue
            answers += 1
            size += len(one.body or b"")
            one.send(_events(session, found[1].decode()))
    control.recv()
    return Followed(answers, size, time.perf_counter() - start, _cpu(pids) - before, errors)


def _answers(poll: select.epoll, by_fd: dict[int, Connection], seconds: float) -> Iterator[tuple[Connection, int]]:
    """Connections whose answer is complete, and whether it is a good one. Raises LostError."""
    for fd, _ in poll.poll(seconds, 64):
        state = by_fd[fd].read()
        if state != PENDING:
            yield by_fd[fd], state


def _events(session: str, token: str) -> bytes:
    return xml("event.from", session, ["*"], token, 30.0)


def _cpu(pids: Sequence[int]) -> float:
    return sum(cpu_time(pid).total for pid in pids)


def measure(clients: int, vms: int, changes: float, seconds: float) -> Iterator[Row]:
    """Rows for so many clients over so many VMs. changes: of one VM, a second, for so many seconds."""
    flags = ("--hosts", str(max(1, vms // 50)), "--vms", str(vms))
    with Generator() as dashboards, Generator() as writer, xapi_async(*flags) as server:
        session = server.session()
        lists = lists_of_all(server, session)
        token = server.client().event_from(session, ["*"], "", 0.0)["Value"]["token"]
        writes = [xml("VM.set_name_description", session, vm, "changed") for vm in server.guests(session)]
        dashboards.begin(follow, server.port, clients, lists, session, token, server.pids)
        listed: Listed = dashboards.hear()
        time.sleep(_SETTLING)
        writer.begin(run, Load(server.port, _alternating(writes), 4, seconds, 0.0, rate=changes))
        written: Measured = writer.result()
        dashboards.tell()
        followed: Followed = dashboards.result()
    name = f"{clients} dashboards of {vms:,} VMs"
    last = listed.seconds[-1] if listed.seconds else 0.0
    yield Row(f"{name}, all {len(lists)} classes listed", last * 1000, "ms", note=(
        f"half of them after {percentile(listed.seconds, 0.5) * 1000:.0f} ms; {listed.bytes / 1e6:.0f} MB, "
        f"{listed.bytes / max(1e-9, last) / 1e6:.0f} MB/s; {listed.cpu * 1000:.0f} ms of server CPU"
    ), errors=listed.errors)  # fmt: skip
    share = followed.cpu / followed.elapsed * 100
    yield Row(f"{name}, {changes:g} changes/s followed", share, "% core", note=(
        f"{followed.answers / followed.elapsed:,.0f} answers/s of {followed.bytes / max(1, followed.answers):,.0f} "
        f"bytes, {followed.cpu / max(1, followed.answers) * 1e6:.0f} µs of server CPU each, changes included"
    ), errors=followed.errors + (followed.answers == 0))  # fmt: skip
    slow = written.percentile(0.99) * 1000
    yield Row(f"{name}, p99 of those changes", slow, "ms", note=f"p50 {written.percentile(0.5) * 1000:.1f} ms",
              errors=written.errors)  # fmt: skip


def _alternating(requests: Sequence[bytes]) -> list[bytes]:
    """Writes that change something each time: the same again would be no event."""
    return [*requests, *(request.replace(b"changed", b"CHANGED") for request in requests)]
