"""VHD files that somebody put into a repository, read in place as the lowest layer of a disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from xapi_async.storage import vhd
from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.layers import BLOCK, File

_LONGEST_CHAIN = 64


class VhdImage:
    """A fixed, dynamic or differencing VHD. size: of the disk, bytes.

    The parents of a differencing one are looked for in the same folder, by the name it gives or by uuid.
    Raises VhdError for what is no VHD, OSError where a file cannot be read.
    """

    def __init__(self, path: Path, name: str, depth: int = 0) -> None:
        if depth > _LONGEST_CHAIN:
            raise vhd.VhdError("the parents of the VHD form a circle")
        self.name = name
        self._path = path
        self._file = File(path, os.O_RDONLY)
        self.footer = self._footer()
        self.size = self.footer.size
        self._parent: VhdImage | None = None
        self.blocks = Bitmap()
        if self.footer.kind == vhd.FIXED:
            self.blocks.set(0, -(-self.size // BLOCK))
            return
        self._header = vhd.Header.unpack(self._bytes(self.footer.data_offset, vhd.HEADER_SIZE))
        length = self._header.entries * 4
        if length > self._file.size():
            raise vhd.VhdError("the block table of the VHD goes beyond the file")
        self._table = vhd.unpack_table(self._bytes(self._header.table_offset, length), self._header.entries)
        if self.footer.kind == vhd.DIFFERENCING:
            self._parent = VhdImage(self._parent_path(path.parent), name, depth + 1)
            self.blocks.add(self._parent.blocks)
        for index, entry in enumerate(self._table):
            if entry != vhd.UNUSED:
                start = index * self._header.block
                self.blocks.set(start // BLOCK, -(-(start + self._header.block) // BLOCK))

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Read from a place in the disk. Raises OSError."""
        if self.footer.kind == vhd.FIXED:
            self._read_data(offset, buffer)
            return
        while buffer:
            index, within = divmod(offset, self._header.block)
            part = buffer[: self._header.block - within]
            self._read_block(index, within, part)
            offset, buffer = offset + len(part), buffer[len(part) :]

    def reads(self, path: Path) -> bool:
        """Whether a file is this VHD or one of its parents."""
        return self._path == path or (self._parent is not None and self._parent.reads(path))

    def _read_block(self, index: int, within: int, buffer: memoryview) -> None:
        offset = index * self._header.block + within
        entry = self._table[index] if index < len(self._table) else vhd.UNUSED
        if entry == vhd.UNUSED:
            self._read_below(offset, buffer)
            return
        start = entry * vhd.SECTOR
        data = start + self._header.bitmap_size
        if self._parent is None:
            self._read_data(data + within, buffer)
            return
        sectors = Bitmap(self._bytes(start, self._header.bitmap_size))
        end = within + len(buffer)
        for run in sectors.runs(within // vhd.SECTOR, -(-end // vhd.SECTOR)):
            first, last = max(within, run.first * vhd.SECTOR), min(end, run.end * vhd.SECTOR)
            part = buffer[first - within : last - within]
            if run.is_set:
                self._read_data(data + first, part)
            else:
                self._read_below(index * self._header.block + first, part)

    def _read_data(self, place: int, buffer: memoryview) -> None:
        """Read from the file what must be there: one that was cut off is not to pass for one with zeros."""
        if place + len(buffer) > self._file.size():
            raise OSError(errno.EIO, "the VHD ends before its data")
        self._file.read_into(place, buffer)

    def _read_below(self, offset: int, buffer: memoryview) -> None:
        if self._parent is None:
            buffer[:] = bytes(len(buffer))
        else:
            self._parent.read_into(offset, buffer)

    def _footer(self) -> vhd.Footer:
        """The footer at the end, or its copy at the start where the end is damaged."""
        size = self._file.size()
        if size < vhd.SECTOR:
            raise vhd.VhdError("the file is too small for a VHD")
        try:
            return vhd.Footer.unpack(self._bytes(size - vhd.SECTOR, vhd.SECTOR))
        except vhd.VhdError:
            return vhd.Footer.unpack(self._bytes(0, vhd.SECTOR))

    def _parent_path(self, folder: Path) -> Path:
        names = (Path(self._header.parent_name.replace("\\", "/")).name, f"{self._header.parent}.vhd")
        for name in names:
            if name and (folder / name).is_file():
                return folder / name
        raise vhd.VhdError(f"the parent {names[1]} of the VHD is not there")

    def _bytes(self, offset: int, length: int) -> bytes:
        buffer = bytearray(length)
        self._file.read_into(offset, memoryview(buffer))
        return bytes(buffer)
