"""Too much of everything: it is turned away with a clear answer, and nobody suffers from another's appetite."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.client import PATIENCE, until
from tests.live import PASSWORD, LiveServer, running
from tests.running.conftest import answer, connect, metrics, request

FLOOD = 20_000
"""Calls sent at once by a client with no regard for others."""


def log_in(server: LiveServer) -> str:
    return server.raw().session.login_with_password("root", PASSWORD)["Value"]


def test_connections_beyond_the_limit(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "wire.connections=3", "--workers", "1") as server:  # each process has its own
        kept = [connect(server.url) for _ in range(3)]
        for sock in kept:
            sock.sendall(request("system.isAlive:", "x"))
            assert answer(sock).startswith(b"HTTP/1.1 200 ")
        with connect(server.url) as sock:
            assert answer(sock).startswith(b"HTTP/1.1 503 ")
        kept[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")
        assert b"\nxapi_connections_refused_total 1.0\n" in answer(kept[0])
        for sock in kept:
            sock.close()


def test_calls_beyond_the_limit(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "wire.pending_calls=2") as server:
        session = log_in(server)
        waiting = [connect(server.url) for _ in range(2)]
        token = server.raw().event_from(session, ["vm"], "", 0.1)["Value"]["token"]
        for sock in waiting:
            sock.sendall(request("event.from", session, ["vm"], token, 600.0))
        until(lambda: metrics(server.url)["xapi_pending_answers"] == 2)
        with connect(server.url) as sock:
            sock.sendall(request("event.from", session, ["vm"], token, 600.0))
            assert b"TOO_MANY_PENDING_TASKS" in answer(sock)
            sock.sendall(request("session.get_uuid", session, session))
            assert b"Success" in answer(sock)  # what only reads is answered all the same
        for sock in waiting:
            sock.close()


def test_a_flood_does_not_starve_others(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        session = log_in(server)
        flood = request("VM.get_all_records", session) * FLOOD
        flooding = connect(server.url)
        answers = 0

        def read() -> None:
            nonlocal answers
            while data := _receive(flooding):
                answers += data.count(b"HTTP/1.1 200 ")

        reader = threading.Thread(target=read)
        sender = threading.Thread(target=_send, args=(flooding, flood))
        reader.start()
        sender.start()
        until(lambda: answers)
        with connect(server.url) as sock:
            for _ in range(40):
                sock.sendall(request("session.get_uuid", session, session))
                assert b"Success" in answer(sock)
        # Between two turns of the flood each time, not after all of it.
        assert answers < FLOOD
        flooding.shutdown(socket.SHUT_RDWR)
        reader.join(PATIENCE)
        sender.join(PATIENCE)
        flooding.close()


def _receive(sock: socket.socket) -> bytes:
    with suppress(OSError):  # it was enough
        return sock.recv(1 << 20)
    return b""


def _send(sock: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # it was enough
        sock.sendall(data)


def test_clients_that_stop_in_the_middle_are_cut_off(tmp_path: Path) -> None:
    limits = ("--set", "wire.request_seconds=0.3", "--set", "wire.stalled_seconds=0.5")
    with running(tmp_path, *limits, "--set", "wire.idle_seconds=30") as server:
        session = log_in(server)
        with connect(server.url) as slow, connect(server.url) as stuck:
            slow.sendall(request("session.get_uuid", session, session)[:-10])
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.settimeout(0.5)
            with suppress(TimeoutError):  # the server reads no more from who does not read
                stuck.sendall(request("VM.get_all_records", session) * 300)
            assert b"took too long" in answer(slow)
            # The log-in's kept connection may be left, and the one that asks.
            until(lambda: metrics(server.url)["xapi_connections"] <= 2)


def test_a_client_that_reads_slowly_is_served(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "wire.stalled_seconds=3") as server:
        session = log_in(server)
        with connect(server.url) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            count = 20
            sock.sendall(request("VM.get_all_records", session) * count)
            answers, end, rest = 0, b"</methodResponse>", b""
            fast = time.monotonic() + 4.0  # by then who reads nothing would have been cut off
            while answers < count:
                data = sock.recv(65536)
                assert data, answers
                answers += (rest + data).count(end)
                rest = data[1 - len(end) :]
                if time.monotonic() < fast:
                    time.sleep(0.1)
                    assert answers < count
