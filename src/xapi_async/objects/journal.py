"""What the store asks of a journal, and the journal of servers that are to forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import orjson

from xapi_async.objects.entity import Values

PIECE_ENTRIES = 250
"""How many steps of one transaction are kept in one piece; a larger one is kept in several."""

JournalEntry = tuple[Literal["add", "mod", "del"], int, str, str, Values]
"""One step of a commit as the journal keeps it: operation, generation, wire name of the class, reference,
and of the values those that survive a restart: all that differ from what the field starts with for
``add``, those written for ``mod``, none for ``del``."""


def encoded(entries: Sequence[JournalEntry]) -> Sequence[bytes]:
    """The steps of one transaction as pieces of JSON. Raises TypeError for values that are none."""
    if len(entries) <= PIECE_ENTRIES:
        return (orjson.dumps(entries, option=orjson.OPT_NON_STR_KEYS),)
    pieces = (entries[start : start + PIECE_ENTRIES] for start in range(0, len(entries), PIECE_ENTRIES))
    return [orjson.dumps(piece, option=orjson.OPT_NON_STR_KEYS) for piece in pieces]


class Journal(Protocol):
    """Where changes become durable."""

    def encode(self, entries: Sequence[JournalEntry]) -> Sequence[bytes]:
        """The entries of one transaction as :meth:`append` takes them. Raises TypeError for values it cannot keep."""
        ...

    async def append(self, pieces: Sequence[bytes]) -> None:
        """Keep what :meth:`encode` gave, in this order, all or none; it is durable when this returns."""
        ...

    async def reserve(self, generation: int) -> None:
        """Have counting after a restart start above this generation; durable when this returns."""
        ...


class MemoryJournal:
    """A journal that keeps nothing, for tests and for servers that are to forget."""

    def encode(self, entries: Sequence[JournalEntry]) -> Sequence[bytes]:
        return ()

    async def append(self, pieces: Sequence[bytes]) -> None:
        return None

    async def reserve(self, generation: int) -> None:
        return None
