"""Consoles of VMs: the screen, the terminal, and who may see them."""

from __future__ import annotations

import base64
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import PATIENCE, ended, until
from tests.transfers.conftest import Site


@pytest.fixture
def guest(site: Site) -> Iterator[str]:
    """A VM that runs."""
    (template,) = site.api.VM.get_by_name_label("Other install media")
    vm = str(site.api.VM.clone(template, "seen"))
    site.api.VM.provision(vm)
    site.api.VM.start(vm, False, False)
    yield vm
    if site.api.VM.get_power_state(vm) != "Halted":
        site.api.VM.hard_shutdown(vm)


class Connection:
    """A connection to a console."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client

    def send(self, data: bytes) -> None:
        self.client.sendall(data)

    def read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self.client.recv(length - len(data))
            assert part, f"the connection ended after {data!r}"
            data += part
        return data

    def until(self, mark: bytes) -> bytes:
        data = b""
        while not data.endswith(mark):
            data += self.read(1)
        return data


@contextmanager
def connected(site: Site, method: str, query: str, *fields: str) -> Iterator[tuple[bytes, Connection]]:
    """A connection, and the head of the answer."""
    url = urlsplit(site.server.url)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=PATIENCE) as client:
        lines = [f"{method} /console?session_id={site.session}&{query} HTTP/1.1", "Host: here", *fields, "", ""]
        client.sendall("\r\n".join(lines).encode())
        connection = Connection(client)
        yield connection.until(b"\r\n\r\n"), connection


def screen(connection: Connection, version: bytes = b"RFB 003.008\n") -> tuple[int, int, str]:
    """Greet as a viewer does; the size and name of the screen."""
    assert connection.read(12) == b"RFB 003.008\n"
    connection.send(version)
    if version == b"RFB 003.003\n":
        assert connection.read(4) == b"\0\0\0\1"
    else:
        assert connection.read(2) == b"\1\1"
        connection.send(b"\1")
        assert connection.read(4) == b"\0\0\0\0"
    connection.send(b"\1")
    width, height = struct.unpack(">HH16x", connection.read(20))
    (length,) = struct.unpack(">I", connection.read(4))
    return width, height, connection.read(length).decode()


def ask(connection: Connection, *area: int, incremental: bool = False) -> None:
    connection.send(struct.pack(">BBHHHH", 3, incremental, *area))


def update(connection: Connection, pixel_bytes: int = 4) -> tuple[tuple[int, ...], bytes]:
    kind, count, *area, encoding = struct.unpack(">BxHHHHHi", connection.read(16))
    assert (kind, count, encoding) == (0, 1, 0)
    return tuple(area), connection.read(area[2] * area[3] * pixel_bytes)


@pytest.mark.parametrize("version", [b"RFB 003.008\n", b"RFB 003.003\n"])
def test_a_viewer_sees_the_guest(site: Site, guest: str, version: bytes) -> None:
    with connected(site, "CONNECT", f"uuid={site.api.VM.get_uuid(guest)}") as (head, connection):
        assert b" 200 OK\r\n" in head
        width, height, name = screen(connection, version)
        assert name == "seen"
        connection.send(b"\2\0\0\1\0\0\0\0" + b"\4\1\0\0\0\0\0a" + b"\5\0\0\1\0\1")
        ask(connection, 0, 0, width, height)
        area, pixels = update(connection)
        assert area == (0, 0, width, height)
        colours = {pixels[position : position + 4] for position in range(0, len(pixels), 4)}
        assert len(colours) == 2, "ink on paper"
        form = struct.pack(">BBBBHHHBBB3x", 16, 16, 0, 1, 31, 63, 31, 11, 5, 0)
        connection.send(b"\0\0\0\0" + form)
        ask(connection, 5, 10, 9999, 20)
        area, pixels = update(connection, 2)
        assert area == (5, 10, width - 5, 20)
        ask(connection, 0, 0, width, height, incremental=True)
        site.api.VM.pause(guest)
        assert update(connection, 2)[0] == (0, 0, width, height)
        site.api.VM.unpause(guest)
        site.api.VM.hard_shutdown(guest)
        ask(connection, 0, 0, width, height)
        until(lambda: connection.client.recv(1 << 20) == b"")


def test_a_terminal(site: Site, guest: str) -> None:
    consoles = [site.api.console.get_record(ref) | {"ref": ref} for ref in site.api.VM.get_consoles(guest)]
    found = [one for one in consoles if one["protocol"] == "vt100"]
    if not found:
        pytest.skip("this guest has no serial port")
    with connected(site, "CONNECT", f"ref={found[0]['ref']}") as (head, connection):
        assert b" 200 " in head
        assert connection.until(b"\r\n") == b"seen\r\n"
        connection.until(b"simulated.\r\n")
        connection.send(b"ls")
        assert connection.read(2) == b"ls"
        connection.send(b"\r")
        assert b"State: Running" in connection.until(b"simulated.\r\n")


def test_a_browser_sees_the_guest_by_web_socket(site: Site, guest: str) -> None:
    (console,) = (one for one in site.api.VM.get_consoles(guest) if site.api.console.get_protocol(one) == "rfb")
    key = base64.b64encode(os.urandom(16)).decode()
    fields = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: binary",
    )
    with connected(site, "GET", f"ref={console}", *fields, f"Sec-WebSocket-Key: {key}") as (head, connection):
        assert b" 101 " in head
        assert b"sec-websocket-protocol: binary" in head.lower()
        assert connection.read(2 + 12) == b"\x82\x0cRFB 003.008\n"
        connection.send(b"\x82\x8c" + bytes(4) + b"RFB 003.008\n")
        assert connection.read(4) == b"\x82\x02\1\1"
    assert site.ask("GET", "/console", ref=console).status == 501


def status(site: Site, query: str) -> int:
    with connected(site, "CONNECT", query) as (head, _):
        return int(head.split()[1])


def test_consoles_that_are_not_to_be_had(site: Site, guest: str) -> None:
    assert status(site, "uuid=nobody") == 500
    assert status(site, "ref=OpaqueRef:nothing") == 500
    assert status(site, "") == 500
    site.api.VM.pause(guest)
    assert status(site, f"ref={guest}") == 500
    site.api.VM.unpause(guest)
    assert site.plain("GET", "/console", ref=guest).status == 401
    domain = next(vm for vm, one in site.api.VM.get_all_records().items() if one["is_control_domain"])
    assert status(site, f"ref={domain}") == 200


def test_a_cancelled_task_ends_the_connection(site: Site, guest: str) -> None:
    task: Any = site.api.task.create("console", "")
    with connected(site, "CONNECT", f"ref={guest}&task_id={task}") as (_, connection):
        screen(connection)
        site.api.task.cancel(task)
        assert ended(site.api, task)["status"] == "cancelled"
        assert connection.client.recv(10) == b""
