"""The connection to a database, in its thread: order, failures, and its end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from xapi_async.objects.connection import Connection


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    opened = await Connection.open(tmp_path / "x")
    yield opened
    await opened.close()


async def test_work_runs_in_the_order_in_which_it_was_handed_over(connection: Connection) -> None:
    await connection.run(lambda opened: opened.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, v)"))
    futures = [
        connection.run(lambda opened, v=v: opened.execute("INSERT INTO t (v) VALUES (?)", (v,)).lastrowid)
        for v in range(50)
    ]
    assert await asyncio.gather(*futures) == list(range(1, 51))
    assert await connection.run(lambda opened: opened.execute("SELECT v FROM t ORDER BY n").fetchall()) == [
        (v,) for v in range(50)
    ]


async def test_a_failure_is_told_to_whoever_waits_and_to_nobody_else(connection: Connection) -> None:
    failing = connection.run(lambda opened: opened.execute("nonsense"))
    other = connection.run(lambda opened: threading.current_thread().name)
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        await failing
    assert await other == "database"


async def test_work_whose_waiter_is_gone_still_runs(connection: Connection) -> None:
    await connection.run(lambda opened: opened.execute("CREATE TABLE t (v)"))
    connection.run(lambda opened: opened.execute("INSERT INTO t VALUES (1)")).cancel()
    connection.run(lambda opened: opened.execute("nonsense")).cancel()
    assert await connection.run(lambda opened: opened.execute("SELECT v FROM t").fetchall()) == [(1,)]


async def test_closing_comes_after_all_that_was_handed_over(tmp_path: Path) -> None:
    connection = await Connection.open(tmp_path / "x")
    before = connection.run(lambda opened: opened.execute("SELECT 1").fetchall())
    await connection.close()
    assert before.done()
    assert before.result() == [(1,)]


async def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        await Connection.open(tmp_path / "no folder" / "x")
