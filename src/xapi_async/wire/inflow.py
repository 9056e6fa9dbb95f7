"""Bodies of uploads, received right into the buffers that their readers get, with nobody parsing or copying them."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import StreamReader

BUFFER = 256 << 10
"""Bytes received at a time. The buffers of a body begin where multiples of it are in the body."""


class BodyReader(StreamReader):
    """A body: of known length, or one that ends with the connection. What came before its end stays readable."""

    def set_exception(self, exc: Any, *cause: Any) -> None:
        """Take note of an error, unless all has been received."""
        if not self._eof:
            super().set_exception(exc, *cause)

    async def some(self, limit: int) -> bytes | memoryview:
        """What has come, at most ``limit`` bytes, none at the end. What came is given even where more was to come.

        Raises ConnectionError where the client has gone before the end.
        """
        while not self._buffer and not self._eof:
            if self._exception is not None:
                raise self._exception
            await self._wait("some")
        return self._read_nowait_chunk(limit) if self._buffer else b""


class Inflow(asyncio.BufferedProtocol):
    """Stands in for a connection towards its transport while a body comes in.

    connection: is told of all but the data. length: of the body in bytes, None where the connection ends it.
    """

    def __init__(self, connection: asyncio.Protocol, body: BodyReader, length: int | None) -> None:
        self._connection = connection
        self._body = body
        self._left = length
        self._buffer: memoryview | None = None
        self._filled = 0
        if length == 0:
            body.feed_eof()

    def take(self, data: bytes) -> None:
        """Take what came together with the head."""
        left = memoryview(data)
        while left and not self._body.is_eof():
            room = self.get_buffer(len(left))
            count = min(len(room), len(left))
            room[:count] = left[:count]
            self.buffer_updated(count)
            left = left[count:]

    # What the transport tells

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to receive into."""
        if self._buffer is None:
            # What comes after the end is of no use to anybody, but the end of the connection must be seen.
            size = BUFFER if self._left is None or self._body.is_eof() else min(BUFFER, self._left)
            self._buffer = memoryview(bytearray(size))
            self._filled = 0
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Something has come."""
        if self._buffer is None or self._body.is_eof():
            return
        self._filled += nbytes
        if self._filled == len(self._buffer):
            self._give()

    def eof_received(self) -> bool | None:
        """The client will send no more."""
        self._give()
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._give()
        if not self._body.is_eof() and self._body.exception() is None:
            self._body.set_exception(exc or ConnectionResetError("the client is gone"))
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The client has read what was written."""
        self._connection.resume_writing()

    def _give(self) -> None:
        """Give the reader what has come."""
        if self._buffer is None or not self._filled or self._body.is_eof():
            return
        came, self._buffer = self._buffer[: self._filled], None
        if self._left is not None:
            self._left -= len(came)
        # The reader of a body has this connection paused while it is behind.
        self._body.feed_data(came)  # type: ignore[arg-type]  # it is kept and sliced, for which a view is good
        if self._left == 0:
            self._body.feed_eof()
