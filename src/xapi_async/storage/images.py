"""Disks in files, open, as the driver interface wants them."""

from __future__ import annotations

from collections.abc import Sequence

from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.disk import Disk
from xapi_async.storage.disk_folder import DiskFolder, View
from xapi_async.storage.driver import PIECE, Data, Extent
from xapi_async.storage.layers import BLOCK, File
from xapi_async.storage.threads import Threads


class ReadImage:
    """A disk as it was when it was opened."""

    def __init__(self, threads: Threads, folder: DiskFolder, view: View) -> None:
        self.size = view.size
        self._threads = threads
        self._folder = folder
        self._view = view

    async def read(self, offset: int, length: int) -> bytearray:
        """What the disk holds there. Raises ValueError and OSError."""
        check(self.size, offset, length)
        return await self._threads.run(_read, self._view, offset, length)

    async def write(self, offset: int, data: Data) -> None:
        """Refused: it was opened for reading."""
        raise OSError("the disk is open for reading only")

    async def write_zeros(self, offset: int, length: int) -> None:
        """Refused: it was opened for reading."""
        raise OSError("the disk is open for reading only")

    async def flush(self) -> None:
        """Nothing: nothing is written."""

    async def extents(self, base: str | None = None) -> Sequence[Extent]:
        """Where the disk may hold something other than zeros, or may differ from another one."""
        return await self._threads.run(self._extents, base)

    def _extents(self, base: str | None) -> Sequence[Extent]:
        if base is None:
            return as_extents(self._view.allocation(), self.size)
        with self._folder.viewed(base) as other:
            return as_extents(self._view.difference(other), self.size)


class WriteImage:
    """A disk being written."""

    def __init__(self, threads: Threads, folder: DiskFolder, location: str, disk: Disk) -> None:
        self.size = disk.size
        self._threads = threads
        self._folder = folder
        self._location = location
        self._disk = disk

    async def read(self, offset: int, length: int) -> bytearray:
        """What the disk holds there. Raises ValueError and OSError."""
        check(self.size, offset, length)
        return await self._threads.run(_read, self._disk, offset, length)

    async def write(self, offset: int, data: Data) -> None:
        """Write. Raises ValueError and OSError."""
        await self._threads.run(self._disk.write, offset, data)

    async def write_zeros(self, offset: int, length: int) -> None:
        """Have zeros there. Raises ValueError and OSError."""
        check(self.size, offset, length)
        await self._threads.run(self._disk.write_zeros, offset, length)

    async def flush(self) -> None:
        """Return when all that was written is durable. Raises OSError."""
        await self._threads.run(self._disk.flush)

    async def extents(self, base: str | None = None) -> Sequence[Extent]:
        """Where the disk may hold something other than zeros, or may differ from another one."""
        return await self._threads.run(self._extents, base)

    def _extents(self, base: str | None) -> Sequence[Extent]:
        with self._folder.viewed(self._location) as view:
            return ReadImage(self._threads, self._folder, view)._extents(base)


class FileImage:
    """A file that is the disk, byte for byte, such as an ISO image."""

    def __init__(self, threads: Threads, file: File) -> None:
        self.size = file.size()
        self._threads = threads
        self._file = file

    async def read(self, offset: int, length: int) -> bytearray:
        """What the file holds there. Raises ValueError and OSError."""
        check(self.size, offset, length)
        return await self._threads.run(_read, self._file, offset, length)

    async def write(self, offset: int, data: Data) -> None:
        """Write. Raises ValueError, and OSError where the file may only be read."""
        check(self.size, offset, len(data))
        await self._threads.run(self._file.write, offset, data)

    async def write_zeros(self, offset: int, length: int) -> None:
        """Have zeros there. Raises ValueError and OSError."""
        end = offset + length
        for start in range(offset, end, PIECE):
            await self.write(start, bytes(min(PIECE, end - start)))

    async def flush(self) -> None:
        """Return when all that was written is durable. Raises OSError."""
        await self._threads.run(self._file.sync)

    async def extents(self, base: str | None = None) -> Sequence[Extent]:
        """The whole file, as such files are never sparse by intention."""
        return (Extent(0, self.size),)


def check(size: int, offset: int, length: int) -> None:
    """Raise ValueError for what lies beyond the end of a disk."""
    if offset < 0 or length < 0 or offset + length > size:
        raise ValueError(f"a disk of {size} bytes has no {length} bytes at {offset}")


def as_extents(blocks: Bitmap, size: int) -> Sequence[Extent]:
    """The stretches of a disk of ``size`` bytes that a bitmap names."""
    return tuple(
        Extent(run.first * BLOCK, min(size, run.end * BLOCK) - run.first * BLOCK)
        for run in blocks.set_runs(-(-size // BLOCK))
    )


def _read(source: Disk | View | File, offset: int, length: int) -> bytearray:
    buffer = bytearray(length)
    source.read_into(offset, memoryview(buffer))
    return buffer  # as bytes it would be copied once more
