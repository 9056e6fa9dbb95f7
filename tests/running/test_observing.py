"""What those who run a server see of it: metrics that agree with the load, health pages, lines of the log."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.client import until
from tests.live import PASSWORD, LiveServer, running
from tests.running.conftest import connect, get, metrics, request


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    flags = ("--set", "server.log_format=json", "--set", "observability.slow_call_seconds=0.3")
    flags += ("--set", "access.failed_login_seconds=0.4")
    with running(tmp_path_factory.mktemp("observed"), *flags) as started:
        yield started


def test_the_metrics_agree_with_the_load(server: LiveServer) -> None:
    raw = server.raw()
    session = raw.session.login_with_password("root", PASSWORD)["Value"]
    (host,) = raw.host.get_all(session)["Value"]
    before = metrics(server.url)

    def load() -> None:
        mine = server.raw()
        for count in range(50):
            mine.host.get_name_label(session, host)
            mine.host.set_name_description(session, host, str(count))
            mine.host.get_name_label(session, "OpaqueRef:none")
        mine.host_get_name_label(session, host)  # another way to write it
        mine.no.such_method(session)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = metrics(server.url)

    def grown(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    def all_counted() -> bool:
        nonlocal after
        after = metrics(server.url)  # what other processes count is known a moment later
        return grown('xapi_call_seconds_count{method="host.get_name_label"}') >= 404

    until(all_counted)
    assert grown('xapi_calls_total{method="host.get_name_label",result="success"}') == 204
    assert grown('xapi_calls_total{method="host.get_name_label",result="HANDLE_INVALID"}') == 200
    assert grown('xapi_calls_total{method="host.set_name_description",result="success"}') == 200
    assert grown('xapi_calls_total{method="(unknown)",result="MESSAGE_METHOD_UNKNOWN"}') == 4
    assert grown('xapi_call_seconds_count{method="host.get_name_label"}') == 404
    assert grown('xapi_call_seconds_bucket{le="+Inf",method="host.set_name_description"}') == 200
    assert grown('xapi_call_seconds_sum{method="host.set_name_description"}') > 0
    assert grown("xapi_journal_batch_transactions_sum") >= 200
    assert 0 < grown("xapi_journal_write_seconds_count") <= grown("xapi_journal_batch_transactions_sum")
    assert grown("xapi_generation") >= 200
    assert until(lambda: metrics(server.url)["xapi_loop_lag_seconds_count"])
    assert after['xapi_objects{class="host"}'] == 1
    assert after["xapi_calls_in_flight"] == 0


def test_what_is_there_now_is_shown(server: LiveServer) -> None:
    raw = server.raw()
    session = raw.session.login_with_password("root", PASSWORD)["Value"]
    task = raw.task.create(session, "mine", "")["Value"]
    token = raw.event_from(session, ["host"], "", 0.1)["Value"]["token"]
    with connect(server.url) as sock:
        sock.sendall(request("event.from", session, ["host"], token, 600.0))
        until(lambda: metrics(server.url)['xapi_event_waiters{method="event.from"}'] == 1)
        until(lambda: metrics(server.url)["xapi_connections"] >= 2)  # those of other processes come a second late
        now = metrics(server.url)
        assert now["xapi_pending_answers"] == 1
        assert now['xapi_tasks{status="pending"}'] >= 1
    raw.task.destroy(session, task)
    sessions = metrics(server.url)["xapi_sessions"]
    raw.session.logout(session)
    assert metrics(server.url)["xapi_sessions"] == sessions - 1


def test_a_slow_call_is_in_the_log_with_its_request(server: LiveServer) -> None:
    server.raw().session.login_with_password("root", "wrong")
    lines = [json.loads(line) for line in server.log().splitlines()]
    said = ("session.login_with_password", "SESSION_AUTHENTICATION_FAILED")  # another log-in may have been slow as well
    mine = [line for line in lines if all(words in line["message"] for words in said)]
    assert any("slow call" in line["message"] for line in mine)
    assert len({line["request"] for line in mine}) == 1
    assert all(line["time"].endswith("Z") for line in lines)


def test_lines_of_asynchronous_work_name_the_call_that_began_it(server: LiveServer) -> None:
    raw = server.raw()
    session = raw.session.login_with_password("root", PASSWORD)["Value"]
    task = raw.Async.VM.start(session, "OpaqueRef:none", False, False)["Value"]
    until(lambda: raw.task.get_status(session, task)["Value"] != "pending")

    def refusals() -> list[dict[str, str]]:
        lines = [json.loads(line) for line in server.log().splitlines()]
        return [line for line in lines if line["message"].startswith("VM.start refused")]

    (refused,) = until(refusals)  # it is logged a moment after the task has ended
    assert refused["request"]


def test_nothing_lies_under_the_pages(server: LiveServer) -> None:
    for path in ("/metrics/x", "/metricsx", "/healthz/", "/readyz2"):
        assert get(server.url, path)[0] == 403


def test_pages_are_only_for_whom_the_settings_name(tmp_path: Path) -> None:
    address = _other_address()
    listen = ("--listen", "0.0.0.0:0", "--tls-listen", "")
    with running(tmp_path, *listen) as server:
        elsewhere = server.url.replace("0.0.0.0", address)
        here = server.url.replace("0.0.0.0", "127.0.0.1")
        assert get(here, "/metrics")[0] == 200
        assert get(here, "/healthz")[0] == 200
        if address != "127.0.0.1":
            assert get(elsewhere, "/metrics")[0] == 403
            assert get(elsewhere, "/readyz")[0] == 200
        server.stop()
        server.flags = (*listen, "--set", "observability.metrics=everybody", "--set", "observability.health=nobody")
        server.start()
        elsewhere = server.url.replace("0.0.0.0", address)
        assert get(elsewhere, "/metrics")[0] == 200
        assert get(elsewhere, "/healthz")[0] == 403
        assert get(elsewhere, "/readyz")[0] == 403


def _other_address() -> str:
    """An address of this machine that is not the loopback's, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
            return str(sock.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def test_traces_are_sent_where_the_settings_say(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
    try:
        with running(tmp_path, "--set", f"observability.trace_endpoint={endpoint}") as server:
            session = server.raw().session.login_with_password("root", PASSWORD)["Value"]
            server.raw().VM.start(session, "OpaqueRef:none", False, False)
            assert server.stop() == 0  # what is left is sent now
    finally:
        collector.shutdown()
        collector.server_close()
    spans = b"".join(received)
    assert b"session.login_with_password" in spans
    assert b"HANDLE_INVALID" in spans
