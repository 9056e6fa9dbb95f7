"""The one connection that writes to the database, and the order in which that happens."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from xapi_async.objects.errors import DatabaseError, explained
from xapi_async.objects.finishing import finish
from xapi_async.objects.settings import Durability

Row = Sequence[Any]
Statement = tuple[str, Sequence[Row]]
"""SQL with placeholders, and the rows to run it with."""

_SYNCHRONOUS: dict[Durability, str] = {"full": "FULL", "normal": "NORMAL", "none": "OFF"}

_LARGEST_WAL = 64 << 20
"""Bytes of SQLite's own log that are left on the disk after it grew larger."""


async def connect(path: Path, durability: Durability) -> aiosqlite.Connection:
    """A connection to write with, in WAL mode. Raises DatabaseError."""
    try:
        connection = await aiosqlite.connect(path, isolation_level=None)
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_WAL}")
            await connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        except BaseException:
            await connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise explained(error, path) from error
    return connection


class Writer:
    """Writes one thing after the other, each whole or not at all, and durable when the call returns."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self.path = path
        self.connection = connection
        self._turn = asyncio.Lock()
        self._gathered: list[tuple[str, Row, asyncio.Future[None]]] = []

    async def write(self, *statements: Statement) -> None:
        """Run statements in one transaction. Raises DatabaseError, and then nothing was written."""
        async with self._turn:
            await finish(self._run(statements))

    async def write_undisturbed(self, *statements: Statement) -> None:
        """As :meth:`write`, from a task that nobody cancels meanwhile, which is cheaper."""
        async with self._turn:
            await self._run(statements)

    async def write_together(self, sql: str, row: Row) -> None:
        """Run a statement together with all others that wait for their turn now. Raises as :meth:`write` does."""
        done = asyncio.get_running_loop().create_future()
        self._gathered.append((sql, row, done))
        async with self._turn:
            if self._gathered and not done.done():
                await self._write_gathered()
        await done

    async def fetch(self, sql: str, row: Row = ()) -> Iterable[Row]:
        """The rows of a query. Raises DatabaseError."""
        try:
            return await self.connection.execute_fetchall(sql, row)
        except sqlite3.Error as error:
            raise explained(error, self.path) from error

    async def _write_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        failure: Exception | None = None
        try:
            await finish(self._run([(sql, (row,)) for sql, row, _ in gathered]))
        except Exception as error:  # whatever it is: all of them wait to hear of it
            failure = error
        for _, _, done in gathered:
            if done.done():
                continue  # whoever waited was cancelled
            if failure is None:
                done.set_result(None)
            else:
                told = DatabaseError(str(failure))
                told.__cause__ = failure
                done.set_exception(told)

    async def _run(self, statements: Sequence[Statement]) -> None:
        try:
            if len(statements) == 1 and len(statements[0][1]) == 1:
                await self.connection.execute(statements[0][0], statements[0][1][0])  # a transaction by itself
                return
            await self.connection.execute("BEGIN IMMEDIATE")
            for sql, rows in statements:
                await self.connection.executemany(sql, rows)
            await self.connection.commit()
        except (sqlite3.Error, OSError) as error:
            if self.connection.in_transaction:
                await self.connection.rollback()
            raise explained(error, self.path) from error
