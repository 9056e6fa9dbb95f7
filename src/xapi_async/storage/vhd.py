"""The VHD format: its footer, its header and its block table, to and from bytes.

A fixed VHD is the disk followed by a footer. A dynamic one begins with a copy of the footer, then has
a header, a table that says where in the file each block of 2 MiB is, and the blocks: each preceded by
a bitmap of the sectors it holds. A differencing VHD is a dynamic one whose missing sectors are to be
read from a parent.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

SECTOR = 512
BLOCK = 2 << 20
"""Bytes of disk that one entry of the block table stands for, in the VHDs written here."""

BITMAP_SIZE = 512
"""Bytes of the sector bitmap before a block of 2 MiB."""

FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
NO_UUID = UUID(int=0)
UNUSED = 0xFFFFFFFF
"""Entry of the block table of a block that the file does not hold."""

MAX_SIZE = 2040 << 30
"""The largest disk the format can hold, in bytes."""

_EPOCH = 946_684_800  # 2000-01-01: what the format counts its seconds from
_FOOTER_COOKIE = b"conectix"
_HEADER_COOKIE = b"cxsparse"
_VERSION = 0x00010000
_FOOTER = struct.Struct(">8sIIQI4sIIQQHBBII16sB427x")
_HEADER = struct.Struct(">8sQQIIII16sII512s")
HEADER_SIZE = 1024

# Readers take the size from the footer only where they know the writer; for others they compute it
# from cylinders, heads and sectors, which cannot express every size. This mark is widely known.
_CREATOR = b"tap\0"


class VhdError(ValueError):
    """The data is not a VHD, or one that is damaged or of a kind that cannot be read."""


@dataclass(frozen=True)
class Footer:
    """What a footer says. size: of the disk, bytes. data_offset: of the header; kind: FIXED, DYNAMIC, DIFFERENCING."""

    size: int
    kind: int
    uuid: UUID
    timestamp: float = _EPOCH
    data_offset: int = SECTOR

    def pack(self) -> bytes:
        """The footer's 512 bytes."""
        cylinders, heads, sectors = geometry(self.size // SECTOR)
        offset = 0xFFFFFFFFFFFFFFFF if self.kind == FIXED else self.data_offset
        before = (_FOOTER_COOKIE, 2, _VERSION, offset, max(0, int(self.timestamp) - _EPOCH), _CREATOR, _VERSION, 0)
        fields = (*before, self.size, self.size, cylinders, heads, sectors, self.kind)
        plain = _FOOTER.pack(*fields, 0, self.uuid.bytes, 0)
        return _FOOTER.pack(*fields, _checksum(plain), self.uuid.bytes, 0)

    @staticmethod
    def unpack(data: bytes) -> Footer:
        """Read a footer of 512 bytes. Raises VhdError."""
        if not is_footer(data):
            raise VhdError("there is no VHD footer where one should be")
        _, _, _, offset, seconds, _, _, _, _, size, _, _, _, kind, checksum, uuid, _ = _FOOTER.unpack(data)
        if checksum != _checksum(data[:64] + bytes(4) + data[68:]):
            raise VhdError("the checksum of the VHD footer is wrong")
        if kind not in (FIXED, DYNAMIC, DIFFERENCING):
            raise VhdError(f"VHD of unknown kind {kind}")
        return Footer(size, kind, UUID(bytes=uuid), seconds + _EPOCH, offset)


@dataclass(frozen=True)
class Header:
    """What the header of a dynamic VHD says. entries: of the table. block: bytes that each stands for."""

    table_offset: int
    entries: int
    block: int = BLOCK
    parent: UUID = NO_UUID
    parent_name: str = ""
    parent_timestamp: float = _EPOCH

    def pack(self) -> bytes:
        """The header's 1024 bytes."""
        name = self.parent_name.encode("utf-16-be")[:512].ljust(512, b"\0")
        parent_time = max(0, int(self.parent_timestamp) - _EPOCH)
        before = (_HEADER_COOKIE, 0xFFFFFFFFFFFFFFFF, self.table_offset, _VERSION, self.entries, self.block)
        after = (self.parent.bytes, parent_time, 0, name)
        checksum = _checksum(_HEADER.pack(*before, 0, *after))
        return _HEADER.pack(*before, checksum, *after).ljust(HEADER_SIZE, b"\0")

    @staticmethod
    def unpack(data: bytes) -> Header:
        """Read a header of 1024 bytes. Raises VhdError."""
        if len(data) != HEADER_SIZE or not data.startswith(_HEADER_COOKIE):
            raise VhdError("there is no VHD header where one should be")
        if struct.unpack_from(">I", data, 36)[0] != _checksum(data[:36] + bytes(4) + data[40:]):
            raise VhdError("the checksum of the VHD header is wrong")
        _, _, table, _, entries, block, _, parent, seconds, _, name = _HEADER.unpack_from(data)
        if block < SECTOR * 8 or block & (block - 1):
            raise VhdError(f"VHD with blocks of {block} bytes")
        text = name.decode("utf-16-be", "replace").split("\0", 1)[0]
        return Header(table, entries, block, UUID(bytes=parent), text, seconds + _EPOCH)

    @property
    def bitmap_size(self) -> int:
        """Bytes of the sector bitmap before each block."""
        return align(self.block // SECTOR // 8, SECTOR)


def is_footer(data: bytes) -> bool:
    """Whether 512 bytes begin as a footer does."""
    return len(data) == SECTOR and data.startswith(_FOOTER_COOKIE)


def pack_table(entries: Sequence[int]) -> bytes:
    """The bytes of a block table, filled up to whole sectors."""
    plain = struct.pack(f">{len(entries)}I", *entries)
    return plain.ljust(align(len(plain), SECTOR), b"\xff")


def unpack_table(data: bytes, entries: int) -> tuple[int, ...]:
    """The entries of a block table: the sector at which each block's bitmap stands, or UNUSED."""
    return struct.unpack_from(f">{entries}I", data)


def align(value: int, unit: int) -> int:
    """``value`` rounded up to a multiple of ``unit``."""
    return -(-value // unit) * unit


def geometry(sectors: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors per track of a disk, by the format's own rule."""
    sectors = min(sectors, 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        return sectors // 255 // 16, 16, 255
    per_track = 17
    cylinder_heads = sectors // per_track
    heads = max(4, -(-cylinder_heads // 1024))
    if cylinder_heads >= heads * 1024 or heads > 16:
        per_track, heads = 31, 16
        cylinder_heads = sectors // per_track
    if cylinder_heads >= heads * 1024:
        per_track, heads = 63, 16
        cylinder_heads = sectors // per_track
    return cylinder_heads // heads, heads, per_track


def _checksum(data: bytes) -> int:
    """The one's complement of the sum of all bytes, the checksum's own left out as zeros."""
    return ~sum(data) & 0xFFFFFFFF
