"""An NBD server, by which backup tools read disks: read-only exports, with TLS where it is wanted.

It speaks the fixed newstyle handshake. Structured replies with the context ``base:allocation`` tell
clients what is a hole, so that they need not fetch it.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import errno
import logging
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from xapi_async.storage import nbd_wire as wire
from xapi_async.storage.driver import PIECE, Extent, Image
from xapi_async.storage.nbd_listener import PORT
from xapi_async.storage.nbd_wire import Answer, ChunkKind, Command, Option

log = logging.getLogger(__name__)

LARGEST_READ = 32 << 20
_LARGEST_OPTION = 64 << 10
_ALLOCATION = "base:allocation"
_CONTEXT_ID = 1
_FLAGS = (
    wire.Transmission.HAS_FLAGS
    | wire.Transmission.READ_ONLY
    | wire.Transmission.SEND_FLUSH
    | wire.Transmission.CAN_MULTI_CONN
)


@dataclass(frozen=True)
class NbdSettings:
    """Where and how disks are served over NBD."""

    host: str = field(default="127.0.0.1", metadata={"doc": "Address the NBD server listens on."})
    port: int = field(default=PORT, metadata={"doc": "TCP port of the NBD server; 0 picks a free one."})
    announce: str = field(
        default="",
        metadata={
            "doc": "Address that clients are told to read disks from; empty: that of host, or of the pool's "
            "hosts where it listens on all."
        },
    )
    enabled: bool = field(default=False, metadata={"doc": "Whether disks are served over NBD."})
    tls: bool = field(default=True, metadata={"doc": "Whether clients must use TLS."})
    connections: int = field(default=64, metadata={"doc": "Clients at once; further ones are turned away."})
    handshake_seconds: float = field(default=30.0, metadata={"doc": "Seconds a client may take to choose a disk."})


class RefusedError(Exception):
    """An export that does not exist, or that the client may not see; the text is told to the client."""


class Exports(Protocol):
    """What is served."""

    def opened(self, name: str) -> AbstractAsyncContextManager[Image]:
        """The disk of an export, for as long as a client uses it. Raises RefusedError."""
        ...


@asynccontextmanager
async def serve(
    exports: Exports, settings: NbdSettings, host: str | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve for as long as the body lasts; gives the port.

    host: to listen on, None for all. tls: the server's certificate, needed where settings want TLS.
    Raises OSError where the port cannot be listened on, ValueError without a needed certificate.
    """
    if settings.tls and tls is None:
        raise ValueError("NBD with TLS needs a certificate")
    clients: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a callback that is a coroutine runs in a task
        clients.add(task)
        try:
            if len(clients) <= settings.connections:
                await _Client(reader, writer, exports, settings, tls).run()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError, _ProtocolError) as error:
            log.info("an NBD client is gone: %s", error)
        finally:
            clients.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, host, settings.port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await server.wait_closed()


class _ProtocolError(Exception):
    """The client does not speak the protocol."""


class _Chosen(NamedTuple):
    """The export that a client goes on with."""

    image: Image


class _Client:
    """One connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        exports: Exports,
        settings: NbdSettings,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._exports = exports
        self._settings = settings
        self._tls = tls
        self._is_secure = False
        self._no_zeroes = False
        self._structured = False
        self._allocation = False
        self._extents: Sequence[Extent] | None = None

    async def run(self) -> None:
        async with AsyncExitStack() as held:
            async with asyncio.timeout(self._settings.handshake_seconds):
                image = await self._negotiate(held)
            if image is not None:
                await self._serve(image)

    # Before an export is chosen

    async def _negotiate(self, held: AsyncExitStack) -> Image | None:
        """Answer options until the client chooses; None where it leaves."""
        ours = wire.Handshake.FIXED_NEWSTYLE | wire.Handshake.NO_ZEROES
        self._writer.write(wire.GREETING + struct.pack(">H", ours))
        (flags,) = struct.unpack(">I", await self._reader.readexactly(4))
        if not flags & wire.Handshake.FIXED_NEWSTYLE or flags & ~ours:
            raise _ProtocolError(f"client flags {flags:#x}")
        self._no_zeroes = bool(flags & wire.Handshake.NO_ZEROES)
        while True:
            magic, option, length = wire.OPTION.unpack(await self._reader.readexactly(wire.OPTION.size))
            if magic != wire.OPTION_MAGIC or length > _LARGEST_OPTION:
                raise _ProtocolError(f"option {option} of {length} bytes")
            data = await self._reader.readexactly(length)
            if option == Option.ABORT:
                self._answer(option, Answer.ACK)
                await self._writer.drain()
                return None
            if option == Option.STARTTLS:
                await self._start_tls(length)
            elif self._settings.tls and not self._is_secure:
                if option == Option.EXPORT_NAME:
                    raise _ProtocolError("an export was chosen without TLS")
                self._answer(option, Answer.TLS_REQUIRED)
            else:
                chosen = await self._option(option, data, held)
                if chosen is not None:
                    return chosen.image
            await self._writer.drain()

    async def _option(self, option: int, data: bytes, held: AsyncExitStack) -> _Chosen | None:
        match option:
            case Option.EXPORT_NAME:
                return await self._export_name(data, held)
            case Option.GO | Option.INFO:
                return await self._go(option, data, held)
            case Option.LIST:
                # Names hold sessions, so there is nothing to tell to somebody who knows none.
                self._answer(option, Answer.INVALID if data else Answer.ACK)
            case Option.STRUCTURED_REPLY:
                self._structured = not data
                self._answer(option, Answer.INVALID if data else Answer.ACK)
            case Option.SET_META_CONTEXT | Option.LIST_META_CONTEXT:
                self._meta_context(option, data)
            case _:
                self._answer(option, Answer.UNSUPPORTED)
        return None

    async def _start_tls(self, length: int) -> None:
        if length or self._is_secure:
            self._answer(Option.STARTTLS, Answer.INVALID)
        elif self._tls is None:
            self._answer(Option.STARTTLS, Answer.POLICY)
        else:
            self._answer(Option.STARTTLS, Answer.ACK)
            await self._writer.drain()
            await self._writer.start_tls(self._tls)
            self._is_secure = True
            # What was agreed on in the clear may have been somebody else's doing.
            self._structured = self._allocation = False

    async def _export_name(self, data: bytes, held: AsyncExitStack) -> _Chosen:
        try:
            image = await held.enter_async_context(self._exports.opened(_text(data)))
        except RefusedError as error:
            # This option has no way to say no.
            raise _ProtocolError(str(error)) from error
        padding = b"" if self._no_zeroes else wire.PADDING
        self._writer.write(struct.pack(">QH", image.size, self._flags()) + padding)
        await self._writer.drain()
        return _Chosen(image)

    async def _go(self, option: int, data: bytes, held: AsyncExitStack) -> _Chosen | None:
        try:
            (length,) = struct.unpack_from(">I", data)
            name = _text(data[4 : 4 + length])
            (count,) = struct.unpack_from(">H", data, 4 + length)
            if len(data) != 6 + length + 2 * count:
                raise ValueError("the length does not fit")
        except (struct.error, ValueError) as error:
            self._answer(option, Answer.INVALID, str(error).encode())
            return None
        async with AsyncExitStack() as trying:
            try:
                image = await trying.enter_async_context(self._exports.opened(name))
            except RefusedError as error:
                self._answer(option, Answer.UNKNOWN, str(error).encode())
                return None
            self._answer(option, Answer.INFO, wire.EXPORT_INFO.pack(0, image.size, self._flags()))
            self._answer(option, Answer.INFO, wire.BLOCK_SIZE_INFO.pack(3, 1, 65536, LARGEST_READ))
            self._answer(option, Answer.ACK)
            await self._writer.drain()
            if option == Option.INFO:
                return None
            held.push_async_exit(trying.pop_all())
            return _Chosen(image)

    def _meta_context(self, option: int, data: bytes) -> None:
        try:
            queries = _queries(data)
        except (struct.error, ValueError) as error:
            self._answer(option, Answer.INVALID, str(error).encode())
            return
        if option == Option.SET_META_CONTEXT:
            if not self._structured:
                self._answer(option, Answer.INVALID, b"structured replies come first")
                return
            self._allocation = _ALLOCATION in queries
            wanted = self._allocation
        else:
            wanted = not queries or any(query in (_ALLOCATION, "base:") for query in queries)
        if wanted:
            self._answer(option, Answer.META_CONTEXT, struct.pack(">I", _CONTEXT_ID) + _ALLOCATION.encode())
        self._answer(option, Answer.ACK)

    def _flags(self) -> int:
        return _FLAGS | (wire.Transmission.SEND_DF if self._structured else 0)

    def _answer(self, option: int, kind: Answer, data: bytes = b"") -> None:
        self._writer.write(wire.OPTION_REPLY.pack(wire.OPTION_REPLY_MAGIC, option, kind, len(data)) + data)

    # With an export

    async def _serve(self, image: Image) -> None:
        """Answer requests until the client leaves."""
        while True:
            head = await self._reader.readexactly(wire.REQUEST.size)
            magic, flags, command, cookie, offset, length = wire.REQUEST.unpack(head)
            if magic != wire.REQUEST_MAGIC:
                raise _ProtocolError("a request does not begin as one")
            if command == Command.DISC:
                return
            if command == Command.READ:
                await self._read(image, cookie, offset, length)
            elif command == Command.FLUSH:
                self._done(cookie)
            elif command == Command.BLOCK_STATUS and self._allocation:
                await self._status(image, flags, cookie, offset, length)
            elif command == Command.WRITE:
                await self._skip(length)
                self._fail(cookie, errno.EPERM)
            else:
                self._fail(cookie, errno.EINVAL)
            await self._writer.drain()

    async def _read(self, image: Image, cookie: int, offset: int, length: int) -> None:
        if length == 0 or length > LARGEST_READ or offset + length > image.size:
            self._fail(cookie, errno.EINVAL)
            return
        try:
            first = await image.read(offset, min(length, PIECE))
        except OSError:
            self._fail(cookie, errno.EIO)
            return
        if self._structured:
            head = wire.CHUNK.pack(
                wire.STRUCTURED_REPLY_MAGIC, wire.DONE, ChunkKind.OFFSET_DATA, cookie, 8 + length
            ) + struct.pack(">Q", offset)
        else:
            head = wire.SIMPLE_REPLY.pack(wire.SIMPLE_REPLY_MAGIC, 0, cookie)
        self._writer.write(head)
        self._writer.write(first)
        for start in range(PIECE, length, PIECE):
            await self._writer.drain()
            try:
                self._writer.write(await image.read(offset + start, min(PIECE, length - start)))
            except OSError as error:
                # Success is said already; only closing tells that it is not so.
                raise _ProtocolError(f"reading the disk failed: {error}") from error

    async def _status(self, image: Image, flags: int, cookie: int, offset: int, length: int) -> None:
        if length == 0 or offset + length > image.size:
            self._fail(cookie, errno.EINVAL)
            return
        try:
            if self._extents is None:
                self._extents = await image.extents()
        except OSError:
            self._fail(cookie, errno.EIO)
            return
        runs = _statuses(self._extents, offset, length, 1 if flags & wire.REQ_ONE else 1024)
        data = struct.pack(">I", _CONTEXT_ID) + b"".join(struct.pack(">II", *run) for run in runs)
        self._chunk(cookie, ChunkKind.BLOCK_STATUS, data)

    async def _skip(self, length: int) -> None:
        while length:
            length -= len(await self._reader.readexactly(min(length, 1 << 16)))

    def _done(self, cookie: int) -> None:
        if self._structured:
            self._chunk(cookie, ChunkKind.NONE, b"")
        else:
            self._writer.write(wire.SIMPLE_REPLY.pack(wire.SIMPLE_REPLY_MAGIC, 0, cookie))

    def _fail(self, cookie: int, error: int) -> None:
        if self._structured:
            self._chunk(cookie, ChunkKind.ERROR, struct.pack(">IH", error, 0))
        else:
            self._writer.write(wire.SIMPLE_REPLY.pack(wire.SIMPLE_REPLY_MAGIC, error, cookie))

    def _chunk(self, cookie: int, kind: ChunkKind, data: bytes) -> None:
        self._writer.write(wire.CHUNK.pack(wire.STRUCTURED_REPLY_MAGIC, wire.DONE, kind, cookie, len(data)) + data)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _queries(data: bytes) -> list[str]:
    """The queries in the data of an option about contexts. Raises ValueError and struct.error."""
    (length,) = struct.unpack_from(">I", data)
    position = 4 + length
    (count,) = struct.unpack_from(">I", data, position)
    position += 4
    queries = []
    for _ in range(count):
        (length,) = struct.unpack_from(">I", data, position)
        position += 4
        queries.append(_text(data[position : position + length]))
        position += length
    if position != len(data):
        raise ValueError("the length does not fit")
    return queries


def _statuses(extents: Sequence[Extent], offset: int, length: int, most: int) -> list[tuple[int, int]]:
    """Length and status of what follows from an offset on: at most so many, which together may be less than asked."""
    found: list[tuple[int, int]] = []
    end = offset + length
    index = bisect.bisect_right(extents, offset, key=lambda extent: extent.offset) - 1
    if index < 0 or extents[index].offset + extents[index].length <= offset:
        index += 1
    while offset < end and len(found) < most:
        first, last = (extents[index].offset, sum(extents[index])) if index < len(extents) else (end, end)
        if offset < first:
            stop, status = min(end, first), wire.HOLE_OF_ZEROS
        else:
            stop, status, index = min(end, last), 0, index + 1
        found.append((stop - offset, status))
        offset = stop
    return found
