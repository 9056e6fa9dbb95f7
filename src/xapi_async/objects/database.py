"""A server's database, put together: the store over its journal, documents, logs, and backups."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xapi_async.objects.documents import Documents, Log
from xapi_async.objects.errors import DatabaseError, explained
from xapi_async.objects.integrity import check_integrity
from xapi_async.objects.journal import MemoryJournal
from xapi_async.objects.lock import locked
from xapi_async.objects.recovery import Recovered, check_file, inspect, recover
from xapi_async.objects.schema import open_read_only
from xapi_async.objects.settings import StoreSettings
from xapi_async.objects.sqlite_journal import SqliteJournal
from xapi_async.objects.store import RESERVE, Store
from xapi_async.objects.writer import Writer, connect

_log = logging.getLogger(__name__)


@dataclass
class Database:
    """All that lasts. path: None where nothing does, because the database is in memory."""

    path: Path | None
    store: Store
    documents: Documents
    _writer: Writer

    def log(self, name: str) -> Log:
        """The log of that name; it is empty until something is appended."""
        return Log(self._writer, name)

    async def backup(self, target: Path) -> None:
        """Copy the database as of this moment into a file, which appears whole or not at all, and check the copy.

        The server goes on writing meanwhile. An older file of that name is replaced. Raises DatabaseError.
        """
        if self.path is None:
            raise DatabaseError("a database in memory cannot be backed up; give the server a database file")
        await asyncio.to_thread(copy_database, self.path, target)


@asynccontextmanager
async def open_database(
    path: Path | None, settings: StoreSettings | None = None, facts: Mapping[str, str | int] | None = None
) -> AsyncIterator[Database]:
    """The database at ``path``, created where there is none, for as long as the context lasts; None: in memory.

    facts: what to note in it, such as the version of the server. Leaving the context writes what is
    still to be written. Raises DatabaseError, which names another server that has the database open.
    """
    settings = settings or StoreSettings()
    with ExitStack() as stack:
        if path is None:
            # Documents and logs need somewhere to be; it goes with the server.
            file = Path(stack.enter_context(TemporaryDirectory(prefix="xapi-async-"))) / "database"
        else:
            file = path.absolute()  # noqa: ASYNC240 - touches no disk
        stack.enter_context(locked(file))
        recovered = await asyncio.to_thread(recover, file, facts or {})
        connection = await connect(file, settings.durability)
        try:
            writer = Writer(connection, file)
            journal = None if path is None else SqliteJournal(writer, settings, recovered.pieces, recovered.size)
            async with _running_store(journal, recovered) as store:
                yield Database(None if path is None else file, store, Documents(writer), writer)
        finally:
            await connection.close()


@asynccontextmanager
async def _running_store(journal: SqliteJournal | None, recovered: Recovered) -> AsyncIterator[Store]:
    if journal is None:
        store = Store(MemoryJournal())
        tasks = [asyncio.create_task(store.run())]
    else:
        store = Store(journal, recovered.generation, recovered.generation + RESERVE)
        recovered.fill(store)
        tasks = [asyncio.create_task(store.run()), asyncio.create_task(journal.run())]
    for task in tasks:
        task.add_done_callback(_tell_failure)
    try:
        yield store
    finally:
        # No task group: it would wrap what the body raises. The store writes what it still has as it ends.
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.critical("a task of the database ended by a bug; restart the server", exc_info=task.exception())


def copy_database(path: Path, target: Path) -> None:
    """Copy a database, whose server may be running, into a file, which appears whole or not at all. It blocks.

    Raises DatabaseError.
    """
    if not path.exists():
        raise DatabaseError(f"{path}: there is no such database")
    part = target.with_name(f"{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            # All pages in one step: a reader's snapshot, which does not keep the writer waiting.
            with closing(open_read_only(path)) as source, closing(sqlite3.connect(part)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
            check_file(part)
            _sync(part)
            part.replace(target)
            _sync(target.parent)
        finally:
            part.unlink(missing_ok=True)
    except (sqlite3.Error, OSError) as error:
        raise explained(error, target) from error


def check_backup(path: Path) -> int:
    """Read a database file, such as a backup, as a start would, and check that all is well.

    Gives the number of objects. It blocks. The file is not changed. Raises DatabaseError.
    """
    recovered = inspect(path)
    count = len(recovered.entities)
    store = Store(MemoryJournal(), recovered.generation)
    recovered.fill(store)
    wrong = check_integrity(store)
    if wrong:
        raise DatabaseError(f"{path}: the database is damaged ({wrong[0]}); put another backup in its place")
    return count


def restore_backup(source: Path, path: Path) -> int:
    """Put a backup in the place of the database at ``path``, whose server must be stopped.

    Gives the number of objects. It blocks. What was there before is lost. Raises DatabaseError, and
    then the database is as it was.
    """
    with locked(path):
        count = check_backup(source)
        part = path.with_name(f"{path.name}.part")
        try:
            shutil.copyfile(source, part)
            part.chmod(0o600)
            _sync(part)
            # What a crash left of the old database must not be taken for part of the new one.
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            part.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise explained(error, path) from error
        finally:
            part.unlink(missing_ok=True)
    return count


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
