"""Too much of everything: it is turned away with a clear answer, and nobody suffers from another's appetite."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.live import PASSWORD, LiveServer, running
from tests.running.conftest import answer, connect, metrics, request


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
        for sock in kept:
            sock.close()
        time.sleep(0.1)
        assert metrics(server.url)["xapi_connections_refused_total"] == 1


def test_calls_beyond_the_limit(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "wire.pending_calls=2") as server:
        session = log_in(server)
        waiting = [connect(server.url) for _ in range(2)]
        token = server.raw().event_from(session, ["vm"], "", 0.1)["Value"]["token"]
        for sock in waiting:
            sock.sendall(request("event.from", session, ["vm"], token, 30.0))
        time.sleep(0.2)
        with connect(server.url) as sock:
            sock.sendall(request("event.from", session, ["vm"], token, 30.0))
            assert b"TOO_MANY_PENDING_TASKS" in answer(sock)
            sock.sendall(request("session.get_uuid", session, session))
            assert b"Success" in answer(sock)  # what only reads is answered all the same
        for sock in waiting:
            sock.close()


def test_a_flood_does_not_starve_others(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        session = log_in(server)
        flood = request("VM.get_all_records", session) * 400  # each is some milliseconds of work at first
        flooding = connect(server.url)
        stop = threading.Event()

        def read() -> None:
            flooding.settimeout(0.2)
            while not stop.is_set():
                try:
                    if not flooding.recv(1 << 20):
                        return
                except TimeoutError:
                    pass
                except OSError:
                    return

        reader = threading.Thread(target=read)
        sender = threading.Thread(target=_send, args=(flooding, flood))
        reader.start()
        sender.start()
        time.sleep(0.1)
        answered = 0
        with connect(server.url) as sock:
            deadline = time.monotonic() + 2.0
            while time.monotonic() < deadline and answered < 40:
                sock.sendall(request("session.get_uuid", session, session))
                assert b"Success" in answer(sock)
                answered += 1
        stop.set()
        flooding.close()
        reader.join(5)
        sender.join(5)
        assert answered == 40  # between two turns of the flood each time, not after all of it


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
            deadline = time.monotonic() + 10
            while metrics(server.url)["xapi_connections"] > 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            # The log-in's kept connection may be left, and the one that asks.
            assert metrics(server.url)["xapi_connections"] <= 2


def test_a_client_that_reads_slowly_is_served(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "wire.stalled_seconds=0.6") as server:
        session = log_in(server)
        with connect(server.url) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            count = 20
            sock.sendall(request("VM.get_all_records", session) * count)
            received = 0
            head = b""
            deadline = time.monotonic() + 20
            while head.count(b"HTTP/1.1 200") < count and time.monotonic() < deadline:
                data = sock.recv(400_000)
                assert data, received
                received += len(data)
                head += data
                time.sleep(0.05)
            assert head.count(b"HTTP/1.1 200") == count
