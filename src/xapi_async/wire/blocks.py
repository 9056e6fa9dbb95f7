"""A long list of encoded records in blocks, compressed once each, and only those again whose records change.

Lists of thousands of records are mostly the same from one time to the next, and ten or more times smaller when
compressed. So records stand in blocks, in the order of the list, and each block is compressed by itself: as a
piece of a DEFLATE stream (RFC 1951) that ends at a byte and refers to nothing before it. Such pieces can be put
together to one stream, and their checksums to that of the whole. A record that changes leaves its block and goes to
the end of the list, so two blocks are to be compressed anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from isal import isal_zlib

BLOCK_BYTES = 1 << 17
"""How large blocks become: larger ones are compressed better, smaller ones sooner when something changes."""

_AT_ONCE = 32
_SHARE = 8
"""How many blocks are compressed in one step: so many, or one in so many of all."""

_FEW = 16
_LEVEL = 1
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST = b"\x03\0"


class Block:
    """Some records. size: bytes of them together, and crc: their checksum, when it was compressed."""

    __slots__ = ("compressed", "crc", "members", "size", "skipped")

    def __init__(self) -> None:
        self.members: dict[str, bytes] = {}
        self.size = 0
        self.compressed: bytes | None = None
        self.crc = 0
        self.skipped = 0

    def compress(self, skip: int) -> None:
        """Compress it, but for so many bytes at its start."""
        text = b"".join(self.members.values())
        if skip:
            text = text[skip:]
        piece = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
        self.compressed = piece.compress(text) + piece.flush(isal_zlib.Z_SYNC_FLUSH)
        self.crc = isal_zlib.crc32(text)
        self.skipped = skip


class Blocks:
    """Encoded records by reference, in order.

    lead: with how many bytes each record begins that the first of a list goes without, such as a comma.
    """

    def __init__(self, lead: int) -> None:
        self._lead = lead
        self._blocks: list[Block] = []
        self._homes: dict[str, Block] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of all records as a list."""
        return self._size - self._lead if self._homes else 0

    def __len__(self) -> int:
        return len(self._homes)

    def put(self, ref: str, record: bytes) -> None:
        """Put a record to the end, wherever it was before."""
        self.take_out(ref)
        block = self._blocks[-1] if self._blocks else None
        if block is None or block.size + len(record) > BLOCK_BYTES:
            if len(self._blocks) > _FEW + 2 * self._size // BLOCK_BYTES:
                self._join_small()  # what changes most often leaves empty blocks behind
            block = Block()
            self._blocks.append(block)
        block.members[ref] = record
        block.size += len(record)
        block.compressed = None
        self._homes[ref] = block
        self._size += len(record)

    def take_out(self, ref: str) -> None:
        """Take a record out, if it is there."""
        block = self._homes.pop(ref, None)
        if block is not None:
            size = len(block.members.pop(ref))
            block.size -= size
            block.compressed = None
            self._size -= size

    def records(self) -> list[bytes]:
        """All records, in order."""
        records = [record for block in self._blocks for record in block.members.values()]
        if records and self._lead:
            records[0] = records[0][self._lead :]
        return records

    def compressed(self, opening: bytes, closing: bytes) -> list[bytes] | None:
        """The list between what opens and closes it, as the parts of a gzip file (RFC 1952).

        None where too much of it is yet to be compressed for one step; then the next time there is less.
        """
        self._join_small()
        is_all = self._compress_some()
        if not is_all:
            return None
        crc, size = isal_zlib.crc32(opening), len(opening)
        parts = [_HEAD, *_stored(opening)]
        for block in self._blocks:
            assert block.compressed is not None  # as all are
            length = block.size - block.skipped
            crc = isal_zlib.crc32_combine(crc, block.crc, length)
            size += length
            parts.append(block.compressed)
        crc = isal_zlib.crc32(closing, crc)
        size += len(closing)
        parts += (*_stored(closing), _LAST, struct.pack("<II", crc, size & 0xFFFFFFFF))
        return parts

    def _join_small(self) -> None:
        """Put together neighbours that have become small."""
        blocks: list[Block] = []
        for block in self._blocks:
            last = blocks[-1] if blocks else None
            if last is not None and last.size + block.size <= BLOCK_BYTES:
                if block.members:
                    self._join(last, block)
            elif block.members:
                blocks.append(block)
        self._blocks = blocks

    def _join(self, block: Block, other: Block) -> None:
        block.members |= other.members
        block.size += other.size
        block.compressed = None
        self._homes |= dict.fromkeys(other.members, block)

    def _compress_some(self) -> bool:
        """Compress what is not, within bounds; gives whether all is compressed then."""
        left = max(_AT_ONCE, len(self._blocks) // _SHARE)
        skip = self._lead
        for block in self._blocks:
            if block.compressed is None or block.skipped != skip:
                if left == 0:
                    return False
                left -= 1
                block.compress(skip)
            skip = 0
        return True


def _stored(data: bytes) -> Iterator[bytes]:
    """Some data as blocks of a DEFLATE stream, as they are."""
    for start in range(0, len(data), _MOST_STORED):
        piece = data[start : start + _MOST_STORED]
        yield struct.pack("<BHH", 0, len(piece), len(piece) ^ 0xFFFF)
        yield piece


_MOST_STORED = 0xFFFF
