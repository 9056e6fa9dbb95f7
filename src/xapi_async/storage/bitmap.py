"""One bit per block: which blocks a layer holds, which blocks were written.

The most significant bit of byte 0 is block 0, as the API wants its bitmaps of changed blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_STRIDE = 4096
_FILL = {False: b"\x00" * _STRIDE, True: b"\xff" * _STRIDE}


class Run(NamedTuple):
    """Neighbouring blocks with the same bit: from ``first`` up to, not including, ``end``."""

    first: int
    end: int
    is_set: bool


class Bitmap:
    """Bits that grow as they are set; those beyond the end are 0."""

    __slots__ = ("data",)

    def __init__(self, data: bytes | bytearray = b"") -> None:
        self.data = bytearray(data)

    def __getitem__(self, index: int) -> bool:
        byte = index >> 3
        return byte < len(self.data) and bool(self.data[byte] & (0x80 >> (index & 7)))

    def set(self, first: int, end: int) -> bool:
        """Set the bits from ``first`` up to ``end``; whether any of them was 0."""
        if end <= first:
            return False
        self._grow(end)
        low, high = first >> 3, (end - 1) >> 3
        length = high - low + 1
        before = int.from_bytes(self.data[low : high + 1], "big")
        ones = ((1 << (end - first)) - 1) << (length * 8 - (first & 7) - (end - first))
        after = before | ones
        if after == before:
            return False
        self.data[low : high + 1] = after.to_bytes(length, "big")
        return True

    def add(self, other: Bitmap) -> None:
        """Set every bit that is set in ``other``."""
        size = max(len(self.data), len(other.data))
        # Padded on the right: block 0 is the highest bit of both.
        left = int.from_bytes(self.data.ljust(size, b"\0"), "big")
        right = int.from_bytes(other.data.ljust(size, b"\0"), "big")
        self.data = bytearray((left | right).to_bytes(size, "big"))

    def count(self) -> int:
        """How many bits are set."""
        return int.from_bytes(self.data, "big").bit_count()

    def without(self, other: Bitmap) -> Bitmap:
        """The bits set here that are not set in ``other``."""
        size = len(self.data)
        theirs = int.from_bytes(other.data[:size].ljust(size, b"\0"), "big")
        ours = int.from_bytes(self.data, "big")
        return Bitmap((ours & ~theirs).to_bytes(size, "big"))

    def to_bytes(self, bits: int) -> bytes:
        """The first ``bits`` bits, filled up with zeros to whole bytes."""
        size = (bits + 7) // 8
        data = bytearray(self.data[:size].ljust(size, b"\0"))
        if bits & 7:
            data[-1] &= 0xFF00 >> (bits & 7) & 0xFF
        return bytes(data)

    def runs(self, first: int, end: int) -> Iterator[Run]:
        """The blocks from ``first`` up to ``end``, as runs of equal bits."""
        while first < end:
            is_set = self[first]
            stop = self._run_end(first, end, is_set)
            yield Run(first, stop, is_set)
            first = stop

    def set_runs(self, end: int) -> Iterator[Run]:
        """The runs of set bits before ``end``."""
        return (run for run in self.runs(0, end) if run.is_set)

    def _run_end(self, index: int, end: int, is_set: bool) -> int:
        data, fill = self.data, 0xFF if is_set else 0
        while index < end:
            if index & 7 == 0:
                byte = index >> 3
                if byte >= len(data):
                    return index if is_set else end
                if data[byte] == fill:
                    while data[byte : byte + _STRIDE] == _FILL[is_set]:
                        byte += _STRIDE
                    while byte < len(data) and data[byte] == fill:
                        byte += 1
                    index = byte << 3
                    continue
            if self[index] != is_set:
                return index
            index += 1
        return end

    def _grow(self, bits: int) -> None:
        missing = ((bits + 7) >> 3) - len(self.data)
        if missing > 0:
            self.data.extend(bytes(missing))
