"""All that a database holds, read from its file or written to a new one, with no server about."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from xapi_async.objects.database import restore_backup
from xapi_async.objects.documents import Documents, Log
from xapi_async.objects.entity import Values
from xapi_async.objects.errors import DatabaseError, explained
from xapi_async.objects.journal import JournalEntry
from xapi_async.objects.lasting import creation
from xapi_async.objects.recovery import inspect, recover
from xapi_async.objects.schema import open_read_only
from xapi_async.objects.settings import StoreSettings
from xapi_async.objects.sqlite_journal import SqliteJournal
from xapi_async.objects.writer import Writer, connect


@dataclass(frozen=True)
class StoredEntity:
    """An object: the wire name of its class, its reference, and the fields that are not as they start."""

    cls: str
    ref: str
    values: Values


@dataclass(frozen=True)
class Contents:
    """What a database holds. documents: values by name. logs: by name, keys and values in order."""

    objects: Sequence[StoredEntity]
    documents: dict[str, Any] = field(default_factory=dict)
    logs: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)


def read_contents(path: Path) -> Contents:
    """Read a database, whose server may be running. It blocks. Raises DatabaseError."""
    if not path.exists():
        raise DatabaseError(f"{path}: there is no such database")
    made = (creation(entity) for entity in inspect(path).entities)
    objects = [StoredEntity(*entry[2:]) for entry in made if entry is not None]
    try:
        with closing(open_read_only(path)) as connection:
            documents = {name: orjson.loads(value) for name, value in connection.execute("SELECT * FROM documents")}
            logs: dict[str, list[tuple[str, Any]]] = {}
            for log, key, value in connection.execute("SELECT log, key, value FROM logs ORDER BY number"):
                logs.setdefault(log, []).append((key, orjson.loads(value)))
    except sqlite3.Error as error:
        raise explained(error, path) from error
    return Contents(objects, documents, logs)


def write_contents(path: Path, contents: Contents) -> int:
    """Make a database of contents, in the place of the one at ``path``, whose server must be stopped.

    Gives the number of objects. It blocks. It appears whole or not at all. Raises DatabaseError, also
    for contents that do not fit together.
    """
    draft = path.with_name(f"{path.name}.draft")
    try:
        _remove(draft)
        asyncio.run(_write(draft, contents))
        return restore_backup(draft, path)
    finally:
        _remove(draft)


async def _write(path: Path, contents: Contents) -> None:
    recovered = recover(path, {})
    connection = await connect(path, "full")
    try:
        writer = Writer(connection, path)
        journal = SqliteJournal(writer, StoreSettings())
        entries: list[JournalEntry] = [
            ("add", recovered.generation + number, stored.cls, stored.ref, stored.values)
            for number, stored in enumerate(contents.objects, 1)
        ]
        if entries:
            await journal.append(journal.encode(entries))
        documents = Documents(writer)
        for name, value in contents.documents.items():
            await documents.put(name, value)
        for log, rows in contents.logs.items():
            for key, value in rows:
                await Log(writer, log).append(key, value)
        await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await connection.close()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
