"""Bodies of uploads, and writing them to disks: plain bytes, chunks that say where they belong, VHDs."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable

from aiohttp import ClientPayloadError, ClientResponse, web

from xapi_async.datamodel.errors import ApiError
from xapi_async.storage.driver import PIECE, Data, Extent, Image
from xapi_async.storage.vhd_stream import receive

_CHUNK_HEAD = struct.Struct("<QI")

Progress = Callable[[float], Awaitable[None]]


class Body:
    """The body of a request, or of an answer. The pieces it gives are whole ones, as writing small ones costs more.

    may_break_off: whether the connection may be lost without that meaning that something is missing.
    """

    def __init__(self, request: web.BaseRequest | ClientResponse, *, may_break_off: bool) -> None:
        # Of a request it is one that gives what it has without copying it; of an answer, aiohttp's own.
        self._some: Callable[[int], Awaitable[Data]] = getattr(request.content, "some", request.content.read)
        self._may_break_off = may_break_off
        self._broken: Exception | None = None

    async def read(self, limit: int) -> Data:
        """At most ``limit`` bytes, fewer only at the end. Raises VDI_IO_ERROR [text] where the client went away."""
        parts: list[Data] = []
        missing = min(limit, PIECE)
        while missing and self._broken is None:
            try:
                part = await self._some(missing)
            except (ConnectionError, ClientPayloadError) as error:
                self._broken = error
                break
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        if self._broken is not None and not self._may_break_off:
            raise broken("the connection was lost before all data had come")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def exactly(self, length: int) -> bytes:
        """That many bytes. Raises VDI_IO_ERROR [text] where fewer come."""
        parts = []
        while length:
            part = await self.read(length)
            if not part:
                raise broken("the data ends early")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def broken(text: str) -> ApiError:
    """The failure of a transfer by its data."""
    return ApiError("VDI_IO_ERROR", text)


async def write_raw(body: Body, disk: Image, progress: Progress, part: Extent | None = None) -> None:
    """Write plain bytes from the beginning of the disk, or of a part of it, on; all else is left as it was.

    Raises VDI_IO_ERROR [text].
    """
    offset, length = part or Extent(0, disk.size)
    done = 0
    while piece := await body.read(PIECE):
        await disk.write(offset + done, piece)
        done += len(piece)
        await progress(done / length)


async def write_chunks(body: Body, disk: Image, progress: Progress) -> None:
    """Write chunks of {offset, length, data}, up to one of length 0. Raises VDI_IO_ERROR [text]."""
    while True:
        offset, length = _CHUNK_HEAD.unpack(await body.exactly(_CHUNK_HEAD.size))
        if length == 0:
            return
        end = offset + length
        while offset < end:
            piece = await body.exactly(min(PIECE, end - offset))
            await disk.write(offset, piece)
            offset += len(piece)
        await progress(min(1.0, end / disk.size))


async def write_vhd(body: Body, disk: Image, progress: Progress) -> None:
    """Write the disk that a VHD holds. Raises VhdError, and VDI_IO_ERROR [text]."""
    await receive(body, _Watched(disk, progress))


class _Watched:
    """A disk whose filling shows as progress."""

    def __init__(self, disk: Image, progress: Progress) -> None:
        self.size = disk.size
        self._disk = disk
        self._progress = progress
        self.read, self.flush, self.extents = disk.read, disk.flush, disk.extents
        self.write_zeros = disk.write_zeros

    async def write(self, offset: int, data: Data) -> None:
        await self._disk.write(offset, data)
        await self._progress((offset + len(data)) / self.size)
