"""The load generator counts what was answered, and says what went wrong, with the server or with itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from benchmarks import loadgen
from benchmarks.generator import Generator
from benchmarks.loadgen import LATE, Load, Measured, run
from benchmarks.processes import interruptions
from benchmarks.requests import JSON_SUCCESS, post

from tests.measuring.servers import Counting, answer, counting

REQUESTS = [post("/", b"request %d" % number) for number in range(200)]


def test_each_request_is_sent_once_and_counted_once():
    with counting() as server:
        found = run(Load(server.port, REQUESTS, 16, once=True))
    assert (found.calls, found.errors) == (200, 0)
    assert sorted(server.bodies) == sorted(b"request %d" % number for number in range(200))
    assert len(found.seconds) == 200
    assert list(found.seconds) == sorted(found.seconds)


def test_for_a_time_all_answers_of_that_time_are_counted():
    with counting() as server:
        found = run(Load(server.port, REQUESTS, 4, seconds=0.3, warmup_seconds=0.0))
        # Whatever was under way at the end is no answer; there is one for each connection at most.
        assert len(server.bodies) - 4 <= found.calls <= len(server.bodies)
    assert found.calls > 0
    assert found.errors == 0


def test_answers_in_pieces_are_one_answer():
    body = b"<value>" + b"." * 3_000_000 + b"Success</value>"
    whole = answer(body)
    cut = [whole[: len(whole) - len(body)], whole[len(whole) - len(body) : 1000], whole[1000:]]
    with counting(lambda number: cut) as server:
        found = run(Load(server.port, REQUESTS[:20], 2, once=True))
    assert (found.calls, found.errors) == (20, 0)


@pytest.mark.parametrize(
    "wrong", [answer(b"<value>Failure</value>"), answer(status=500), answer(b"")], ids=["failure", "status", "empty"]
)
def test_failed_calls_are_errors(wrong: bytes):
    with counting(lambda number: [wrong if number % 10 == 0 else answer()]) as server:
        found = run(Load(server.port, REQUESTS, 8, once=True))
    assert (found.calls, found.errors) == (200, 20)


def test_the_marker_is_the_loads():
    with counting(lambda number: [answer(b'{"error": {}}' if number == 3 else b'{"result": ""}')]) as server:
        found = run(Load(server.port, REQUESTS, 8, once=True, marker=JSON_SUCCESS))
    assert (found.calls, found.errors) == (200, 1)


@pytest.mark.parametrize("rate", [None, 500.0])
def test_lost_connections_are_errors(rate: float | None):
    with counting(lambda number: [] if number < 3 else [answer()]) as server:
        found = run(Load(server.port, REQUESTS, 8, seconds=0.5, warmup_seconds=0.0, rate=rate))
    assert found.errors == 3
    assert found.calls > 0


def test_what_is_never_answered_is_an_error():
    with counting(lambda number: [answer()] if number < 5 else []) as server:
        found = run(Load(server.port, REQUESTS, 1, once=True))
    assert (found.calls, found.errors) == (5, 195)


def test_a_server_that_never_answers_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loadgen, "_STUCK", 0.2)
    with counting(lambda number: [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"]) as server:
        found = run(Load(server.port, REQUESTS, 2, seconds=0.1, warmup_seconds=0.0))
    assert (found.calls, found.errors) == (0, 1)


def test_a_server_slower_than_the_load_is_waited_for():
    def slow(number: int) -> list[bytes]:
        time.sleep(0.3)
        return [answer()]

    with counting(slow) as server:
        found = run(Load(server.port, REQUESTS, 1, seconds=0.05, warmup_seconds=0.0))
    assert found.calls >= 1
    assert found.errors == 0
    assert found.rate < 4


def test_a_rate_is_kept():
    with counting() as server:
        found = run(Load(server.port, REQUESTS, 8, seconds=0.5, warmup_seconds=0.0, rate=400.0))
    assert len(server.bodies) == found.calls == len(found.late)
    assert abs(found.calls - 200) <= 8  # at the edges, one more or less of each connection


def test_a_slow_answer_hides_no_other():
    def stall(number: int) -> list[bytes]:
        if number == 2:
            time.sleep(0.4)
        return [answer()]

    with counting(stall) as server:
        found = run(Load(server.port, REQUESTS, 1, seconds=0.6, warmup_seconds=0.0, rate=200.0))
    # All that was due while the server stood still waited, and each says since when.
    assert sum(took > 0.2 for took in found.seconds) >= 30
    assert found.calls == len(server.bodies)


def test_a_generator_that_stands_still_says_so():
    with counting() as server, Generator() as generator:
        generator.begin(run, Load(server.port, REQUESTS, 100, seconds=600.0, warmup_seconds=0.0, rate=200.0))
        _wait_for(server, 1)
        os.kill(generator.pid, signal.SIGSTOP)
        time.sleep(0.3)
        before = len(server.bodies)
        os.kill(generator.pid, signal.SIGCONT)
        _wait_for(server, before + 60)
        generator.tell()
        found: Measured = generator.result()
    assert found.lateness(1.0) > 0.2
    assert found.is_generator_late
    assert "THE GENERATOR WAS LATE" in found.warnings


def test_warnings_are_about_what_was_measured():
    busy = Measured(100, 1.0, [0.001] * 100, 0, cpu_share=0.99)
    assert busy.warnings == "the generator set the pace"
    # With a rate the generator watches the clock all the time: that it is busy then means nothing.
    paced = Measured(100, 1.0, [0.001] * 100, 0, cpu_share=0.99, late=[LATE / 2] * 100)
    assert paced.warnings == ""
    assert "OTHER PROGRAMS used 0.7 cores" in Measured(1, 1.0, [0.1], 0, 0.1, others=0.7).warnings


def test_interruptions_are_counted():
    cores = os.sched_getaffinity(0)
    only = min(cores)
    os.sched_setaffinity(0, [only])
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])  # on the same core, as it inherits that
    try:
        before, deadline = interruptions(os.getpid()), time.monotonic() + 20
        while interruptions(os.getpid()) == before:
            assert time.monotonic() < deadline
    finally:
        other.kill()
        other.wait()
        os.sched_setaffinity(0, cores)


def test_a_load_ends_when_told():
    with counting() as server, Generator() as generator:
        generator.begin(run, Load(server.port, REQUESTS, 2, seconds=600.0, rate=100.0))
        _wait_for(server, 1)
        generator.tell()
        assert generator.result().calls >= 0
        # And it takes the next one.
        assert generator.run(Load(server.port, REQUESTS, 2, once=True)).calls == 200


def test_a_generator_that_fails_says_why():
    with Generator() as generator, pytest.raises(RuntimeError, match="ConnectionRefusedError"):
        generator.run(Load(1, REQUESTS, 1))


def _wait_for(server: Counting, requests: int) -> None:
    while len(server.bodies) < requests:
        time.sleep(0.01)
