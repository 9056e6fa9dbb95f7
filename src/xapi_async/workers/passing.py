"""Connections that carry more than calls, passed on from a reader to the writer as they are.

Pages, transfers and calls of an unusual form are the writer's. The reader that a client has reached
connects to a local socket of the writer, says where the client is, and from then on copies bytes both
ways until both sides are done. TLS ends at the reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from xapi_async.operations.context import Origin
from xapi_async.wire.fastlane import Connection
from xapi_async.wire.heads import StreamHead

if TYPE_CHECKING:
    from xapi_async.wire.app import HttpServer

_LENGTH = 2


class PassingConnection(Connection):
    """A reader's connection: calls go the usual way, and what aiohttp would get goes to the writer at ``target``."""

    def __init__(
        self, server: HttpServer, loop: asyncio.AbstractEventLoop, options: Mapping[str, Any], target: Path
    ) -> None:
        super().__init__(server, loop, options)
        self._target = target
        self._upstream: _Upstream | None = None

    def _hand_over(self, data: bytes, start: int, written: Sequence[bytes], head: StreamHead | None = None) -> None:
        self._flush(written)
        self._keep(b"")
        self._lane = None
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()  # how long this may be idle is the writer's to judge
        address = self.origin.address.encode()
        beginning = len(address).to_bytes(_LENGTH, "big") + address + data[start:]
        self._upstream = _Upstream(self, beginning, self._loop)
        self._upstream.connecting = self._loop.create_task(self._upstream.connect(self._target))

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        if self._upstream is None:
            super().data_received(data)
        else:
            self._upstream.pass_on(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as in Connection
        """The client will send no more."""
        if self._upstream is None:
            return super().eof_received()
        self._upstream.end()
        return self.transport is not None and self.transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone."""
        if self._upstream is not None:
            self._upstream.close()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        super().pause_writing()
        if self._upstream is not None:
            self._upstream.hold(True)

    def resume_writing(self) -> None:
        """The client has read what was written."""
        super().resume_writing()
        if self._upstream is not None:
            self._upstream.hold(False)

    def hold(self, is_held: bool) -> None:
        """Read no more from the client for the moment, or go on."""
        if is_held:
            self._hold()
        else:
            self._release()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  # aiohttp's signature
        """End the connection; what is passed on has ``timeout`` seconds to end by itself."""
        if self._upstream is not None:
            await asyncio.wait({self._upstream.done}, timeout=timeout)
        await super().shutdown(timeout)


class _Upstream(asyncio.Protocol):
    """The connection to the writer. done: set when it has ended."""

    def __init__(self, client: PassingConnection, beginning: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._waiting = bytearray(beginning)  # until there is a connection
        self._ends = False
        self._transport: asyncio.Transport | None = None
        self._loop = loop
        self.done: asyncio.Future[None] = loop.create_future()
        self.connecting: asyncio.Task[None] | None = None

    async def connect(self, target: Path) -> None:
        try:
            await self._loop.create_unix_connection(lambda: self, str(target))
        except OSError:
            self._finish()

    def pass_on(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
        else:
            self._waiting += data

    def end(self) -> None:
        self._ends = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        elif self.connecting is not None:
            self.connecting.cancel()
            self._finish()

    def hold(self, is_held: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if is_held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._client.transport is not None:
            self._client.transport.close()  # after what was written

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(bytes(self._waiting))
        self._waiting.clear()
        if self._ends:
            self._transport.write_eof()

    def data_received(self, data: bytes) -> None:
        if self._client.transport is not None:
            self._client.transport.write(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finish()

    def pause_writing(self) -> None:
        self._client.hold(True)

    def resume_writing(self) -> None:
        self._client.hold(False)


class PassedConnection(Connection):
    """The writer's end: a connection that begins with where its client is."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop, options: Mapping[str, Any]) -> None:
        super().__init__(server, loop, options)
        self._beginning: bytes | None = b""

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        if self._beginning is None:
            super().data_received(data)
            return
        self._beginning += data
        end = _LENGTH + int.from_bytes(self._beginning[:_LENGTH], "big")
        if len(self._beginning) < max(_LENGTH, end):
            return
        self.origin = Origin(address=self._beginning[_LENGTH:end].decode())
        rest, self._beginning = self._beginning[end:], None
        if rest:
            super().data_received(rest)
