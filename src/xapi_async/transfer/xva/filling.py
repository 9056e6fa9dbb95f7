"""The content of a disk out of an archive: chunks in order, those of zeros left out, each with its checksum."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from xapi_async.datamodel.errors import ApiError
from xapi_async.storage.driver import PIECE, Image
from xapi_async.transfer.xva.tar import Header, Stream, next_header, skip_padding, whole

CHECKSUM = ".checksum"
_DIGEST_BYTES = 40


@dataclass(frozen=True)
class Expected:
    """What an archive holds of a disk. name: its id. size: bytes. must_match: whether a wrong checksum is an error."""

    name: str
    size: int
    has_checksums: bool = True
    must_match: bool = True


async def fill(stream: Stream, image: Image, expected: Expected, watch: Callable[[int], Awaitable[None]]) -> None:
    """Read a disk that is full of zeros until now. watch: told how many bytes are done.

    Raises IMPORT_ERROR_UNEXPECTED_FILE [wanted, found], IMPORT_ERROR_PREMATURE_EOF [], IMPORT_ERROR [text] or
    VDI_IO_ERROR ["Device I/O error"].
    """
    offset, last, length = 0, -1, 0
    while offset < expected.size:
        header = await next_header(stream)
        if header is None:
            raise ApiError("IMPORT_ERROR_PREMATURE_EOF")
        number = _number(header, expected.name)
        if number <= last:
            raise ApiError("IMPORT_ERROR", f"{header.name} comes after number {last}")
        offset += (number - last - 1) * length
        if offset + header.size > expected.size:
            raise ApiError("IMPORT_ERROR", f"{header.name} goes beyond the end of its disk")
        digest = await _copy(stream, header, image, offset)
        if expected.has_checksums:
            await _check(stream, header, digest, must_match=expected.must_match)
        offset += header.size
        length = length or header.size
        last = number
        await watch(offset)


def _number(header: Header, name: str) -> int:
    found, _, number = header.name.rpartition("/")
    if found != name or not number.isdecimal():
        raise ApiError("IMPORT_ERROR_UNEXPECTED_FILE", name, header.name)
    return int(number)


async def _copy(stream: Stream, header: Header, image: Image, offset: int) -> str:
    """Write a chunk to the disk; gives its checksum."""
    digest, left = hashlib.sha1(usedforsecurity=False), header.size
    while left:
        data = await stream.exactly(min(left, PIECE))
        await asyncio.to_thread(digest.update, data)
        try:
            await image.write(offset, data)
        except (OSError, ValueError) as error:
            raise ApiError("VDI_IO_ERROR", "Device I/O error") from error
        offset += len(data)
        left -= len(data)
    await skip_padding(stream, header)
    return digest.hexdigest()


async def _check(stream: Stream, chunk: Header, digest: str, *, must_match: bool) -> None:
    header = await next_header(stream)
    wanted = chunk.name + CHECKSUM
    if header is None or header.name != wanted:
        raise ApiError("IMPORT_ERROR_UNEXPECTED_FILE", wanted, "" if header is None else header.name)
    said = await whole(stream, header, 4 * _DIGEST_BYTES)
    if must_match and said.decode("ascii", "replace").strip() != digest:
        raise ApiError("IMPORT_ERROR", f"the checksum of {chunk.name} is wrong")
