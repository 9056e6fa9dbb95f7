"""A long list of encoded records in blocks, compressed once each, and only those again whose records change.

Lists of thousands of records are mostly the same from one time to the next, and ten or more times smaller when
compressed. So records stand in blocks, in the order of the list, and each block is compressed by itself. A record
that changes leaves its block and goes to the end of the list, so two blocks are to be compressed anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from xapi_async.wire.call_format import Pieces
from xapi_async.wire.gzip_parts import Part, compressed, gzip_file, stored

BLOCK_BYTES = 1 << 17
"""How large blocks become: larger ones are compressed better, smaller ones sooner when something changes."""

_AT_ONCE = 32
_SHARE = 8
"""How many blocks are compressed in one step: so many, or one in so many of all."""

_FEW = 16
"""How many blocks there may be more than twice what the records need, before small ones are put together."""


class Block:
    """Some records. size: bytes of them together. part: they compressed, but for so many bytes at the start."""

    __slots__ = ("_records", "members", "part", "size", "skipped")

    def __init__(self) -> None:
        self.members: dict[str, bytes] = {}
        self.size = 0
        self.part: Part | None = None
        self.skipped = 0
        self._records: tuple[bytes, ...] | None = None

    def has_changed(self, size: int) -> None:
        """Note that its members have changed. size: by how many bytes."""
        self.size += size
        self.part = self._records = None

    def records(self) -> tuple[bytes, ...]:
        """The records, as they are now."""
        if self._records is None:
            self._records = tuple(self.members.values())
        return self._records

    def compressed(self, skip: int) -> Part:
        """They compressed, but for so many bytes at the start."""
        if self.part is None or self.skipped != skip:
            text = b"".join(self.members.values())
            self.part, self.skipped = compressed(text[skip:] if skip else text), skip
        return self.part


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
        block.has_changed(len(record))
        self._homes[ref] = block
        self._size += len(record)

    def take_out(self, ref: str) -> None:
        """Take a record out, if it is there."""
        block = self._homes.pop(ref, None)
        if block is not None:
            size = len(block.members.pop(ref))
            block.has_changed(-size)
            self._size -= size

    def records(self) -> Iterable[bytes]:
        """All records in order, as they are now, whatever becomes of them before they are looked at."""
        return Records([block.records() for block in self._blocks if block.members], self._lead)

    def compressed(self, opening: bytes, closing: bytes) -> Pieces | None:
        """The list between what opens and closes it, as a gzip file.

        None where too much of it is yet to be compressed for one step; then the next time there is less.
        """
        self._join_small()
        left = max(_AT_ONCE, len(self._blocks) // _SHARE)
        parts = [stored(opening)]
        skip = self._lead
        for block in self._blocks:
            if block.part is None or block.skipped != skip:
                if left == 0:
                    return None
                left -= 1
            parts.append(block.compressed(skip))
            skip = 0
        parts.append(stored(closing))
        return gzip_file(parts)

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
        block.has_changed(other.size)
        self._homes |= dict.fromkeys(other.members, block)


class Records:
    """Records of a list as they were at one time, without having gone through them. lead: as of :class:`Blocks`."""

    __slots__ = ("_blocks", "_lead")

    def __init__(self, blocks: list[tuple[bytes, ...]], lead: int) -> None:
        self._blocks = blocks
        self._lead = lead

    def __iter__(self) -> Iterator[bytes]:
        records = chain.from_iterable(self._blocks)
        for first in islice(records, 1):
            yield first[self._lead :]
        yield from records
