"""The tables of the database, their versions, and the way from each version to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from xapi_async.objects.errors import DatabaseError

APPLICATION_ID = 0x78617069
"""Marks SQLite files as ours."""

Migration = Callable[[sqlite3.Connection], None]


def _first(connection: sqlite3.Connection) -> None:
    for statement in _FIRST:
        connection.execute(statement)


_FIRST = (
    # Small facts about the database itself, by name.
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # What was committed since the objects were last brought up to date: a row is a JSON list of pieces,
    # a piece a list of steps. What was committed together was written in one transaction of SQLite.
    "CREATE TABLE journal (number INTEGER PRIMARY KEY, pieces BLOB NOT NULL)",
    # The objects as of the last checkpoint; fields as a JSON map, without those that are as they started.
    "CREATE TABLE objects (ref TEXT PRIMARY KEY, class TEXT NOT NULL, created INTEGER NOT NULL,"
    " modified INTEGER NOT NULL, fields BLOB NOT NULL) WITHOUT ROWID",
    # JSON values by name, for all that is to last and is no object.
    "CREATE TABLE documents (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    # Lists of JSON values with a key each, in order.
    "CREATE TABLE logs (number INTEGER PRIMARY KEY, log TEXT NOT NULL, key TEXT NOT NULL,"
    " value BLOB NOT NULL, UNIQUE (log, key))",
)

MIGRATIONS: tuple[Migration, ...] = (_first,)
"""MIGRATIONS[n] takes a database of version n to version n + 1. Ones that were released never change."""


def upgrade(connection: sqlite3.Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring a database, which may be empty, to the newest version, in one transaction.

    connection: in autocommit mode. Raises DatabaseError for files that are not ours and for versions
    that are newer than this program.
    """
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    if owner != APPLICATION_ID and not is_empty:
        raise DatabaseError("is the database of another program; name another file")
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = 0 if is_empty else int(str(read_meta(connection, "schema") or 0))
        if version > len(migrations):
            raise DatabaseError(
                f"was written by a newer version of this server (schema {version}, this one knows {len(migrations)}); "
                "run that version, or put an older backup in its place"
            )
        for migration in migrations[version:]:
            migration(connection)
        if version < len(migrations):
            write_meta(connection, "schema", len(migrations))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def read_meta(connection: sqlite3.Connection, name: str) -> object:
    """A fact of the database; None where there is none."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def write_meta(connection: sqlite3.Connection, name: str, value: str | int) -> None:
    """Set a fact of the database."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that reads what was committed when each of its statements starts, and keeps nobody waiting."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
