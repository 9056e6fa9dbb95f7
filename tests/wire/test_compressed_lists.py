"""Long lists and many events, compressed for clients that take that, as the official one does."""

from __future__ import annotations

import gzip
import json
import xmlrpc.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.client import Answer, call_xml, log_in, post, until
from tests.inner import InnerServer, inner_server
from xapi_async.wire.heads import takes_gzip


@pytest.fixture(scope="module")
def server() -> Iterator[InnerServer]:
    with inner_server() as server:
        yield server


@pytest.fixture(scope="module")
def session(server: InnerServer) -> str:
    return log_in(server.url)


def ask(server: InnerServer, path: str, method: str, *params: Any, coding: str | None = "gzip") -> Answer:
    """The answer to a call of a client that says so of what it takes."""
    if path == "/":
        body = xmlrpc.client.dumps(params, method).encode()
    else:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 5}).encode()
    # http.client would otherwise name a coding by itself.
    return post(server.url, path, body, {"Accept-Encoding": "identity" if coding is None else coding})


def both(server: InnerServer, path: str, method: str, *params: Any) -> tuple[bytes, bytes]:
    """A list as it comes compressed, and as it comes plain."""
    compressed = ask(server, path, method, *params)
    plain = ask(server, path, method, *params, coding=None)
    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-length"] == str(len(compressed.body))
    return gzip.decompress(compressed.body), plain.body


@pytest.mark.parametrize("path", ["/", "/jsonrpc"])
def test_a_compressed_list_is_the_list_at_all_times(server: InnerServer, session: str, path: str) -> None:
    compressed, plain = both(server, path, "VM.get_all_records", session)
    assert compressed == plain
    template = call_xml(server.url, "VM.get_by_name_label", session, "Other install media")["Value"][0]
    copies = [
        call_xml(server.url, "VM.clone", session, template, f"a \u20ac copy {number}")["Value"] for number in range(7)
    ]
    for number, change in enumerate(("VM.set_name_description", "VM.add_tags", "VM.set_name_label")):
        call_xml(server.url, change, session, copies[number], f"changed {number}")
        call_xml(server.url, "VM.destroy", session, copies.pop())
        compressed, plain = both(server, path, "VM.get_all_records", session)
        assert compressed == plain
        assert f"changed {number}".encode() in compressed
    assert len(ask(server, path, "VM.get_all_records", session).body) < len(plain) / 5
    for vm in copies:
        call_xml(server.url, "VM.destroy", session, vm)


@pytest.mark.parametrize("path", ["/", "/jsonrpc"])
def test_many_events_are_compressed_as_well(server: InnerServer, session: str, path: str) -> None:
    compressed, plain = both(server, path, "event.from", session, ["*"], "", 0.0)
    assert compressed == plain
    answer = ask(server, path, "event.from", session, ["*"], "", 0.0)
    assert len(answer.body) < len(plain) / 5
    assert b"device_config" in answer.body  # nobody is to guess from the size what is in a PBD
    token = xmlrpc.client.loads(plain)[0][0]["Value"]["token"] if path == "/" else json.loads(plain)["result"]["token"]
    assert "content-encoding" not in ask(server, path, "event.from", session, ["*"], token, 0.0).headers


def test_what_many_are_told_is_compressed_however_short_it_is(server: InnerServer, session: str) -> None:
    (vm, *_) = call_xml(server.url, "VM.get_by_name_label", session, "Other install media")["Value"]
    told = {"events": [None], "token": ""}
    while told["events"]:
        told = call_xml(server.url, "event.from", session, ["vm"], told["token"], 0.0)["Value"]
    before = server.core.events.waiting
    wait = ("event.from", session, ["vm"], told["token"], 60.0)
    with ThreadPoolExecutor(24) as pool:
        waiting = [pool.submit(ask, server, "/", *wait, coding="gzip" if number % 3 else None) for number in range(24)]
        until(lambda: server.core.events.waiting == before + 24)
        call_xml(server.url, "VM.set_name_description", session, vm, "told to many")
        answers = [one.result() for one in waiting]
    texts = {
        gzip.decompress(answer.body) if "content-encoding" in answer.headers else answer.body for answer in answers
    }
    assert len(texts) == 1
    assert b"told to many" in texts.pop()
    assert not any("content-encoding" in answer.headers for answer in answers[::3])
    assert any("content-encoding" in answer.headers for answer in answers)


def test_the_official_client_understands_it(server: InnerServer, session: str) -> None:
    expected = call_xml(server.url, "VM.get_all_records", session)["Value"]
    assert ask(server, "/", "VM.get_all_records", session).headers["content-encoding"] == "gzip"
    with server.session() as client:
        assert client.xenapi.VM.get_all_records() == expected


@pytest.mark.parametrize("path", ["/", "/jsonrpc"])
def test_what_is_not_compressed(server: InnerServer, session: str, path: str) -> None:
    long = call_xml(server.url, "secret.create", session, {"value": "x" * 100_000, "other_config": {}})["Value"]
    asked = (
        (None, "VM.get_all_records"),
        ("gzip;q=0, deflate", "VM.get_all_records"),  # who refuses it
        ("gzip", "pool.get_all_records"),  # what is short
        ("gzip", "secret.get_all_records"),  # what nobody is to guess from the size of an answer
    )
    for coding, method in asked:
        answer = ask(server, path, method, session, coding=coding)
        assert "content-encoding" not in answer.headers, method
        assert b"OpaqueRef:" in answer.body
    call_xml(server.url, "secret.destroy", session, long)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (b"gzip", True),
        (b"deflate, GZIP;q=0.5", True),
        (b"x-gzip , br", True),
        (b"gzip; q=1.0", True),
        (b"gzip;q=0.001", True),
        (b"gzip;q=0", False),
        (b"gzip ; q = 0.00", False),
        (b"identity, deflate", False),
        (b"gzipped", False),
        (b"", False),
    ],
)
def test_who_takes_gzip(accepted: bytes, expected: bool) -> None:
    assert takes_gzip(accepted) is expected
