"""The connection between the writer and a reader: messages in order, several to a frame.

Both ends are the same program on the same machine and were born with this connection, which nobody
else can reach; so messages are pickled tuples, their first item naming what they are.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Mapping
from typing import Any, cast

Message = tuple[Any, ...]
Receivers = Mapping[str, Callable[..., object]]

_LENGTH = 8


class Link(asyncio.Protocol):
    """One end. heard: when something last came, by the loop's clock.

    receivers: what is called with each message, by its first item. complete: called before messages leave, so
    that what gathered meanwhile is sent with them. lost: called once when the other end is gone.
    """

    def __init__(self, receivers: Receivers, complete: Callable[[], None], lost: Callable[[], None]) -> None:
        self._receivers = receivers
        self._complete = complete
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self.heard = self._loop.time()
        self._outbox: list[Message] = []
        self._is_due = False
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._room: asyncio.Future[None] | None = None  # set while the other end reads too slowly

    def send(self, *message: Any) -> None:
        """Send a message, together with all others of this turn of the event loop."""
        self.wake()
        self._outbox.append(message)

    def wake(self) -> None:
        """Something has gathered that is to be sent in this turn as well."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self.flush)

    async def drained(self) -> None:
        """Wait until the system has taken all that was sent. Raises ConnectionError when it is gone."""
        self.flush()
        if self._room is not None:
            await asyncio.shield(self._room)
        if self._transport is None:
            raise ConnectionResetError("the other process is gone")

    def close(self) -> None:
        """Hang up, after what was sent."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def flush(self) -> None:
        """Send at once what is to be sent."""
        try:
            self._complete()
        finally:
            self._is_due = False
        outbox, self._outbox = self._outbox, []
        if outbox and self._transport is not None:
            frame = pickle.dumps(outbox, 5)
            self._transport.writelines((len(frame).to_bytes(_LENGTH, "big"), frame))

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)
        # uvloop then sends what is written at once, and not at the end of its turn.
        self._transport.set_write_buffer_limits(0)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other process is gone."""
        self._transport = None
        self.resume_writing()
        self._lost()

    def pause_writing(self) -> None:
        """The other end reads too slowly."""
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        self.heard = self._loop.time()
        received = self._received
        received += data
        start = 0
        while len(received) - start >= _LENGTH:
            body = start + _LENGTH
            end = body + int.from_bytes(received[start:body], "big")
            if end > len(received):
                break
            with memoryview(received) as view:
                messages = pickle.loads(view[body:end])  # noqa: S301  see the module's first lines
            for name, *values in messages:
                self._receivers[name](*values)
            start = end
        if start:
            del received[:start]
