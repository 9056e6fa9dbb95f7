"""A server that is told to stop loses nothing that it acknowledged, and leaves nobody waiting."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time
import xmlrpc.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.client import PATIENCE, until
from tests.live import PASSWORD, LiveServer, running
from tests.running.conftest import answer, connect, get, metrics, request

NEVER = "3600"
"""Seconds of a setting that must not count: whoever waited for it would be found out."""


def tell(server: LiveServer, number: int) -> None:
    assert server.process is not None
    server.process.send_signal(number)


def log_in(server: LiveServer) -> str:
    return server.raw().session.login_with_password("root", PASSWORD)["Value"]


def ended(server: LiveServer) -> int:
    assert server.process is not None
    status = server.process.wait(PATIENCE)
    server.process = None
    return status


def until_in_flight(server: LiveServer) -> None:
    """Wait until a call is being worked on."""
    until(lambda: metrics(server.url)["xapi_calls_in_flight"] == 1)


def test_a_stop_under_load_loses_no_acknowledged_call(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        session = log_in(server)
        (host,) = server.raw().host.get_all(session)["Value"]
        acknowledged: list[list[str]] = [[] for _ in range(4)]

        def write(number: int) -> None:
            proxy = server.raw()
            for count in range(100_000):
                key = f"writer-{number}-{count}"
                try:
                    if proxy.host.add_to_other_config(session, host, key, "x")["Status"] == "Success":
                        acknowledged[number].append(key)
                except (OSError, xmlrpc.client.Error, EOFError):
                    return
                except Exception:  # http.client's, of an answer that never came
                    return

        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        until(lambda: all(len(keys) > 20 for keys in acknowledged))
        tell(server, signal.SIGTERM)
        assert ended(server) == 0
        for writer in writers:
            writer.join(PATIENCE)
        server.start()
        kept = server.raw().host.get_other_config(log_in(server), host)["Value"]
        assert {key for keys in acknowledged for key in keys} <= kept.keys()


def test_who_waits_for_events_is_answered_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "--set", f"wire.shutdown_seconds={NEVER}") as server:
        session = log_in(server)
        server.raw().event.register(session, ["vm"])
        token = server.raw().event_from(session, ["vm"], "", 0.1)["Value"]["token"]
        socks = [connect(server.url) for _ in range(2)]
        socks[0].sendall(request("event.from", session, ["vm"], token, 600.0))
        socks[1].sendall(request("event.next", session))
        for method in ("from", "next"):
            until(lambda method=method: metrics(server.url)[f'xapi_event_waiters{{method="event.{method}"}}'] == 1)
        tell(server, signal.SIGTERM)
        for sock in socks:
            assert b"Success" in answer(sock)
            assert sock.recv(1) == b""  # and the connection is over
            sock.close()
        assert ended(server) == 0
        assert not (tmp_path / "ready.json").exists()


def test_readiness_goes_before_the_listeners(tmp_path: Path) -> None:
    with running(tmp_path, "--set", f"server.drain_delay_seconds={NEVER}") as server:
        assert get(server.url, "/readyz") == (200, "ok\n")
        tell(server, signal.SIGTERM)
        until(lambda: get(server.url, "/readyz") == (503, "the server is draining\n"))
        assert get(server.url, "/healthz") == (200, "ok\n")
        assert log_in(server)  # work is done until the listeners close
        tell(server, signal.SIGTERM)  # which is now, as it is asked for
        assert ended(server) == 0
        with pytest.raises(ConnectionRefusedError):
            connect(server.url)


def test_calls_that_do_not_end_in_time_fail_with_the_apis_error(tmp_path: Path) -> None:
    held = ("--set", f"access.failed_login_seconds={NEVER}")  # a call that outlasts the stop
    with running(tmp_path, "--set", "wire.shutdown_seconds=0.4", *held) as server:
        session = log_in(server)
        sock = connect(server.url)
        sock.sendall(request("session.login_with_password", "root", "wrong", "1.0", "test"))
        until_in_flight(server)
        assert server.raw().session.get_uuid(session, session)["Status"] == "Success"
        tell(server, signal.SIGTERM)
        said = answer(sock)
        assert b"INTERNAL_ERROR" in said
        assert b"the server stopped before the operation had ended" in said
        assert ended(server) == 0


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    held = ("--set", f"access.failed_login_seconds={NEVER}")
    with running(tmp_path, "--set", f"wire.shutdown_seconds={NEVER}", *held) as server:
        sock = connect(server.url)
        sock.sendall(request("session.login_with_password", "root", "wrong", "1.0", "test"))
        until_in_flight(server)
        tell(server, signal.SIGINT)
        until(lambda: "stopping" in server.log())
        tell(server, signal.SIGINT)
        assert b"INTERNAL_ERROR" in answer(sock)
        assert ended(server) == 0


def test_a_client_that_does_not_read_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "wire.shutdown_seconds=0.3") as server:
        session = log_in(server)
        sock = connect(server.url)
        sock.sendall(request("VM.get_all_records", session) * 60)
        assert sock.recv(1)  # the answers are on their way
        tell(server, signal.SIGTERM)
        assert ended(server) == 0  # though the client goes on not reading for ever
        sock.close()


def test_reload(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[server]\nlog_format = "text"\n')
    with running(tmp_path, "--config", str(file)) as server:
        session = log_in(server)
        file.write_text('[server]\nlog_format = "json"\nspeed = 2.0\n[wire]\nmax_body_bytes = 600\n')
        certificate = server_certificate(server)
        for name in ("server.pem", "server.key"):
            (tmp_path / name).unlink()
        tell(server, signal.SIGHUP)
        until(lambda: '"settings reloaded' in server.log())
        assert "wire.max_body_bytes" in server.log()
        assert "these settings count after a restart: server.speed" in server.log()
        assert server_certificate(server) != certificate
        with connect(server.url) as sock:
            sock.sendall(request("host.get_by_name_label", session, "x" * 700))
            assert answer(sock).startswith(b"HTTP/1.1 500 ")
        file.write_text("[server]\nlog_level = 'loud'\n")
        tell(server, signal.SIGHUP)
        until(lambda: "the settings were not reloaded" in server.log())
        assert "must be one of debug" in server.log()
        assert server.raw().session.get_uuid(session, session)["Status"] == "Success"


def server_certificate(server: LiveServer) -> str:
    parts = urlsplit(server.tls_url)
    assert parts.hostname is not None
    assert parts.port is not None
    return ssl.get_server_certificate((parts.hostname, parts.port))


def test_word_to_systemd(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(address))
        sock.settimeout(PATIENCE)
        environment = {
            "NOTIFY_SOCKET": str(address),
            "WATCHDOG_USEC": "800000",
        }  # few words: only some fit before it reads
        with running(tmp_path, environment=environment) as server:
            said = [sock.recv(4096).decode()]
            while said.count("WATCHDOG=1") < 2 or not any(text.startswith("READY=1") for text in said):
                said.append(sock.recv(4096).decode())
            assert any(text.startswith("READY=1\nSTATUS=listening on http://") for text in said)
            tell(server, signal.SIGHUP)
            while not sock.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
                pass
            assert sock.recv(4096).startswith(b"READY=1")
            tell(server, signal.SIGTERM)
            while not sock.recv(4096).startswith(b"STOPPING=1"):
                pass
            assert ended(server) == 0


def test_work_behind_an_asynchronous_call_has_its_time_and_then_fails_whole(tmp_path: Path) -> None:
    slow = ("--set", f"simulator.build_seconds={NEVER}", "--set", f"simulator.shutdown_seconds={NEVER}")
    slow += ("--set", "inventory.vms=1", "--set", "wire.shutdown_seconds=0.5")
    with running(tmp_path, *slow) as server:
        session = log_in(server)
        records = server.raw().VM.get_all_records(session)["Value"]
        vm = next(ref for ref, vm in records.items() if not (vm["is_a_template"] or vm["is_control_domain"]))
        state = records[vm]["power_state"]
        args = (session, vm, False, False) if state == "Halted" else (session, vm)
        call = server.raw().Async.VM.start if state == "Halted" else server.raw().Async.VM.clean_shutdown
        task = call(*args)["Value"]
        until(lambda: server.raw().task.get_allowed_operations(session, task)["Value"] == ["cancel"])
        start = time.monotonic()
        tell(server, signal.SIGTERM)
        assert ended(server) == 0
        assert time.monotonic() - start > 0.4
        assert "Traceback" not in server.log()
        server.start()
        assert server.raw().VM.get_power_state(log_in(server), vm)["Value"] == state
