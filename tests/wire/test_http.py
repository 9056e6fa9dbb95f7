"""What the server does with requests of every sort, good and bad, over real sockets."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import ssl
import threading
import time
import xmlrpc.client
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.client import PATIENCE, until
from tests.wire.conftest import WireServer, post, read_all, string, wire_server, xml_call
from xapi_async.wire.app import Listener, LocalListener
from xapi_async.wire.settings import WireSettings
from xapi_async.wire.tls import self_signed, server_context

CALL = xml_call("text", string("hello"))
# A form of request that makes the server read it by aiohttp, to be answered all the same.
SLOW = "Expect: 100-continue\r\n"


def status(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    assert match is not None, answer[:200]
    return int(match[1])


def without_continue(answer: bytes) -> bytes:
    return answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


def test_the_exact_bytes_of_an_answer(server: WireServer) -> None:
    body = (
        b'<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name><value>'
        b"Success</value></member><member><name>Value</name><value>hello</value></member></struct></value></param>"
        b"</params></methodResponse>"
    )
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: keep-alive\r\n"
        "cache-control: no-cache, no-store\r\ncontent-type: text/xml\r\nAccess-Control-Allow-Origin: *\r\n"
        "Access-Control-Allow-Headers: X-Requested-With\r\n\r\n"
    ).encode()
    assert server.exchange(post(CALL)) == head + body


@pytest.mark.parametrize("path", ["/", "/RPC2", "/xmlrpc", "/anything/else", "/RPC2/?a=b", "/json"])
def test_paths_that_take_xml(server: WireServer, path: str) -> None:
    assert server.exchange(post(CALL, path)) == server.exchange(post(CALL))


@pytest.mark.parametrize("path", ["/jsonrpc", "/jsonrpc/", "/json", "/jsonrpc?x"])
def test_paths_that_take_json(server: WireServer, path: str) -> None:
    request = b'{"jsonrpc": "2.0", "method": "text", "params": ["hello"], "id": 7}'
    answer = server.exchange(post(request, path))
    assert b"\r\ncontent-type: application/json\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"jsonrpc": "2.0", "result": "hello", "id": 7}


BODIES = {
    "plain": CALL,
    "later": xml_call("later", string("soon")),
    "unknown": xml_call("no.such"),
    "bug": xml_call("bug"),
    "integer": xml_call("any", "<value><i4>5</i4></value>"),
    "void": xml_call("void"),
    "bare": xml_call("list"),
    "big": xml_call("big"),
    "no xml": b"hello",
    "empty": b"",
    "truncated": CALL[:-10],
    "fault": b"<methodResponse/>",
    "no params": b"<methodCall><methodName>void</methodName></methodCall>",
    "invalid UTF-8": CALL.replace(b"hello", b"h\xffllo"),
    "control character": CALL.replace(b"hello", b"h\x01llo"),
    "zero": CALL.replace(b"hello", b"h&#0;llo"),
    "deep": xml_call("any", "<value><array><data>" * 5000 + "</data></array></value>" * 5000),
    "no integer": xml_call("any", "<value><int>five</int></value>"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("fields", ["", "Connection: close\r\n", "Connection: keep-alive\r\n"])
def test_both_ways_in_give_the_same_bytes(server: WireServer, body: bytes, version: str, fields: str) -> None:
    fast = server.exchange(post(body, version=version, fields=fields))
    slow = without_continue(server.exchange(post(body, version=version, fields=fields + SLOW)))
    digits = re.compile(rb"bug \d+")
    assert digits.sub(b"", re.sub(rb"content-length: \d+", b"", fast)) == digits.sub(
        b"", re.sub(rb"content-length: \d+", b"", slow)
    )
    assert fast.startswith(f"HTTP/{version} ".encode())


BAD = [name for name in BODIES if name in (
    "no xml", "empty", "truncated", "fault", "no params", "invalid UTF-8", "control character", "zero", "deep",
    "no integer",
)]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bodies_that_are_no_call(server: WireServer, name: str) -> None:
    with server.connect() as sock:
        sock.sendall(post(BODIES[name]))
        answer = read_all(sock)
        assert status(answer) == 500
        assert answer.startswith(b"HTTP/1.1 500 Internal Error\r\n")
        assert b"\r\nconnection: close\r\n" in answer
        assert b"\r\ncontent-type: text/html\r\n" in answer
        assert sock.recv(1) == b""


def test_entities_are_not_expanded(server: WireServer) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>' + CALL.replace(b"hello", b"&y;")
    outside = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + CALL.replace(b"hello", b"&x;")
    unknown = b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + CALL.replace(b"hello", b"&x;")
    for body in (bomb, outside, unknown, CALL.replace(b"hello", b"&nbsp;")):
        assert status(server.exchange(post(body))) == 500
    assert status(server.exchange(post(b"<!DOCTYPE methodCall>" + CALL))) == 200


def test_json_that_is_no_call(server: WireServer) -> None:
    bad = [b"", b"[]", b"{", b'{"method":"text"}', b'{"method":"text","params":[]}', b'{"params":[],"id":1}',
           b'{"jsonrpc":"3.0","method":"text","params":[],"id":1}', b'{"method":"text","params":{},"id":1}',
           b'{"method":1,"params":[],"id":1}', b'[{"method":"void","params":[],"id":1}]',
           b'{"method":"any","params":[NaN],"id":1}', b'{"method":"any","params":' + b"[" * 5000 + b"]" * 5000
           + b',"id":1}']  # fmt: skip
    for body in bad:
        assert status(server.exchange(post(body, "/jsonrpc"))) == 500, body[:60]


def test_a_body_without_length_or_too_large(server: WireServer) -> None:
    assert status(server.exchange(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n")) == 500
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(CALL),
        CALL,
    )
    assert status(server.exchange(chunked)) == 500
    filler = string("x" * (307200 - len(xml_call("count", string("")))))
    body = xml_call("count", filler)
    assert len(body) == 307200
    assert status(server.exchange(post(body))) == 200
    assert status(server.exchange(post(body + b" "))) == 500


def test_requests_that_are_no_http(server: WireServer) -> None:
    assert status(server.exchange(b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n")) == 501
    assert status(server.exchange(b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n")) == 501
    assert status(server.exchange(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")) == 501
    assert status(server.exchange(b"POST /\r\n\r\n")) == 500
    assert status(server.exchange(b"POST / HTTP/1.1\r\nbad field\r\n\r\n")) == 500
    assert status(server.exchange(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")) == 500
    assert status(server.exchange(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")) == 500
    assert status(server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000 + b"\r\n\r\n")) == 500
    assert status(server.exchange(b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000 + b"\r\n\r\n")) == 500


def test_pages(server: WireServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for method, path, expected in (
        ("GET", "/page?a=b", "GET /page b"),
        ("GET", "/page/longer/still", "GET /page/longer/still "),
        ("POST", "/services/x", "POST /services/x "),
    ):
        connection.request(method, path)
        response = connection.getresponse()
        assert (response.status, response.read().decode()) == (200, expected)
    # The same connection takes calls as well.
    connection.request("POST", "/", CALL)
    assert connection.getresponse().read().endswith(b"</methodResponse>")
    connection.close()
    assert status(server.exchange(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")) == 403
    secret = server.exchange(b"GET /secret HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status(secret) == 401
    assert b'\r\nWWW-Authenticate: Basic realm="xapi"\r\n' in secret
    moved = server.exchange(b"GET /moved HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status(moved) == 302
    assert b"Location: https://elsewhere/\r\n" in moved
    assert status(server.exchange(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")) == 500


def test_options(server: WireServer) -> None:
    for path in ("/", "/json", "/jsonrpc", "/elsewhere"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("OPTIONS", path, headers={"Access-Control-Request-Headers": "X-A"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Access-Control-Allow-Methods"] == "PUT"
        assert response.headers["Access-Control-Allow-Headers"] == "X-A, X-Requested-With"
        connection.request("OPTIONS", path)
        response = connection.getresponse()
        response.read()
        assert response.headers["Access-Control-Allow-Headers"] == "X-Requested-With"
        connection.close()


def test_headers_that_speak_of_tasks(server: WireServer) -> None:
    fields = "Subtask-Of: OpaqueRef:1\r\nTask-Id: OpaqueRef:2\r\nX-Http-Other-Config-Colour: blue\r\n"
    for more in ("", SLOW):
        answer = server.exchange(post(xml_call("headers"), fields=fields + more))
        for name, value in (("subtask_of", "OpaqueRef:1"), ("task_id", "OpaqueRef:2"), ("colour", "blue")):
            assert f"<name>{name}</name><value>{value}</value>".encode() in answer


@pytest.mark.parametrize("parts", [1, 2, 3, 50])
@pytest.mark.parametrize("fields", ["", SLOW])
def test_pipelined_calls_are_answered_in_order(server: WireServer, parts: int, fields: str) -> None:
    texts = [f"call {number}" for number in range(60)]
    calls = [
        post(xml_call("later" if number % 3 else "text", string(text)), fields=fields)
        for number, text in enumerate(texts)
    ]
    answer = server.exchange(b"".join(calls), parts=parts, answers=len(calls))
    assert re.findall(rb"<value>(call \d+)</value>", answer) == [text.encode() for text in texts]


def test_a_client_that_does_not_read_its_answers(server: WireServer) -> None:
    with server.connect() as sock:
        sock.sendall(post(xml_call("big")) * 40)
        assert sock.recv(1)
        time.sleep(0.2)
        received, sock_bytes = 1, 40 * 2_000_000
        while received < sock_bytes:
            data = sock.recv(1 << 20)
            assert data
            received += len(data)
        sock.sendall(post(CALL))
        assert b"hello" in read_all(sock)


def test_a_page_between_calls_on_one_connection(server: WireServer) -> None:
    page = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = server.exchange(post(CALL) + page + post(CALL), answers=3)
    assert [match[1] for match in re.finditer(rb"(GET /page|hello)", answer)] == [b"hello", b"GET /page", b"hello"]


def test_clients_of_the_standard_library(server: WireServer) -> None:
    proxy: Any = xmlrpc.client.ServerProxy(server.url, allow_none=True)
    assert proxy.text("a < b & c \r\n \u20ac \U0001f600") == {
        "Status": "Success",
        "Value": "a < b & c \n \u20ac \U0001f600",
    }
    sent = [1, True, 2.5, None, "x", [1, []], {"a": {"b": []}}, xmlrpc.client.DateTime("20180221T13:05:09Z")]
    received = proxy.any(*sent)["Value"]
    assert received == ["1", True, 2.5, None, "x", ["1", []], {"a": {"b": []}}, sent[-1]]
    assert proxy.text(xmlrpc.client.Binary("caf\u00e9".encode()))["Value"] == "caf\u00e9"
    assert proxy.count()["Value"] == "0"
    assert proxy.list() == ["VM.start", "VM.get_all"]
    assert proxy.nothing()["ErrorDescription"] == ["MESSAGE_METHOD_UNKNOWN", "nothing"]
    assert proxy.void() == {"Status": "Success", "Value": ""}


@pytest.mark.parametrize("method", ["bug", "late_bug", "badly"])
def test_a_bug_is_an_error_of_the_api(server: WireServer, method: str) -> None:
    proxy: Any = xmlrpc.client.ServerProxy(server.url)
    answer = getattr(proxy, method)()
    assert answer["Status"] == "Failure"
    assert answer["ErrorDescription"][0] == "INTERNAL_ERROR"
    assert re.search(r"bug \d+", answer["ErrorDescription"][1])
    assert proxy.void()["Status"] == "Success"


def test_a_slow_sender_is_cut_off() -> None:
    with wire_server(WireSettings(request_seconds=0.1, shutdown_seconds=0.2)) as server:
        for start in (post(CALL)[:-5], b"POST / HT", post(CALL, fields=SLOW)[:-5]):
            with server.connect() as sock:
                sock.sendall(start)
                answer = without_continue(read_all(sock))
                assert status(answer) == 500
                assert sock.recv(1) == b""


def test_an_idle_connection_is_closed() -> None:
    with wire_server(WireSettings(idle_seconds=0.2, shutdown_seconds=0.2)) as server, server.connect() as sock:
        sock.sendall(post(xml_call("hang")))
        time.sleep(0.5)  # longer than idle, but not idle
        server.call_soon(server.dispatcher.release.set)
        sock.settimeout(PATIENCE)
        assert b"released" in sock.recv(4096)
        assert sock.recv(1) == b""


def test_more_connections_and_calls_than_allowed() -> None:
    with wire_server(WireSettings(connections=2, pending_calls=1, shutdown_seconds=0.2)) as server:
        first, second = server.connect(), server.connect()
        first.sendall(post(CALL))
        assert b"hello" in first.recv(4096)
        second.sendall(post(xml_call("hang")))
        until(lambda: [call.method for call in server.dispatcher.calls][1:] == ["hang"])
        first.sendall(post(xml_call("hang")))
        assert b"TOO_MANY_PENDING_TASKS" in first.recv(4096)
        with server.connect() as third:
            assert read_all(third).startswith(b"HTTP/1.1 503 ")
        first.close()
        second.close()


@pytest.mark.parametrize("fields", ["", SLOW])
def test_waiting_for_events_ends_with_its_connection(fields: str) -> None:
    with wire_server() as server:
        with server.connect() as sock:
            sock.sendall(post(xml_call("event.from"), fields=fields))
            until(lambda: server.dispatcher.calls)
        assert until(lambda: server.dispatcher.ended) == ["event.from"]


def test_a_client_that_stops_sending_still_gets_its_answer(server: WireServer) -> None:
    with server.connect() as sock:
        sock.sendall(post(xml_call("later", string("soon"))))
        sock.shutdown(socket.SHUT_WR)
        assert b"soon" in read_all(sock)
    with server.connect() as sock:
        sock.sendall(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert b"GET /page" in read_all(sock)
        assert sock.recv(1) == b""


def test_a_stop_lets_calls_end() -> None:
    with wire_server(WireSettings(shutdown_seconds=PATIENCE / 2)) as server:
        sock = server.connect()
        sock.sendall(post(xml_call("hang")))
        until(lambda: server.dispatcher.calls)
        server.loop.call_soon_threadsafe(server.loop.call_later, 0.2, server.dispatcher.release.set)
    assert b"released" in read_all(sock)
    sock.close()


def test_a_console_by_connect(server: WireServer) -> None:
    with server.connect() as sock:
        sock.sendall(b"CONNECT /console?uuid=42&session_id=x HTTP/1.0\r\nHost: a\r\n\r\nearly")
        expected = b"HTTP/1.1 200 OK\r\n\r\n42EARLY"
        sock.settimeout(PATIENCE)
        received = b""
        while len(received) < len(expected):
            received += sock.recv(100)
        assert received == expected
        sock.sendall(b"more")
        assert sock.recv(100) == b"MORE"
        sock.sendall(b"bye")
        assert sock.recv(100) == b""
    assert status(server.exchange(b"CONNECT /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")) == 403


def test_uploads(server: WireServer) -> None:
    body = b"x" * 500_000
    with server.connect() as sock:  # the client waits for the answer before it sends, and ends by hanging up
        sock.sendall(b"PUT /import HTTP/1.0\r\nHost: a\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.")
        sock.sendall(body)
        sock.shutdown(socket.SHUT_WR)
        assert b"500000" in read_all(sock)
    with server.connect() as sock:  # a length that only means: until I hang up
        sock.sendall(b"PUT /import HTTP/1.1\r\nHost: a\r\nContent-Length: 1125899906842624\r\n\r\n" + body)
        sock.shutdown(socket.SHUT_WR)
        assert b"500000" in read_all(sock)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for sent in (body, iter([b"abc", b"def"]), b""):
        connection.request("PUT", "/import", sent)
        size = connection.getresponse().read()
        assert int(size) == (len(sent) if isinstance(sent, bytes) else 6)
        connection.close()


def test_tls_plain_and_a_local_socket_at_once(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "tls", datetime.now(UTC))
    assert key.stat().st_mode & 0o777 == 0o600
    assert self_signed(tmp_path / "tls", datetime.now(UTC)) == (certificate, key)
    listeners = (
        Listener("127.0.0.1", 0),
        Listener("127.0.0.1", 0, server_context(certificate, key)),
        LocalListener(tmp_path / "xapi.sock"),
    )
    with wire_server(listeners=listeners) as server:
        trusting = ssl.create_default_context(cafile=str(certificate))
        proxy: Any = xmlrpc.client.ServerProxy(server.bound.tls[0], context=trusting)
        assert proxy.later("over TLS")["Value"] == "over TLS"
        assert proxy.origin()["Value"] is False
        assert server.bound.local == (f"unix:{tmp_path / 'xapi.sock'}",)
        assert (tmp_path / "xapi.sock").stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "xapi.sock"))
            sock.sendall(post(xml_call("origin")))
            assert b"<boolean>1</boolean>" in read_all(sock)
    assert not (tmp_path / "xapi.sock").exists()


def test_many_calls_behind_a_slow_one() -> None:
    with wire_server() as server, server.connect() as sock:
        sock.sendall(post(xml_call("hang")))
        rest = post(CALL) * 5000
        server.loop.call_soon_threadsafe(server.loop.call_later, 0.2, server.dispatcher.release.set)
        sender = threading.Thread(target=sock.sendall, args=(rest,))
        sender.start()
        received = b""
        while received.count(b"</methodResponse>") < 5001:
            data = sock.recv(1 << 20)
            assert data
            received += data
        sender.join(5)
        assert received.index(b"released") < received.index(b"hello")


def test_a_head_that_never_ends_is_cut_off() -> None:
    with wire_server(WireSettings(request_seconds=0.1, shutdown_seconds=0.2)) as server:
        for start in (b"GET / HTTP/1.1\r\nX: a", b"CONNECT /con", b"PO"):
            with server.connect() as sock:
                sock.sendall(start)
                assert status(read_all(sock)) == 500
                assert sock.recv(1) == b""


def test_a_console_and_an_upload_over_tls(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, datetime.now(UTC), ["xapi.example"])
    context = ssl.create_default_context(cafile=str(certificate))
    listeners = (Listener("127.0.0.1", 0), Listener("127.0.0.1", 0, server_context(certificate, key)))
    with wire_server(listeners=listeners) as server:
        port = int(server.bound.tls[0].rpartition(":")[2])
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        with context.wrap_socket(plain, server_hostname="xapi.example") as sock:
            sock.sendall(b"CONNECT /console?uuid=7 HTTP/1.0\r\n\r\n")
            received = b""
            while not received.endswith(b"7"):
                received += sock.recv(100)
            sock.sendall(b"x" * 100_000)
            received = b""
            while len(received) < 100_000:
                received += sock.recv(1 << 16)
            assert received == b"X" * 100_000
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
        connection.request("PUT", "/import", b"y" * 300_000)
        assert connection.getresponse().read() == b"300000"
        connection.close()


def test_nothing_that_is_sent_breaks_the_server(server: WireServer) -> None:
    rng = random.Random(7)
    page = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(150):
        data = bytearray(rng.choice((post(CALL), post(CALL, fields=SLOW), page, post(CALL) + page)))
        for _ in range(rng.choice((1, 2, 5))):
            position = rng.randrange(len(data))
            if rng.random() < 0.5:
                data[position] = rng.randrange(256)
            else:
                del data[position : position + rng.randrange(20)]
        with server.connect() as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            answer = without_continue(read_all(sock))
            assert not answer or status(answer) in (200, 403, 404, 500, 501)
    assert b"hello" in server.exchange(post(CALL))
