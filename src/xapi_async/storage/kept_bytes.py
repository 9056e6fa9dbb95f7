"""The content of a disk in memory, as far as it is not zeros."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK = 64 << 10


class KeptBytes:
    """Bytes of any number, zeros at first; blocks take memory from when they are first written."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def read(self, offset: int, length: int) -> bytes:
        """What is there."""
        parts = ((self._blocks.get(block), first, last) for block, first, last in _parts(offset, length))
        return b"".join(bytes(last - first) if held is None else held[first:last] for held, first, last in parts)

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Have other bytes there."""
        view, place = memoryview(data), 0
        for block, first, last in _parts(offset, len(view)):
            held = self._blocks.get(block)
            if held is None:
                held = self._blocks[block] = bytearray(BLOCK)
            held[first:last] = view[place : place + last - first]
            place += last - first

    def clear(self, offset: int, length: int) -> None:
        """Have zeros there."""
        for block, first, last in _parts(offset, length):
            held = self._blocks.get(block)
            if held is not None and last - first == BLOCK:
                del self._blocks[block]
            elif held is not None:
                held[first:last] = bytes(last - first)


def _parts(offset: int, length: int) -> Iterator[tuple[int, int, int]]:
    """The blocks that a stretch touches: number, and from where to where within it."""
    end = offset + length
    while offset < end:
        block, first = divmod(offset, BLOCK)
        last = min(BLOCK, first + end - offset)
        yield block, first, last
        offset += last - first
