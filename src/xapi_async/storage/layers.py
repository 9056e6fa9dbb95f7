"""What a disk is made of: layers of blocks of 64 KiB, each holding some blocks of the disk.

A layer of our own is two files: the blocks at their own places in a sparse file (so the lowest layer
is a plain raw image that any tool reads), and a bitmap of those it holds. This was chosen over VHD
chains as blocks never move, an interrupted write can never damage the structure, and merging two
layers is copying blocks to where they already belong.

Durability: a block's bit reaches the bitmap's file only after the block's data is on the disk. So
after a power cut each block is as it was at the last flush or as written since, never a mixture with
the empty file beneath. Bits that are set in memory only are simply forgotten by a crash.

Files of others (raw images, VHDs) can be layers too; they are only ever read.
"""

from __future__ import annotations

import errno
import os
import weakref
from pathlib import Path
from typing import Protocol

from xapi_async.storage.bitmap import Bitmap

BLOCK = 64 * 1024
ZEROS = bytes(BLOCK)


def is_zeros(data: memoryview) -> bool:
    """Whether at most a block of bytes is all zeros."""
    # Views compare byte by byte, with everybody else waiting; this way they compare a hundred times as fast.
    return ZEROS.startswith(data)


class Layer(Protocol):
    """Blocks of a disk. name: what the index calls it. blocks: those it holds."""

    name: str
    blocks: Bitmap

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Read from a place in the disk that this layer holds. Raises OSError."""
        ...


class File:
    """An open file that closes when nobody holds it any more, as readers may outlive its removal."""

    def __init__(self, path: Path, flags: int) -> None:
        self.fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        self._close = weakref.finalize(self, os.close, self.fd)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill the buffer; what lies beyond the end of the file reads as zeros. Raises OSError."""
        while buffer:
            count = os.preadv(self.fd, [buffer], offset)
            if count == 0:
                buffer[:] = bytes(len(buffer))
                return
            buffer, offset = buffer[count:], offset + count

    def write(self, offset: int, buffer: memoryview | bytes) -> None:
        """Write all of the buffer. Raises OSError."""
        view = memoryview(buffer)
        while view:
            count = os.pwrite(self.fd, view, offset)
            if count == 0:
                raise OSError(errno.EIO, "nothing was written")
            view, offset = view[count:], offset + count

    def size(self) -> int:
        """Bytes from the first to the last."""
        return os.fstat(self.fd).st_size

    def sync(self) -> None:
        """Return once all that was written is durable. Raises OSError."""
        os.fsync(self.fd)

    def is_hole(self, offset: int, length: int) -> bool:
        """Whether the file certainly holds nothing there."""
        try:
            return os.lseek(self.fd, offset, os.SEEK_DATA) >= offset + length
        except OSError as error:
            return error.errno == errno.ENXIO  # past the last data


class OwnLayer:
    """A layer that can be written, of blocks in ``NAME.data`` and their bitmap in ``NAME.map``."""

    def __init__(self, folder: Path, name: str, flags: int = os.O_RDWR) -> None:
        self.name = name
        self._data = File(folder / f"{name}.data", flags)
        self._map = File(folder / f"{name}.map", flags)
        stored = bytearray(self._map.size())
        self._map.read_into(0, memoryview(stored))
        self.blocks = Bitmap(stored)
        self._unsaved: tuple[int, int] | None = None
        self.is_lost = False

    @staticmethod
    def create(folder: Path, name: str) -> OwnLayer:
        """Make an empty layer. The folder is the caller's to sync. Raises OSError."""
        return OwnLayer(folder, name, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Read blocks that this layer holds. Raises OSError."""
        self._data.read_into(offset, buffer)

    def write(self, offset: int, buffer: memoryview | bytes) -> None:
        """Write whole blocks, or parts of blocks that this layer holds already. Raises OSError."""
        self._require_sound()
        self._data.write(offset, buffer)
        self._mark(offset, len(buffer))

    def write_zeros(self, block: int) -> None:
        """Have a block that holds zeros, without allocating it where possible. Raises OSError."""
        self._require_sound()
        offset = block * BLOCK
        # Data may be there though the bit is not: a crash forgets the bit but not the bytes.
        if not self._data.is_hole(offset, BLOCK):
            self._data.write(offset, ZEROS)
        self._mark(offset, BLOCK)

    def flush(self) -> None:
        """Return once all that was written is durable. Raises OSError."""
        self._require_sound()
        try:
            self._save()
        except OSError:
            # The system may have dropped what it could not write, and would call the next attempt a success.
            self.is_lost = True
            raise

    def _save(self) -> None:
        os.fdatasync(self._data.fd)
        if self._unsaved is None:
            return
        first, end = self._unsaved
        self._map.write(first, bytes(self.blocks.data[first:end]))
        os.fdatasync(self._map.fd)
        self._unsaved = None

    def _require_sound(self) -> None:
        """Refuse to go on after a failed flush, until the layer is opened anew with what is on the disk."""
        if self.is_lost:
            raise OSError(errno.EIO, "what was written before could not be made durable")

    def _mark(self, offset: int, length: int) -> None:
        first, end = offset // BLOCK, -(-(offset + length) // BLOCK)
        if not self.blocks.set(first, end):
            return
        low, high = first >> 3, (end + 7) >> 3
        if self._unsaved is not None:
            low, high = min(low, self._unsaved[0]), max(high, self._unsaved[1])
        self._unsaved = (low, high)


class RawImage:
    """A raw image that somebody else put there."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._file = File(path, os.O_RDONLY)
        self.blocks = _data_blocks(self._file)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Read from the image. Raises OSError."""
        self._file.read_into(offset, buffer)


def _data_blocks(file: File) -> Bitmap:
    """The blocks of a sparse file that are not holes."""
    blocks, size, position = Bitmap(), file.size(), 0
    while position < size:
        try:
            start = os.lseek(file.fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        position = os.lseek(file.fd, start, os.SEEK_HOLE)
        blocks.set(start // BLOCK, -(-position // BLOCK))
    return blocks
