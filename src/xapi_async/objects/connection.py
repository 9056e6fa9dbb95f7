"""A connection to a database, in a thread of its own: it runs what it is handed, one after the other.

What is handed over is a whole piece of work, such as a transaction, so each of them costs one way to the
thread and one way back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""What runs in the thread. It leaves no transaction open."""


class Connection:
    """An open connection, for the loop that opened it. Close it at the end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._orders: SimpleQueue[tuple[Work[Any], asyncio.Future[Any]] | None] = SimpleQueue()

    @classmethod
    async def open(cls, path: Path) -> Connection:
        """A connection that commits each statement by itself outside of transactions. Raises sqlite3.Error."""
        connection = cls()
        opened = connection._loop.create_future()
        # It holds nothing that a process which ends has to wait for: what counts is durable already.
        Thread(target=connection._work, args=(path, opened), name="database", daemon=True).start()
        await opened
        return connection

    def run(self, work: Work[T]) -> asyncio.Future[T]:
        """Run something after all that was handed over before; the future has what it gives or raises."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._orders.put((work, done))
        return done

    async def close(self) -> None:
        """Close it after all that was handed over; nothing can be after that."""
        closed = self.run(sqlite3.Connection.close)
        self._orders.put(None)
        await closed

    def _work(self, path: Path, opened: asyncio.Future[None]) -> None:
        try:
            connection = sqlite3.connect(path, isolation_level=None)
        except Exception as error:
            self._tell(_fail, opened, error)
            return
        self._tell(_succeed, opened, None)
        while (order := self._orders.get()) is not None:
            work, done = order
            try:
                result = work(connection)
            except Exception as error:
                self._tell(_fail, done, error)
            else:
                self._tell(_succeed, done, result)

    def _tell(self, tell: Callable[[asyncio.Future[Any], Any], None], done: asyncio.Future[Any], what: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody there to be told
            self._loop.call_soon_threadsafe(tell, done, what)


def _succeed(done: asyncio.Future[Any], result: Any) -> None:
    if not done.done():  # else whoever waited was cancelled
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
