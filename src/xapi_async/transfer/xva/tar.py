"""Archives as streams: written and read piece by piece, compressed or not, never held as a whole."""

from __future__ import annotations

import asyncio
import tarfile
import zlib
from collections.abc import Awaitable, Callable

from xapi_async.datamodel.errors import ApiError
from xapi_async.storage.driver import PIECE, Data
from xapi_async.transfer.uploads import Body

BLOCK = 512
END = bytes(2 * BLOCK)
_GZIP = b"\x1f\x8b"
_GZIP_BITS = 31
_FAST = 1

Write = Callable[[Data], Awaitable[None]]


def entry(name: str, data: bytes) -> bytes:
    """A file of an archive, with its header."""
    return header(name, len(data)) + data + bytes(-len(data) % BLOCK)


def header(name: str, size: int) -> bytes:
    """What comes before the data of a file of ``size`` bytes; after it, zeros fill up the last block."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)


class Compressed:
    """Writes what it is given to ``write``, compressed; :meth:`finish` writes the rest."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._compressor = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP_BITS)

    async def __call__(self, data: Data) -> None:
        packed = await asyncio.to_thread(self._compressor.compress, data)
        if packed:
            await self._write(packed)

    async def finish(self) -> None:
        """Write what is still held back."""
        await self._write(self._compressor.flush())


class Stream:
    """The bytes of an upload, unpacked where they are compressed. At most a piece of them is held."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._held = memoryview(b"")
        self._unpacker: zlib._Decompress | None = None
        self._is_new = True
        self._raw: Data = b""

    async def read(self, limit: int) -> memoryview:
        """At most ``limit`` bytes, none at the end. Raises IMPORT_ERROR [text] where they cannot be unpacked."""
        if not self._held:
            self._held = memoryview(await self._more())
        part, self._held = self._held[:limit], self._held[limit:]
        return part

    async def exactly(self, length: int) -> bytes:
        """That many bytes. Raises IMPORT_ERROR_PREMATURE_EOF []."""
        parts = []
        while length:
            part = await self.read(length)
            if not part:
                raise ApiError("IMPORT_ERROR_PREMATURE_EOF")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    async def _more(self) -> Data:
        if self._is_new:
            self._is_new = False
            self._raw = bytes(await self._body.read(PIECE))
            if not self._raw.startswith(_GZIP):
                return self._raw
            self._unpacker = zlib.decompressobj(_GZIP_BITS)
        if self._unpacker is None:
            return await self._body.read(PIECE)
        return await self._unpacked(self._unpacker)

    async def _unpacked(self, unpacker: zlib._Decompress) -> bytes:
        while not unpacker.eof:
            self._raw = self._raw or await self._body.read(PIECE)
            if not self._raw:
                break
            try:
                data = await asyncio.to_thread(unpacker.decompress, self._raw, PIECE)
            except zlib.error as error:
                raise ApiError("IMPORT_ERROR", f"the data cannot be unpacked: {error}") from error
            self._raw = unpacker.unconsumed_tail
            if data:
                return data
        return b""


class Header:
    """A file of an archive that is being read. size: in bytes."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size


async def next_header(stream: Stream) -> Header | None:
    """The next file of an archive, of which nothing has been read; None at its end.

    Raises IMPORT_ERROR_PREMATURE_EOF [], IMPORT_ERROR [text].
    """
    block = await stream.exactly(BLOCK)
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
        return None
    except tarfile.HeaderError as error:
        raise ApiError("IMPORT_ERROR", f"this is no archive: {error}") from error
    if info.size < 0:
        raise ApiError("IMPORT_ERROR", "a file of the archive has no size")
    return Header(info.name, info.size)


async def whole(stream: Stream, header: Header, limit: int) -> bytes:
    """The content of a file. Raises IMPORT_ERROR [text] for more than ``limit`` bytes."""
    if header.size > limit:
        raise ApiError("IMPORT_ERROR", f"{header.name} has more than {limit} bytes")
    data = await stream.exactly(header.size)
    await skip_padding(stream, header)
    return data


async def skip_padding(stream: Stream, header: Header) -> None:
    """Pass over what fills a file up to whole blocks."""
    await stream.exactly(-header.size % BLOCK)
