"""Rows of the table of objects, read and written in this one place."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from xapi_async.objects.replay import StoredObject, parsed


def stored_object(connection: sqlite3.Connection, ref: str) -> StoredObject | None:
    """The object as of the last checkpoint; None where there was none."""
    row = connection.execute("SELECT * FROM objects WHERE ref = ?", (ref,)).fetchone()
    return None if row is None else read_object(row)


def read_object(row: Sequence[Any]) -> StoredObject:
    """The object of a row of the table."""
    ref, cls, created, modified, fields = row
    return StoredObject(cls, ref, created, modified, parsed(fields))


def object_row(stored: StoredObject) -> tuple[str, str, int, int, bytes]:
    """The row of an object."""
    return stored.ref, stored.cls, stored.created, stored.modified, orjson.dumps(stored.fields)
