"""Reading single files from a disk that holds an ISO 9660 file system, as packages of updates do."""

from __future__ import annotations

import struct
from typing import NamedTuple

from xapi_async.storage.driver import Image

SECTOR = 2048
FIRST_DESCRIPTOR = 16
MOST_DESCRIPTORS = 16
MOST_BYTES = 1 << 20
"""Of a file or directory: what describes an update is small."""

_PRIMARY, _JOLIET, _END = 1, 2, 255
_JOLIET_ESCAPES = (b"%/@", b"%/C", b"%/E")
_DIRECTORY_FLAG = 2
_ROOT = 156


class NotIsoError(Exception):
    """The disk holds no such file system, or it is damaged."""


class _Entry(NamedTuple):
    sector: int
    length: int
    is_directory: bool


async def read_file(image: Image, name: str) -> bytes | None:
    """A file in the root folder; None where there is none of that name. Case does not matter.

    Raises NotIsoError, OSError.
    """
    entry = (await _root(image)).get(name.lower())
    return None if entry is None or entry.is_directory else await _contents(image, entry)


async def file_names(image: Image) -> frozenset[str]:
    """What the root folder holds, in lower case. Raises NotIsoError, OSError."""
    return frozenset(await _root(image))


async def _root(image: Image) -> dict[str, _Entry]:
    """The entries of the root folder, with long names where the file system has them."""
    roots: dict[int, bytes] = {}
    for number in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + MOST_DESCRIPTORS):
        block = await _read(image, number * SECTOR, SECTOR)
        if block[1:6] != b"CD001":
            raise NotIsoError("there is no ISO 9660 file system")
        kind = block[0]
        if kind == _PRIMARY or (kind == _JOLIET and block[88:91] in _JOLIET_ESCAPES):
            roots.setdefault(kind, block[_ROOT : _ROOT + 34])
        if kind == _END:
            break
    if _PRIMARY not in roots:
        raise NotIsoError("there is no primary volume descriptor")
    encoding = "utf-16-be" if _JOLIET in roots else "ascii"
    data = await _contents(image, _entry(roots.get(_JOLIET, roots[_PRIMARY])))
    return _parse(data, encoding)


def _parse(data: bytes, encoding: str) -> dict[str, _Entry]:
    found, position = {}, 0
    while position < len(data):
        length = data[position]
        if length == 0:  # entries do not cross sectors
            position = (position // SECTOR + 1) * SECTOR
            continue
        record = data[position : position + length]
        position += length
        if len(record) < 34:
            raise NotIsoError("a folder is damaged")
        raw = record[33 : 33 + record[32]]
        if raw in (b"\0", b"\1"):  # the folder itself, and the one above it
            continue
        name = _long_name(record, 33 + record[32]) or raw.decode(encoding, "replace")
        found[name.partition(";")[0].rstrip(".").lower()] = _entry(record)
    return found


def _long_name(record: bytes, start: int) -> str:
    """The name that a Rock Ridge entry gives, or an empty text."""
    position, parts = start + start % 2, []
    while position + 4 <= len(record):
        signature, length = record[position : position + 2], record[position + 2]
        if length < 4:
            break
        if signature == b"NM":
            parts.append(record[position + 5 : position + length])
        position += length
    return b"".join(parts).decode("utf-8", "replace")


def _entry(record: bytes) -> _Entry:
    sector, length = struct.unpack_from("<I", record, 2)[0], struct.unpack_from("<I", record, 10)[0]
    return _Entry(sector, length, bool(record[25] & _DIRECTORY_FLAG))


async def _contents(image: Image, entry: _Entry) -> bytes:
    if entry.length > MOST_BYTES:
        raise NotIsoError(f"{entry.length} bytes are more than is read of a file")
    return await _read(image, entry.sector * SECTOR, entry.length)


async def _read(image: Image, offset: int, length: int) -> bytes:
    if offset + length > image.size:
        raise NotIsoError("the disk is shorter than its file system")
    return bytes(await image.read(offset, length))
