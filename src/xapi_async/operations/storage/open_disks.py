"""Disks that the server itself writes to, and what is written to those that are being moved meanwhile.

A disk is moved by copying it. What somebody uploads into it meanwhile would stay behind, so it is noted, to be copied
too. A disk can only give way to its copy when all that was noted is copied and nobody writes; from then on nobody may.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from xapi_async.datamodel.errors import ApiError
from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.driver import Data, Extent, Image
from xapi_async.storage.images import as_extents
from xapi_async.storage.layers import BLOCK


class OpenDisks:
    """Which disks are open for writing, by reference."""

    def __init__(self) -> None:
        self._writers: Counter[str] = Counter()
        self._fewer = asyncio.Event()
        self._moves: dict[str, _Move] = {}

    @contextmanager
    def writing(self, vdi: str) -> Iterator[None]:
        """Count somebody who opens a disk to write to it, from before that until it is closed.

        Raises OTHER_OPERATION_IN_PROGRESS ["VDI", VDI, "mirror"] for a disk that gives way to its copy.
        """
        if vdi in self._moves and self._moves[vdi].is_over:
            raise ApiError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi, "mirror")
        self._writers[vdi] += 1
        try:
            yield
        finally:
            self._writers[vdi] -= 1
            if not self._writers[vdi]:
                del self._writers[vdi]
            self._fewer.set()

    def noted(self, vdi: str, image: Image) -> Image:
        """A disk that was opened, so that what is written to it is noted where it is being moved."""
        return _NotedImage(self._moves, vdi, image)

    @contextmanager
    def moving(self, vdis: Collection[str]) -> Iterator[None]:
        """Note what is written to disks, from before they are copied until they are gone or stay."""
        self._moves.update((vdi, _Move()) for vdi in vdis)
        try:
            yield
        finally:
            for vdi in vdis:
                del self._moves[vdi]

    async def left_over(self, vdis: Collection[str]) -> Mapping[str, Sequence[Extent]]:
        """Wait until nobody writes to disks being moved; what is to be copied then, by the disk.

        Where that is nothing, nobody may begin to write to them any more.
        """
        while any(vdi in self._writers for vdi in vdis):
            self._fewer.clear()
            await self._fewer.wait()
        found = {vdi: self._moves[vdi].take() for vdi in vdis}
        if not any(found.values()):
            for vdi in vdis:
                self._moves[vdi].is_over = True
        return {vdi: extents for vdi, extents in found.items() if extents}


class _Move:
    """A disk being moved. is_over: it gives way to its copy."""

    def __init__(self) -> None:
        self.is_over = False
        self._blocks = Bitmap()
        self._size = 0

    def note(self, offset: int, length: int, size: int) -> None:
        self._blocks.set(offset // BLOCK, -(-(offset + length) // BLOCK))
        self._size = size

    def take(self) -> Sequence[Extent]:
        """What was noted since this was asked last."""
        blocks, self._blocks = self._blocks, Bitmap()
        return as_extents(blocks, self._size)


class _NotedImage:
    """An open disk. What is written is noted after that: only then may a copy be sure to see it."""

    def __init__(self, moves: Mapping[str, _Move], vdi: str, image: Image) -> None:
        self.size = image.size
        self._moves = moves
        self._vdi = vdi
        self._image = image
        self.read, self.flush, self.extents = image.read, image.flush, image.extents

    async def write(self, offset: int, data: Data) -> None:
        try:
            await self._image.write(offset, data)
        finally:
            self._note(offset, len(data))

    async def write_zeros(self, offset: int, length: int) -> None:
        try:
            await self._image.write_zeros(offset, length)
        finally:
            self._note(offset, length)

    def _note(self, offset: int, length: int) -> None:
        move = self._moves.get(self._vdi)
        if move is not None:
            move.note(offset, length, self.size)
