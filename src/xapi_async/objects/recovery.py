"""Starting from a database: checking the file, bringing it up to date, and making its objects."""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Entity, declared_class
from xapi_async.objects.errors import DatabaseError, explained
from xapi_async.objects.replay import replay
from xapi_async.objects.reviving import Reviving
from xapi_async.objects.schema import open_read_only, read_meta, upgrade, write_meta
from xapi_async.objects.store import RESERVE, Store
from xapi_async.objects.stored_objects import read_objects

FREEZE_FROM = 10_000
"""Objects from which those loaded are taken out of the reach of the garbage collector: they stay for long."""


@dataclass(frozen=True)
class Recovered:
    """What a database holds. entities: in order of last change. pieces, size: of the journal that was replayed."""

    entities: list[Entity]
    generation: int
    pieces: int
    size: int

    def fill(self, store: Store) -> None:
        """Hand the objects over to a store that has none."""
        by_class: dict[type[ApiClass], list[Entity]] = {}
        for entity in self.entities:
            by_class.setdefault(declared_class(entity), []).append(entity)
        for cls, entities in by_class.items():
            store.restore_all(cls, entities)
        store.restore_relations()
        self.entities.clear()  # those that are deleted later are not to stay on here


def recover(path: Path, facts: Mapping[str, str | int]) -> Recovered:
    """Check the database at ``path``, create or upgrade it, and read it. It blocks, so run it in a thread.

    facts: what to note in it besides, such as the version of the server. The generations following
    the one given back are reserved. Raises DatabaseError.
    """
    try:
        _create(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _check(connection)
            upgrade(connection)
            recovered = _read(connection)
            write_meta(connection, "generation", recovered.generation + RESERVE)
            for name, value in facts.items():
                write_meta(connection, name, value)
            return recovered
    except (sqlite3.Error, OSError) as error:
        raise explained(error, path) from error
    except DatabaseError as error:
        raise DatabaseError(f"{path}: {error}") from error


def inspect(path: Path) -> Recovered:
    """Read a database, such as a backup, without changing it. It blocks. Raises DatabaseError."""
    try:
        with closing(open_read_only(path)) as connection:
            _check(connection)
            return _read(connection)
    except (sqlite3.Error, OSError) as error:
        raise explained(error, path) from error
    except DatabaseError as error:
        raise DatabaseError(f"{path}: {error}") from error


def check_file(path: Path) -> None:
    """Check that a database file can be read, without looking at what is in it. It blocks. Raises DatabaseError."""
    try:
        with closing(open_read_only(path)) as connection:
            _check(connection)
    except sqlite3.Error as error:
        raise explained(error, path) from error


def _create(path: Path) -> None:
    # It will hold password hashes and keys: nobody else's business.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _check(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise DatabaseError("the database is damaged; put a backup in its place")


def _read(connection: sqlite3.Connection) -> Recovered:
    with _collector_off():
        # Both tables as of one moment: a server may be writing.
        connection.execute("BEGIN")
        objects, size = Reviving(), 0
        # One by one, so that what they are made from does not fill the memory.
        for row in read_objects(connection):
            objects.put(*row)

        def rows() -> Iterator[bytes]:
            nonlocal size
            for (row,) in connection.execute("SELECT pieces FROM journal ORDER BY number"):
                size += len(row)
                yield row

        replayed = replay(rows(), objects)
        reserved = int(str(read_meta(connection, "generation") or 0))
        connection.execute("COMMIT")
        entities = sorted(objects.entities.values(), key=attrgetter("modified"))
        del objects
        newest = max(replayed.newest, entities[-1].modified if entities else 0)
        if len(entities) >= FREEZE_FROM:
            gc.freeze()
    return Recovered(entities, max(1, reserved, newest), replayed.pieces, size)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Without garbage collection while many lasting objects are made."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
