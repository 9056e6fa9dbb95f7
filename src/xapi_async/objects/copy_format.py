"""How a copy of a database lies on a disk: two halves, of which one holds a whole copy while the other is written.

A half begins with a block that says whose database it is; records follow. The first of them make the
objects as they were, the others repeat what was committed since. Each record has a checksum over what
is in it, its number, and a number that only this filling of the half has: what a crash cut off, and
what is left of an older filling, is seen as such. The leading block is written once the first records are
durable, so a half is whole or is none.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, get_type_hints

import orjson

from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.journal import JournalEntry, encoded

FORMAT = 1
LEAD = 4096
"""Bytes that the leading block of a half takes."""

LARGEST_RECORD = 256 << 20
"""Bytes that a record may hold before it is packed."""

HALVES = (0, 1)

_ALIGNED = 64 << 10
_LEVEL = 1
"""Of compression: the fastest, which takes JSON to a tenth already."""

_LEAD = struct.Struct("<8sII")
_LEAD_MARK = b"POOLCOPY"
_RECORD = struct.Struct("<4sIIIQQ")
_RECORD_MARK = b"REC\n"
RECORD_HEAD = _RECORD.size
"""Bytes before what a record holds."""


@dataclass(frozen=True)
class Lead:
    """What the leading block says.

    pool_uuid, pool_ref: whose database it is. api_version, server_version: of what wrote it.
    generation: of the database, as of the first records. sequence: grows with each filling of a half. nonce: what
    the checksums of its records begin with. records: how many of them make the objects as they were.
    """

    pool_uuid: str
    pool_ref: str
    api_version: str
    server_version: str
    generation: int
    sequence: int
    nonce: int
    records: int


_PLAIN = re.compile(r"[ -~]*")

_LEAD_TYPES: Mapping[str, type] = get_type_hints(Lead)


class RecordHead(NamedTuple):
    """What stands before a record. packed, size: bytes, on the disk and unpacked. generation: of its last commit."""

    checksum: int
    packed: int
    size: int
    generation: int
    number: int


def half_size(disk: int) -> int:
    """Bytes of each half of a disk of ``disk`` bytes."""
    return disk // 2 // _ALIGNED * _ALIGNED


def lead_block(lead: Lead) -> bytes:
    """The leading block."""
    text = orjson.dumps({"format": FORMAT, **asdict(lead)})
    return (_LEAD.pack(_LEAD_MARK, len(text), zlib.crc32(text)) + text).ljust(LEAD, b"\0")


def read_lead(block: bytes | bytearray) -> Lead | None:
    """What a leading block says; None where it is none that can be read here."""
    mark, length, checksum = _LEAD.unpack_from(block)
    text = block[_LEAD.size : _LEAD.size + length]
    if mark != _LEAD_MARK or len(text) != length or zlib.crc32(text) != checksum:
        return None
    try:
        values: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        return None
    if {name: type(value) for name, value in values.items()} != _LEAD_TYPES:
        return None
    # Clients are shown these texts, and whoever wrote the disk could have put anything into them.
    is_plain = all(_PLAIN.fullmatch(value) for value in values.values() if isinstance(value, str))
    return Lead(**values) if is_plain else None


def creation_record(entries: Sequence[JournalEntry], generation: int, number: int, nonce: int) -> bytes:
    """A record that makes objects."""
    return commit_record(encoded(entries), generation, number, nonce)


def commit_record(pieces: Sequence[bytes], generation: int, number: int, nonce: int) -> bytes:
    """A record that repeats commits, by the pieces that a journal keeps of them. Raises DatabaseError."""
    row = b"[" + b",".join(pieces) + b"]"
    if len(row) > LARGEST_RECORD:
        raise DatabaseError(f"{len(row)} bytes were changed at once, which is more than a record of a copy holds")
    packed = zlib.compress(row, _LEVEL)
    checksum = _checksum(packed, len(row), generation, number, nonce)
    return _RECORD.pack(_RECORD_MARK, checksum, len(packed), len(row), generation, number) + packed


def read_head(data: bytes | bytearray, offset: int = 0) -> RecordHead | None:
    """The head of a record that may be there; None where none is."""
    if offset + RECORD_HEAD > len(data):
        return None
    mark, checksum, packed, size, generation, number = _RECORD.unpack_from(data, offset)
    if mark != _RECORD_MARK or size > LARGEST_RECORD:
        return None
    return RecordHead(checksum, packed, size, generation, number)


def is_whole(head: RecordHead, packed: bytes | memoryview, number: int, nonce: int) -> bool:
    """Whether a record is the one of that number in a filling of a half, and as it was written."""
    return head.number == number and head.checksum == _checksum(packed, head.size, head.generation, number, nonce)


def unpacked(head: RecordHead, packed: bytes) -> bytes:
    """What a record holds: a row of a journal. Raises DatabaseError."""
    try:
        unpacking = zlib.decompressobj()
        row = unpacking.decompress(packed, head.size + 1)
    except zlib.error as error:
        raise DatabaseError(f"a record of the copy cannot be unpacked: {error}") from error
    if len(row) != head.size or not unpacking.eof:
        raise DatabaseError("a record of the copy holds something else than it says")
    return row


def _checksum(packed: bytes | memoryview, size: int, generation: int, number: int, nonce: int) -> int:
    return zlib.crc32(packed, zlib.crc32(struct.pack("<IQQ", size, generation, number), nonce))
