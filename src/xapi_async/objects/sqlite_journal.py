"""The journal in the database: a row for what was committed together, folded into objects later.

Committing appends a row and nothing else, so it costs one write to the disk however many
transactions it holds. In the background a checkpoint folds the oldest rows, a chunk at a time, into
the table of objects; a start replays the rows that are left.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from xapi_async.objects.errors import DatabaseError, explained
from xapi_async.objects.journal import encoded
from xapi_async.objects.replay import replay
from xapi_async.objects.schema import open_read_only
from xapi_async.objects.settings import StoreSettings
from xapi_async.objects.stored_objects import Folding
from xapi_async.objects.writer import Row, Writer

ROW_BYTES = 100_000
"""How large a row of the journal grows, unless a single piece is larger."""

CHUNK_OBJECTS = 500
"""How many objects are folded at a time, or a few more: writers wait while these are written."""

CHUNK_BYTES = 2_000_000
"""How much of the journal is folded at a time, however few objects it is about."""

PAUSE = 0.005
"""Seconds between two chunks."""

RETRY = 5.0
"""Seconds after which a checkpoint that failed is tried again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Chunk:
    """Rows of the journal up to ``last``, folded: what to write to the table of objects and what to delete there."""

    last: int
    pieces: int
    size: int
    written: Sequence[Row]
    deleted: Sequence[Row]


class SqliteJournal:
    """A :class:`~xapi_async.objects.journal.Journal` in the database. Use :meth:`run` in a task beside it."""

    encode = staticmethod(encoded)

    def __init__(self, writer: Writer, settings: StoreSettings, pieces: int = 0, size: int = 0) -> None:
        """pieces, size: how many pieces and bytes are in the journal already."""
        self._writer = writer
        self._settings = settings
        self._pieces = pieces
        self._size = size
        self._due = asyncio.Event()
        self._count(0, 0)

    async def append(self, pieces: Sequence[bytes]) -> None:
        rows = _rows(pieces)
        await self._writer.write_undisturbed(("INSERT INTO journal (pieces) VALUES (?)", [(row,) for row in rows]))
        self._count(len(pieces), sum(map(len, rows)))

    async def reserve(self, generation: int) -> None:
        await self._writer.write_undisturbed(("INSERT OR REPLACE INTO meta VALUES ('generation', ?)", [(generation,)]))

    async def run(self) -> None:
        """Fold the journal whenever it has grown beyond the settings, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self.checkpoint()
            except DatabaseError as error:
                _log.warning("the journal was not folded, which is tried again: %s", error)
                await asyncio.sleep(RETRY)
                self._count(0, 0)

    async def checkpoint(self) -> None:
        """Fold all there is now into the objects, in chunks. Raises DatabaseError; what was folded stays so."""
        left = self._pieces  # what comes meanwhile is left to the next time: a few at a time, it would cost far more
        while left > 0 and (chunk := await asyncio.to_thread(self._fold)) is not None:
            await self._writer.write(
                ("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", chunk.written),
                ("DELETE FROM objects WHERE ref = ?", chunk.deleted),
                ("DELETE FROM journal WHERE number <= ?", [(chunk.last,)]),
            )
            self._count(-chunk.pieces, -chunk.size)
            left -= chunk.pieces
            if left > 0:
                await asyncio.sleep(PAUSE)

    def _count(self, pieces: int, size: int) -> None:
        self._pieces += pieces
        self._size += size
        settings = self._settings
        if self._pieces >= settings.checkpoint_transactions or self._size >= settings.checkpoint_bytes:
            self._due.set()

    def _fold(self) -> _Chunk | None:
        # In a thread and on a connection of its own, so that neither the loop nor writers wait for it.
        try:
            with closing(open_read_only(self._writer.path)) as connection:
                return _fold(connection)
        except sqlite3.Error as error:
            raise explained(error, self._writer.path) from error


def _fold(connection: sqlite3.Connection) -> _Chunk | None:
    objects = Folding(connection)
    last = pieces = size = 0
    for number, row in connection.execute("SELECT number, pieces FROM journal ORDER BY number"):
        pieces += replay((row,), objects).pieces
        size += len(row)
        last = number
        if len(objects) >= CHUNK_OBJECTS or size >= CHUNK_BYTES:
            break
    if not pieces:
        return None
    return _Chunk(last, pieces, size, objects.written(), objects.deleted())


def _rows(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """The pieces as rows: JSON lists of a bounded size."""
    return [b"[" + b",".join(gathered) + b"]" for gathered in _bounded(pieces)]


def _bounded(pieces: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    if sum(map(len, pieces)) <= ROW_BYTES:  # as nearly always
        yield pieces
        return
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        if gathered and size + len(piece) > ROW_BYTES:
            yield gathered
            gathered, size = [], 0
        gathered.append(piece)
        size += len(piece)
    yield gathered
