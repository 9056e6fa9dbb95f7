"""Replaying: what the entries of a journal add up to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import orjson

from xapi_async.objects.entity import Values
from xapi_async.objects.errors import DatabaseError


class Target(Protocol):
    """What a journal is applied to: objects by reference, with their fields as JSON values."""

    def add(self, cls: str, ref: str, generation: int, fields: Values) -> None:
        """An object was created. cls: the wire name of its class."""
        ...

    def modify(self, ref: str, generation: int, fields: Values) -> None:
        """Fields of an object were written; nothing happens where there is no such object."""
        ...

    def delete(self, ref: str) -> None:
        """An object was deleted; nothing happens where there is none."""
        ...


class Replayed(NamedTuple):
    """What was replayed. newest: the newest generation met, 0 for none."""

    pieces: int
    newest: int


def replay(rows: Iterable[bytes], target: Target) -> Replayed:
    """Apply rows of the journal, in order.

    Applying again what was applied already changes nothing. Raises DatabaseError for rows that cannot be read.
    """
    pieces = newest = 0
    modify = target.modify
    for row in rows:
        of_row = parsed(row)
        pieces += len(of_row)
        for piece in of_row:
            for operation, generation, cls, ref, fields in piece:
                if generation > newest:
                    newest = generation
                if operation == "mod":  # as nearly all are
                    modify(ref, generation, fields)
                elif operation == "add":
                    target.add(cls, ref, generation, fields)
                else:
                    target.delete(ref)
    return Replayed(pieces, newest)


def parsed(blob: bytes) -> Any:
    """The JSON value in a column of the database. Raises DatabaseError where it is none."""
    try:
        return orjson.loads(blob)
    except orjson.JSONDecodeError:
        raise DatabaseError("the database is damaged; put a backup in its place") from None
