"""A peer that makes each request durable and does nothing else: the limit of what durable writes can reach.

A thread inserts the rows of all requests that wait into SQLite, in one transaction that is on the disk when it
ends, and then all of them are answered with the same bytes.

Usage: python -m benchmarks.peers.commits group-commit PORT.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop

from benchmarks.peers.canned import ANSWER

ROW = b'["change","VM","OpaqueRef:00000000-0000-0000-0000-000000000000",{"name_label":"renamed"}]'
"""About what a change of one field comes to."""


class _Commits:
    def __init__(self, file: Path) -> None:
        self._waiting: list[asyncio.Transport] = []
        self._thread = ThreadPoolExecutor(1)
        self._loop = asyncio.get_running_loop()
        self._is_writing = False
        self._thread.submit(self._open, file).result()

    def _open(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE journal (number INTEGER PRIMARY KEY, row BLOB)")

    def want(self, transport: asyncio.Transport) -> None:
        """A request has come."""
        self._waiting.append(transport)
        if not self._is_writing:
            self._begin()

    def _begin(self) -> None:
        self._is_writing = True
        gathered, self._waiting = self._waiting, []
        self._thread.submit(self._write, gathered)

    def _write(self, gathered: list[asyncio.Transport]) -> None:
        # One row for all, as it is quickest.
        self._connection.execute("INSERT INTO journal (row) VALUES (?)", (b",".join([ROW] * len(gathered)),))
        self._loop.call_soon_threadsafe(self._written, gathered)

    def _written(self, gathered: list[asyncio.Transport]) -> None:
        if self._waiting:
            self._begin()
        else:
            self._is_writing = False
        for transport in gathered:
            if not transport.is_closing():
                transport.write(ANSWER)


class _Protocol(asyncio.Protocol):
    def __init__(self, commits: _Commits) -> None:
        self._commits = commits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._commits.want(self._transport)  # type: ignore[arg-type]


async def _serve(port: int) -> None:
    with tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder:
        commits = _Commits(Path(folder) / "commits.db")
        server = await asyncio.get_running_loop().create_server(
            lambda: _Protocol(commits), "127.0.0.1", port, backlog=2000
        )
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[2])))
