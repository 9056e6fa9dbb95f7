"""Calls of every kind, read by the server's own lane and by aiohttp: the answers are the same, to the byte."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import PATIENCE, call_xml, log_in, until
from tests.inner import InnerServer, inner_server

AIOHTTP = "Expect: 100-continue\r\n"
"""A field that makes aiohttp read a request, to be answered all the same."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[InnerServer]:
    """A server with everything behind its wire."""
    with inner_server() as server:
        yield server


@dataclass
class Line:
    """A connection. received: what has come and is not taken yet."""

    sock: socket.socket
    received: bytes = field(default=b"")

    def answer(self) -> bytes:
        """The next answer, from its first to its last byte; empty where the server hung up."""
        while True:
            self.received = self.received.removeprefix(CONTINUE)
            head, found, rest = self.received.partition(b"\r\n\r\n")
            if found:
                length = re.search(rb"\r\ncontent-length: (\d+)", head)
                assert length is not None, head
                size = len(head) + 4 + int(length[1])
                if len(rest) + len(head) + 4 >= size:
                    answer, self.received = self.received[:size], self.received[size:]
                    return answer
            data = self.sock.recv(1 << 16)
            if not data:
                assert self.received == b""
                return b""
            self.received += data

    def is_at_end(self) -> bool:
        """Whether the server hangs up, and says nothing before."""
        return self.answer() == b""


@pytest.fixture
def connect(server: InnerServer) -> Iterator[Any]:
    """Opens connections."""
    address = urlsplit(server.url)
    opened: list[socket.socket] = []

    def connect() -> Line:
        opened.append(socket.create_connection((address.hostname, address.port), timeout=PATIENCE))
        opened[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Line(opened[-1])

    yield connect
    for sock in opened:
        sock.close()


@pytest.fixture(scope="module")
def session(server: InnerServer) -> str:
    return log_in(server.url)


@pytest.fixture(scope="module")
def vm(server: InnerServer, session: str) -> str:
    return str(call_xml(server.url, "VM.get_by_name_label", session, "Other install media")["Value"][0])


def request(body: bytes, path: str = "/", version: str = "1.1", fields: str = "") -> bytes:
    return f"POST {path} HTTP/{version}\r\nHost: a\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


def xml(method: str, *params: Any) -> bytes:
    return xmlrpc.client.dumps(params, method, allow_none=True).encode()


def as_json(method: str, *params: Any, **more: Any) -> bytes:
    return json.dumps({"method": method, "params": params, "id": 1, **more}).encode()


def masked(answer: bytes) -> bytes:
    """An answer without what is new each time: references of tasks."""
    return re.sub(rb"OpaqueRef:[0-9a-f-]{36}", b"OpaqueRef", answer)


# By name: path and body. SESSION, VM, NOW stand for a session, an object and a token of the present.
_READS = {
    "field": xml("VM.get_name_label", "SESSION", "VM"),
    "underscore": xml("VM_get_name_label", "SESSION", "VM"),
    "record": xml("VM.get_record", "SESSION", "VM"),
    "list": xml("VM.get_all", "SESSION"),
    "all records": xml("VM.get_all_records", "SESSION"),
    "query": xml("VM.get_all_records_where", "SESSION", 'field "is_a_template" = "true"'),
    "no envelope": xml("system.listMethods"),
    "alive": xml("system.isAlive:", "x"),
}
_WRITES = {
    "field": xml("VM.set_name_description", "SESSION", "VM", "a < b & \u20ac \U0001f600"),
    "map": xml("VM.set_other_config", "SESSION", "VM", {"a": "b"}),
    "key": xml("VM.remove_from_other_config", "SESSION", "VM", "absent"),
    "not to be written": xml("VM.set_uuid", "SESSION", "VM", "x"),
    "no object": xml("VM.set_name_label", "SESSION", "OpaqueRef:none", "x"),
    "wrong type": xml("VM.set_is_a_template", "SESSION", "VM", "neither"),
}
_LONGER = {
    "task": xml("Async.VM.assert_agile", "SESSION", "VM"),
    "no task": xml("Async.VM.get_name_label", "SESSION", "VM"),
    "handled": xml("pool.get_license_state", "SESSION", "OpaqueRef:none"),
    "refused": xml("VM.start", "SESSION", "VM", False, False),
    "query that is none": xml("VM.get_all_records_where", "SESSION", "not sense"),
}
_WAITS = {
    "events at once": xml("event.from", "SESSION", ["pool"], "", 0.0),
    "time is over": xml("event.from", "SESSION", ["pool"], "NOW", 0.05),
    "bad token": xml("event.from", "SESSION", ["pool"], "x", 1.0),
    "not registered": xml("event.next", "SESSION"),
}
_ERRORS = {
    "no session": xml("VM.get_all", "OpaqueRef:none"),
    "no object": xml("VM.get_record", "SESSION", "OpaqueRef:none"),
    "no method": xml("VM.no_such", "SESSION"),
    "too few": xml("VM.get_record", "SESSION"),
    "too many": xml("VM.get_all", "SESSION", "a", "b"),
    "no text": xml("VM.get_all", 5),
    "password": xml("session.login_with_password", "root", "wrong", "2.9", "x"),
}
_FORMS = {
    "untyped": b"<methodCall><methodName>VM.get_all</methodName><params><param><value>SESSION</value></param>"
    b"</params></methodCall>",
    "declared": b'<?xml version="1.0" encoding="UTF-8"?>\n' + xml("VM.get_all", "SESSION"),
    "latin": b'<?xml version="1.0" encoding="ISO-8859-1"?>'
    + xml("system.isAlive:", "X").replace(b"X", "caf\u00e9".encode("latin-1")),
    "byte order mark": b"\xef\xbb\xbf" + xml("system.isAlive:", "x"),
    "entities": xml("system.isAlive:", "X").replace(b"X", b"&#8364;&amp;&lt;<![CDATA[<b>]]>&#x1F600;"),
    "invalid UTF-8": xml("system.isAlive:", "X").replace(b"X", b"\xff"),
    "control character": xml("system.isAlive:", "X").replace(b"X", b"\x01"),
    "every type": xml("system.isAlive:", [1, True, 2.5, None, {"a": []}, xmlrpc.client.DateTime("20180221T13:05:09Z")]),
    "truncated": xml("VM.get_all", "SESSION")[:-9],
    "empty": b"",
    "no xml": b"hello",
    "an answer": b"<methodResponse/>",
}
_JSON = {
    "1.0": as_json("VM.get_record", "SESSION", "VM"),
    "2.0": as_json("VM.get_record", "SESSION", "VM", jsonrpc="2.0"),
    "text id": as_json("VM.get_all", "SESSION", jsonrpc="2.0", id="\u20ac"),
    "no id": as_json("VM.get_all", "SESSION", jsonrpc="2.0", id=None),
    "error 1.0": as_json("VM.get_record", "SESSION", "OpaqueRef:none"),
    "error 2.0": as_json("VM.get_record", "SESSION", "OpaqueRef:none", jsonrpc="2.0"),
    "write": as_json("VM.set_name_description", "SESSION", "VM", "\u20ac", jsonrpc="2.0"),
    "write refused": as_json("VM.set_name_label", "SESSION", "OpaqueRef:none", "x"),
    "task": as_json("Async.VM.assert_agile", "SESSION", "VM", jsonrpc="2.0"),
    "events": as_json("event.from", "SESSION", ["pool"], "", 0.0, jsonrpc="2.0"),
    "time is over": as_json("event.from", "SESSION", ["pool"], "NOW", 0.05, jsonrpc="2.0"),
    "batch": b"[" + as_json("VM.get_all", "SESSION", jsonrpc="2.0") + b"]",
    "other version": as_json("VM.get_all", "SESSION", jsonrpc="3.0"),
    "none": b"{",
}
CALLS = {
    f"{group}: {name}": (path, body)
    for group, path, calls in (
        ("read", "/", _READS),
        ("write", "/RPC2", _WRITES),
        ("longer", "/", _LONGER),
        ("wait", "/", _WAITS),
        ("error", "/", _ERRORS),
        ("form", "/", _FORMS),
        ("json", "/jsonrpc", _JSON),
        ("either", "/json", {"xml": _READS["field"], "json": _JSON["1.0"], "none": b""}),
    )
    for name, body in calls.items()
}


def filled(server: InnerServer, session: str, vm: str, body: bytes) -> bytes:
    if b"NOW" in body:
        now = call_xml(server.url, "event.from", session, ["pool"], "", 0.0)["Value"]["token"]
        body = body.replace(b"NOW", now.encode())
    return body.replace(b"SESSION", session.encode()).replace(b">VM<", f">{vm}<".encode()).replace(
        b'"VM"', f'"{vm}"'.encode()
    )  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_both_ways_give_the_same_bytes(server: InnerServer, session: str, vm: str, connect: Any, name: str) -> None:
    path, body = CALLS[name]
    body = filled(server, session, vm, body)
    for version in ("1.0", "1.1"):
        for fields in ("", "Connection: close\r\n", "Connection: keep-alive\r\nAccept-Encoding: gzip\r\n"):
            found: list[tuple[bytes, bool]] = []
            for way in ("", AIOHTTP):
                line = connect()
                line.sock.sendall(request(body, path, version, fields + way))
                answer = line.answer()
                says_close = b"\r\nconnection: close\r\n" in answer
                # A connection ends when its last answer says so; else it takes the next call.
                if says_close:
                    assert line.is_at_end()
                else:
                    line.sock.sendall(request(xml("system.isAlive:", "x"), version=version, fields=way))
                    assert b"x" in line.answer()
                found.append((masked(answer), says_close))
            assert found[0] == found[1]
            assert found[0][0].startswith(f"HTTP/{version} ".encode())


@pytest.mark.parametrize("way", ["", AIOHTTP], ids=["lane", "aiohttp"])
def test_pipelined_calls_are_answered_as_they_are_alone(
    server: InnerServer, session: str, vm: str, connect: Any, way: str
) -> None:
    calls = []
    for name, (path, body) in CALLS.items():
        # What is written shows in what is read, and all objects are counted in events: such calls stay out.
        if b"event.from" in body or name in ("write: field", "write: map", "write: key", "json: write"):
            continue
        line = connect()
        call = request(filled(server, session, vm, body), path, fields=way)
        line.sock.sendall(call)
        answer = line.answer()
        if b"\r\nconnection: close\r\n" not in answer:
            calls.append((call, masked(answer)))
    assert len(calls) > 30
    for order in (1, -1):
        line = connect()
        line.sock.sendall(b"".join(call for call, _ in calls[::order]))
        assert [masked(line.answer()) for _ in calls] == [answer for _, answer in calls[::order]]


@pytest.mark.parametrize("way", ["", AIOHTTP], ids=["lane", "aiohttp"])
def test_pipelined_reads_see_the_writes_before_them(session: str, vm: str, connect: Any, way: str) -> None:
    line = connect()
    for number in range(20):
        write = xml("VM.set_name_description", session, vm, f"written {number}")
        for body in (write, xml("VM.get_name_description", session, vm)):
            line.sock.sendall(request(body, fields=way))
    for number in range(20):
        assert b"<value>Success</value>" in line.answer()
        assert f"<value>written {number}</value>".encode() in line.answer()


@pytest.mark.parametrize("way", ["", AIOHTTP], ids=["lane", "aiohttp"])
@pytest.mark.parametrize("name", ["read: field", "write: field", "json: 2.0"])
def test_a_call_in_two_pieces_wherever_it_is_cut(
    server: InnerServer, session: str, vm: str, connect: Any, way: str, name: str
) -> None:
    path, body = CALLS[name]
    call = request(filled(server, session, vm, body), path, fields=way)
    line, expected = connect(), b""
    for cut in range(len(call)):
        line.sock.sendall(call[:cut])
        server.run(_a_turn)  # so that the server has read that much, and no more
        line.sock.sendall(call[cut:])
        answer = line.answer()
        expected = expected or answer
        assert answer == expected, cut
    assert b" 200 OK\r\n" in expected


async def _a_turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("path", ["/", "/jsonrpc"])
def test_waiting_calls_are_told_the_same(
    server: InnerServer, session: str, vm: str, connect: Any, version: str, path: str
) -> None:
    now = call_xml(server.url, "event.from", session, ["vm"], "", 0.0)["Value"]["token"]
    lines = []
    before = server.core.events.waiting
    for way in ("", AIOHTTP, "", AIOHTTP):
        params = (session, ["vm"], now, 60.0)
        body = xml("event.from", *params) if path == "/" else as_json("event.from", *params, jsonrpc="2.0")
        lines.append(connect())
        lines[-1].sock.sendall(request(body, path, version, fields=way))
    until(lambda: server.core.events.waiting == before + len(lines))
    call_xml(server.url, "VM.set_name_description", session, vm, f"{version} {path}")
    answers = [line.answer() for line in lines]
    assert answers[1:] == answers[:-1]
    assert f"{version} {path}".encode() in answers[0]
    assert f"HTTP/{version} 200 OK\r\n".encode() in answers[0]
    assert server.core.events.waiting == before


@pytest.mark.parametrize("way", ["", AIOHTTP], ids=["lane", "aiohttp"])
def test_a_wait_ends_with_its_session_or_its_connection(server: InnerServer, connect: Any, way: str) -> None:
    before = server.core.events.waiting
    session = log_in(server.url)
    told, lost = connect(), connect()
    for line in (told, lost):
        line.sock.sendall(request(xml("event.from", session, ["sr"], f"{2**40},0", 60.0), fields=way))
    until(lambda: server.core.events.waiting == before + 2)
    lost.sock.close()
    until(lambda: server.core.events.waiting == before + 1)
    call_xml(server.url, "session.logout", session)
    assert f"<value>SESSION_INVALID</value><value>{session}</value>".encode() in told.answer()
    assert server.core.events.waiting == before


@pytest.mark.parametrize("way", ["", AIOHTTP], ids=["lane", "aiohttp"])
def test_headers_ask_for_the_same_of_tasks(server: InnerServer, session: str, vm: str, connect: Any, way: str) -> None:
    parent = call_xml(server.url, "task.create", session, "parent", "")["Value"]
    line = connect()
    fields = f"Subtask-Of: {parent}\r\nX-Http-Other-Config-Colour: blue\r\n"
    line.sock.sendall(request(xml("Async.VM.assert_agile", session, vm), fields=fields + way))
    task = re.search(rb"OpaqueRef:[0-9a-f-]{36}", line.answer())
    assert task is not None
    record = call_xml(server.url, "task.get_record", session, task[0].decode())["Value"]
    assert (record["subtask_of"], record["other_config"]) == (parent, {"http:colour": "blue"})
