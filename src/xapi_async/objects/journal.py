"""What the store asks of a journal, and the journal of servers that are to forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from xapi_async.objects.entity import Values

JournalEntry = tuple[Literal["add", "mod", "del"], int, str, str, Values]
"""One step of a commit as the journal keeps it: operation, generation, wire name of the class, reference,
and of the values those that survive a restart: all that differ from what the field starts with for
``add``, those written for ``mod``, none for ``del``."""


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
