"""A gzip file (RFC 1952) put together from parts that are compressed each by itself.

A part is a piece of a DEFLATE stream (RFC 1951) that ends at a byte and refers to nothing before it. So parts can be
kept, and put together with others to one stream; the checksum of the whole follows from theirs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from isal import isal_zlib

from xapi_async.wire.call_format import Pieces

WITH_SECRETS = frozenset({"PBD", "secret", "session"})
"""Classes that are never compressed: the size would tell whoever listens in something of what is in them."""

_LEVEL = 1
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST = b"\x03\0"
_MOST_STORED = 0xFFFF


class Part(NamedTuple):
    """Some text as a part. crc, size: of the text."""

    data: bytes
    crc: int
    size: int


def compressed(text: bytes) -> Part:
    """Compress some text: a hundred kilobytes or so, as much more is not smaller and much less is not small."""
    stream = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    data = stream.compress(text) + stream.flush(isal_zlib.Z_SYNC_FLUSH)
    return Part(data, isal_zlib.crc32(text), len(text))


def stored(text: bytes) -> Part:
    """Some text as it is."""
    pieces: list[bytes] = []
    for start in range(0, len(text), _MOST_STORED):
        piece = text[start : start + _MOST_STORED]
        pieces += (struct.pack("<BHH", 0, len(piece), len(piece) ^ 0xFFFF), piece)
    return Part(b"".join(pieces), isal_zlib.crc32(text), len(text))


def gzip_file(parts: Iterable[Part]) -> Pieces:
    """The whole file."""
    pieces = [_HEAD]
    crc = size = 0
    for data, part_crc, part_size in parts:
        pieces.append(data)
        crc = isal_zlib.crc32_combine(crc, part_crc, part_size)
        size += part_size
    pieces += (_LAST, struct.pack("<II", crc, size & 0xFFFFFFFF))
    return Pieces(pieces, sum(map(len, pieces)))
