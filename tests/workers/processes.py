"""Connections to each of the processes of one server."""

from __future__ import annotations

import http.client
import os
import xmlrpc.client
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.client import PATIENCE
from tests.live import PASSWORD, LiveServer

TRIES = 400

TEMPLATES = 'field "is_a_template" = "true" and field "is_a_snapshot" = "false"'


def process_ids(server: LiveServer) -> list[int]:
    """The writer, and its readers."""
    assert server.process is not None
    writer = server.process.pid
    children = Path(f"/proc/{writer}/task/{writer}/children").read_text().split()
    return [writer, *map(int, children)]


class Client:
    """One connection. pid: of the process that has it."""

    def __init__(self, server: LiveServer) -> None:
        address = urlsplit(server.url)
        self.http = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)
        self.http.connect()
        self.port: int = self.http.sock.getsockname()[1]
        # Whoever answers has accepted the connection.
        self.raw("system.isAlive:", "")

    def body(self, body: str | bytes, path: str = "/", **headers: str) -> bytes:
        """The body of the answer to a body."""
        self.http.request("POST", path, body, headers)
        return self.http.getresponse().read()

    def raw(self, method: str, *params: Any) -> bytes:
        """The body of the answer to a call."""
        return self.body(xmlrpc.client.dumps(params, method, allow_none=True).encode())

    def answer(self, method: str, *params: Any) -> Any:
        """What a call gives: its value, or its error description."""
        (found,), _ = xmlrpc.client.loads(self.raw(method, *params))
        return found.get("Value", found.get("ErrorDescription"))  # type: ignore[union-attr]

    def template(self, session: str) -> str:
        """Something to clone, whatever else there is."""
        return str(next(iter(self.answer("VM.get_all_records_where", session, TEMPLATES))))

    def log_in(self) -> str:
        """A new session."""
        return str(self.answer("session.login_with_password", "root", PASSWORD, "2.9", "tests"))

    def close(self) -> None:
        """Hang up."""
        self.http.close()


class Processes:
    """One connection to each process, the writer's first."""

    def __init__(self, server: LiveServer) -> None:
        pids = process_ids(server)
        found: dict[int, Client] = {}
        for _ in range(TRIES):
            client = Client(server)
            pid = _who_has(client.port, pids)
            if pid in found:
                client.close()
            else:
                found[pid] = client
            if len(found) == len(pids):
                break
        assert set(found) == set(pids), "some process answers nobody"
        self.pids = pids
        self.clients = [found[pid] for pid in pids]
        self.writer, *self.readers = self.clients

    def close(self) -> None:
        """Hang up everywhere."""
        for client in self.clients:
            client.close()


def _who_has(client_port: int, pids: list[int]) -> int:
    """The process whose end of a connection has that port at its other end."""
    wanted = f":{client_port:04X}"
    for _ in range(20):  # what is read of a table that changes meanwhile may lack a line
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[2].endswith(wanted):
                for pid in pids:
                    if f"socket:[{fields[9]}]" in _open_files(pid):
                        return pid
    raise AssertionError("nobody has the connection")


def _open_files(pid: int) -> set[str]:
    files = set()
    with suppress(FileNotFoundError):  # the process has ended
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # the file was closed meanwhile
                files.add(os.readlink(f"/proc/{pid}/fd/{entry}"))
    return files
