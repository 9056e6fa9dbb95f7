"""The answers of event.from: written once for all who are told the same, and where there is much to tell, bit by bit.

A client that begins is told of every object, which may be a hundred megabytes. Writing that takes as long as some
thousands of other calls, so whoever has it written can stop after each event, and what is written is in chunks: it
is never put together, or copied, as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from xapi_async.rpc.call import EventBatch
from xapi_async.wire.call_format import Pieces

CHUNK_BYTES = 1 << 18

AT_ONCE = 64
"""How many events may be written in one step."""


class Batches:
    """Writes batches. write: gives the pieces of one, at least one for each event."""

    def __init__(self, write: Callable[[EventBatch], Iterable[bytes]]) -> None:
        self._write = write
        self._last: tuple[EventBatch, Pieces] | None = None

    def takes_long(self, batch: EventBatch) -> bool:
        """Whether there is too much to write for one step."""
        return len(batch.events) > AT_ONCE and not self._is_written(batch)

    def written(self, batch: EventBatch) -> Pieces:
        """A batch as it is written."""
        if not self._is_written(batch):
            for _ in self.writing(batch):
                pass
        assert self._last is not None  # it has just been written
        return self._last[1]

    def writing(self, batch: EventBatch) -> Iterator[None]:
        """Write a batch, an event or less in each step."""
        chunks: list[bytes] = []
        pieces: list[bytes] = []
        size = total = 0
        for piece in self._write(batch):
            pieces.append(piece)
            size += len(piece)
            if size >= CHUNK_BYTES:
                chunks.append(b"".join(pieces))
                total += size
                pieces.clear()
                size = 0
            yield
        chunks.append(b"".join(pieces))
        self._last = batch, Pieces(chunks, total + size)

    def _is_written(self, batch: EventBatch) -> bool:
        return self._last is not None and self._last[0] is batch
