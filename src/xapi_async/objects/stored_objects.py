"""Rows of the table of objects, read and written in this one place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from xapi_async.objects.entity import Values
from xapi_async.objects.replay import Target, parsed
from xapi_async.objects.writer import Row


def read_objects(connection: sqlite3.Connection) -> Iterator[tuple[str, str, int, int, Values]]:
    """Every object as of the last checkpoint: class, reference, generations, and fields as JSON values."""
    for ref, cls, created, modified, fields in connection.execute("SELECT * FROM objects"):
        yield cls, ref, created, modified, parsed(fields)


@dataclass(slots=True)
class StoredObject:
    """An object as it is stored. cls: the wire name of its class. fields: JSON values."""

    cls: str
    created: int
    modified: int
    fields: Values


class Folding(Target):
    """Rows of the table with what a journal changes in them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changed: dict[str, StoredObject | None] = {}  # None: deleted

    def __len__(self) -> int:
        """How many objects are changed."""
        return len(self._changed)

    def written(self) -> list[Row]:
        """The rows to be put in."""
        return [
            (ref, found.cls, found.created, found.modified, orjson.dumps(found.fields))
            for ref, found in self._changed.items()
            if found is not None
        ]

    def deleted(self) -> list[Row]:
        """The references of the rows to be taken out, each as a row."""
        return [(ref,) for ref, found in self._changed.items() if found is None]

    def add(self, cls: str, ref: str, generation: int, fields: Values) -> None:
        self._changed[ref] = StoredObject(cls, generation, generation, fields)

    def modify(self, ref: str, generation: int, fields: Values) -> None:
        found = self._changed.get(ref)
        if found is None:
            if ref in self._changed or (found := self._stored(ref)) is None:
                return  # deleted here, or before
            self._changed[ref] = found
        found.fields.update(fields)
        found.modified = generation

    def delete(self, ref: str) -> None:
        self._changed[ref] = None

    def _stored(self, ref: str) -> StoredObject | None:
        row = self._connection.execute("SELECT * FROM objects WHERE ref = ?", (ref,)).fetchone()
        if row is None:
            return None
        _, cls, created, modified, fields = row
        return StoredObject(cls, created, modified, parsed(fields))
