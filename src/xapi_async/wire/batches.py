"""The answers of event.from: written once for all who are told the same, and where there is much to tell, bit by bit.

A client that begins is told of every object, which may be a hundred megabytes. Writing that takes as long as some
thousands of other calls, so whoever has it written can stop after each event, and what is written is in chunks: it
is never put together, or copied, as a whole. For clients that take gzip what is long, or told to many, is compressed, a
chunk at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from xapi_async.rpc.call import Event, EventBatch
from xapi_async.wire.call_format import Pieces
from xapi_async.wire.gzip_parts import WITH_SECRETS, Part, compressed, gzip_file, stored

CHUNK_BYTES = 1 << 18

AT_ONCE = 64
"""How many events may be written in one step."""


class Writer(NamedTuple):
    """How a batch is written. opening: what stands before all events. between: what stands between two.

    event, closing: write an event, and what stands after all of them.
    """

    opening: bytes
    event: Callable[[Event], bytes]
    between: bytes
    closing: Callable[[EventBatch], bytes]


class Batches:
    """Writes batches. gzip_bytes: from which size on they are compressed."""

    def __init__(self, writer: Writer, gzip_bytes: int = sys.maxsize) -> None:
        self._writer = writer
        self._gzip_bytes = gzip_bytes
        self._last: tuple[EventBatch, Written] | None = None

    def takes_long(self, batch: EventBatch) -> bool:
        """Whether there is too much to write for one step."""
        return len(batch.events) > AT_ONCE and not self._is_written(batch)

    def written(self, batch: EventBatch) -> Written:
        """A batch as it is written."""
        if not self._is_written(batch):
            for _ in self.writing(batch):
                pass
        assert self._last is not None  # it has just been written
        return self._last[1]

    def writing(self, batch: EventBatch) -> Iterator[None]:
        """Write a batch, an event in each step."""
        opening, write, between, closing = self._writer
        written = Written(self._gzip_bytes)
        written.add(opening)
        before = b""
        for event in batch.events:
            written.begin(is_secret=event.cls.FACTS.name in WITH_SECRETS)
            written.add(before)
            written.add(write(event))
            before = between
            yield
        written.begin(is_secret=False)
        written.add(closing(batch))
        written.end()
        self._last = batch, written

    def _is_written(self, batch: EventBatch) -> bool:
        return self._last is not None and self._last[0] is batch


class Written:
    """A batch as it is written. gzip_bytes: from which size on it is compressed."""

    def __init__(self, gzip_bytes: int) -> None:
        self._gzip_bytes = gzip_bytes
        self._chunks: list[bytes] = []
        self._are_secret: list[bool] = []
        self._parts: list[Part] = []  # of the first chunks, once it is known that they are wanted
        self._size = 0
        self._pieces: list[bytes] = []  # of the chunk that is written
        self._length = 0
        self._is_secret = False

    def begin(self, *, is_secret: bool) -> None:
        """Begin a new chunk where the last one is full, or must not hold what comes."""
        if is_secret is not self._is_secret or self._length >= CHUNK_BYTES:
            self.end()
            self._is_secret = is_secret

    def add(self, piece: bytes) -> None:
        """Write something."""
        self._pieces.append(piece)
        self._length += len(piece)

    def end(self) -> None:
        """End a chunk."""
        self._chunks.append(b"".join(self._pieces))
        self._are_secret.append(self._is_secret)
        self._size += self._length
        self._pieces.clear()
        self._length = 0
        if self._size >= self._gzip_bytes:
            self._compress()

    def between(self, opening: bytes, closing: bytes) -> Pieces:
        """The body in which it stands between two texts."""
        size = len(opening) + self._size + len(closing)
        return Pieces((opening, *self._chunks, closing), size, partial(self._gzip, opening, closing), self._gzip_bytes)

    def _gzip(self, opening: bytes, closing: bytes) -> Pieces:
        self._compress()
        return gzip_file((stored(opening), *self._parts, stored(closing)))

    def _compress(self) -> None:
        for chunk, is_secret in islice(zip(self._chunks, self._are_secret, strict=True), len(self._parts), None):
            self._parts.append((stored if is_secret else compressed)(chunk))
