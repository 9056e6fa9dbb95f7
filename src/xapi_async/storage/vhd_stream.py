"""VHDs as streams: one written from front to back while the disk is read, one read in the order it comes.

A dynamic VHD says at its start where each block will be, so what a disk holds is asked for first; then
the blocks follow one by one, and no more than one of them is in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol
from uuid import UUID

from xapi_async.storage import vhd
from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.driver import PIECE, STRETCH, Data, Extent, Image
from xapi_async.storage.layers import BLOCK as GRAIN

_PER_BLOCK = vhd.BLOCK // GRAIN  # bits of the allocation map in one block of the VHD: 32, so 4 whole bytes
_MAP_BYTES = _PER_BLOCK // 8
_SECTOR_BITS = GRAIN // vhd.SECTOR // 8  # bytes of a sector bitmap for one bit of the allocation map

Read = Callable[[int, int], Awaitable[Data]]
"""Reads from a disk: a place and a length."""


class Source(Protocol):
    """Bytes that come in."""

    async def read(self, limit: int) -> Data:
        """At most ``limit`` bytes, none at the end."""
        ...


class DynamicVhd:
    """A disk as a dynamic VHD or, where a base is named, as a differencing one that is to be read upon it.

    size: of the disk, bytes. extents: what the file is to hold, in whole blocks of 64 KiB.
    uuid: of the disk. timestamp: now, in seconds since 1970. base: the uuid of the base.
    length: bytes of the whole file.
    """

    def __init__(
        self, size: int, extents: Iterable[Extent], uuid: UUID, timestamp: float, base: UUID | None = None
    ) -> None:
        entries = -(-size // vhd.BLOCK)
        blocks = Bitmap()
        for extent in extents:
            blocks.set(extent.offset // GRAIN, -(-(extent.offset + extent.length) // GRAIN))
        self._size = size
        self._map = blocks.to_bytes(entries * _PER_BLOCK)
        self._held = [index for index in range(entries) if any(self._bits(index))]
        kind = vhd.DYNAMIC if base is None else vhd.DIFFERENCING
        self._footer = vhd.Footer(size, kind, uuid, timestamp, vhd.SECTOR).pack()
        table_offset = vhd.SECTOR + vhd.HEADER_SIZE
        header = vhd.Header(table_offset, entries)
        if base is not None:
            header = vhd.Header(table_offset, entries, vhd.BLOCK, base, f"{base}.vhd", timestamp)
        self._header = header.pack()
        first = table_offset + vhd.align(entries * 4, vhd.SECTOR)
        step = vhd.BITMAP_SIZE + vhd.BLOCK
        self._table = [vhd.UNUSED] * entries
        for place, index in enumerate(self._held):
            self._table[index] = (first + place * step) // vhd.SECTOR
        self.length = first + len(self._held) * step + vhd.SECTOR

    async def pieces(self, read: Read) -> AsyncIterator[Data]:
        """The file, in pieces of at most a MiB; the table is one piece."""
        yield self._footer + self._header
        yield vhd.pack_table(self._table)
        for index in self._held:
            runs = tuple(Bitmap(self._bits(index)).runs(0, _PER_BLOCK))
            yield b"".join((b"\xff" if run.is_set else b"\0") * (_SECTOR_BITS * (run.end - run.first)) for run in runs)
            for run in runs:
                end = index * vhd.BLOCK + run.end * GRAIN
                for start in range(index * vhd.BLOCK + run.first * GRAIN, end, STRETCH):
                    length = min(STRETCH, end - start)
                    held = min(length, self._size - start) if run.is_set else 0
                    if held > 0:
                        yield await read(start, held)
                    if held < length:  # nothing there, or the last block, which the disk does not fill
                        yield bytes(length - max(0, held))
        yield self._footer

    def _bits(self, index: int) -> bytes:
        return self._map[index * _MAP_BYTES : (index + 1) * _MAP_BYTES]


async def receive(source: Source, target: Image) -> None:
    """Write the disk in a VHD that comes in. Of a differencing one, only the sectors that it holds.

    Raises VhdError for what is no VHD, ends early or is of a larger disk; what came before is written.
    """
    stream = _Stream(source)
    start = await stream.exactly(vhd.SECTOR)
    if not vhd.is_footer(start):
        await _receive_fixed(stream, start, target)
        return
    footer = vhd.Footer.unpack(start)
    if footer.kind == vhd.FIXED:
        raise vhd.VhdError("a fixed VHD does not begin with its footer")
    _check_size(footer.size, target)
    await stream.skip_to(footer.data_offset)
    header = vhd.Header.unpack(await stream.exactly(vhd.HEADER_SIZE))
    if header.entries * 4 > 4 * (vhd.MAX_SIZE // header.block + 1):
        raise vhd.VhdError("the block table of the VHD is larger than any disk needs")
    await stream.skip_to(header.table_offset)
    table = vhd.unpack_table(await stream.exactly(header.entries * 4), header.entries)
    sparse = footer.kind == vhd.DIFFERENCING
    if not sparse:
        await _zero_unused(table, header.block, footer.size, target)
    for sector, index in sorted((sector, index) for index, sector in enumerate(table) if sector != vhd.UNUSED):
        await stream.skip_to(sector * vhd.SECTOR)
        sectors = Bitmap(await stream.exactly(header.bitmap_size))
        await _receive_block(stream, index * header.block, header.block, sectors, footer.size, target, sparse)
    await stream.drain()


async def _receive_fixed(stream: _Stream, held: bytes, target: Image) -> None:
    """Write a fixed VHD: the disk, and the footer that only its end shows to be one."""
    offset = 0
    while piece := await stream.some():
        held += piece
        ready = (len(held) - vhd.SECTOR) // vhd.SECTOR * vhd.SECTOR
        if offset + ready > target.size:
            raise vhd.VhdError("the VHD is of a larger disk")
        if ready > 0:
            await target.write(offset, held[:ready])
            held, offset = held[ready:], offset + ready
    footer = vhd.Footer.unpack(held)
    if footer.kind != vhd.FIXED or footer.size != offset:
        raise vhd.VhdError("the VHD is not as long as its footer says")


async def _receive_block(
    stream: _Stream, start: int, length: int, sectors: Bitmap, size: int, target: Image, sparse: bool
) -> None:
    for run in sectors.runs(0, length // vhd.SECTOR):
        position, end = run.first * vhd.SECTOR, run.end * vhd.SECTOR
        while position < end:
            piece = await stream.exactly(min(PIECE, end - position))
            room = size - start - position
            if run.is_set and room > 0:
                await target.write(start + position, piece[:room])
            elif room > 0 and not sparse:
                await target.write_zeros(start + position, min(room, len(piece)))
            position += len(piece)


async def _zero_unused(table: tuple[int, ...], block: int, size: int, target: Image) -> None:
    """Have zeros where the VHD holds nothing, whatever the disk held before."""
    start = None
    for index in range(len(table) + 1):
        unused = index < len(table) and table[index] == vhd.UNUSED
        if unused and start is None:
            start = index
        elif not unused and start is not None:
            first, end = start * block, min(index * block, size)
            if first < end:
                await target.write_zeros(first, end - first)
            start = None


def _check_size(size: int, target: Image) -> None:
    if size > target.size:
        raise vhd.VhdError("the VHD is of a larger disk")


class _Stream:
    """A source that is read by position."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    async def some(self) -> Data:
        piece = await self._source.read(PIECE)
        self._position += len(piece)
        return piece

    async def exactly(self, length: int) -> bytes:
        parts, missing = [], length
        while missing:
            piece = await self._source.read(missing)
            if not piece:
                raise vhd.VhdError("the VHD ends early")
            parts.append(piece)
            missing -= len(piece)
        self._position += length
        return b"".join(parts)

    async def skip_to(self, position: int) -> None:
        if position < self._position:
            raise vhd.VhdError("the parts of the VHD do not follow each other")
        while self._position < position:
            await self.exactly(min(PIECE, position - self._position))

    async def drain(self) -> None:
        while await self.some():
            pass
