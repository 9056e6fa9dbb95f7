"""Packages of updates, made as files of an ISO 9660 file system."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from xapi_async.operations.pools.iso9660 import SECTOR

UUID = "5b1f0a2e-7c1d-4f0e-9a55-0d8a0f6d3c11"


def both(value: int) -> bytes:
    return struct.pack("<I", value) + struct.pack(">I", value)


def record(name: bytes, sector: int, length: int, *, is_directory: bool = False, extra: bytes = b"") -> bytes:
    body = (
        both(sector) + both(length) + bytes(7) + bytes([2 if is_directory else 0, 0, 0, 1, 0, 0, 1, len(name)]) + name
    )
    body += b"\0" * (len(name) % 2 == 0) + extra
    return bytes([len(body) + 2, 0]) + body


def descriptor(kind: int, root: bytes = b"") -> bytes:
    block = bytearray(SECTOR)
    block[0:7] = bytes([kind]) + b"CD001" + b"\1"
    block[156 : 156 + len(root)] = root
    return bytes(block)


def iso(files: Mapping[str, bytes], *, rock_ridge: bool = True) -> bytes:
    """An image with these files in its root folder."""
    root_sector, sector, records, contents = 18, 19, b"", b""
    for number, (name, data) in enumerate(files.items()):
        padded = data + bytes(-len(data) % SECTOR)
        long_name = b"NM" + bytes([5 + len(name), 1, 0]) + name.encode() if rock_ridge else b""
        short = f"FILE{number}.;1" if rock_ridge else f"{name.upper()};1"
        records += record(short.encode(), sector, len(data), extra=long_name)
        contents += padded
        sector += len(padded) // SECTOR
    root = record(b"\0", root_sector, SECTOR, is_directory=True)
    folder = (root + record(b"\1", root_sector, SECTOR, is_directory=True) + records).ljust(SECTOR, b"\0")
    return bytes(16 * SECTOR) + descriptor(1, root) + descriptor(255) + folder + contents


def update_xml(inner: str = "", uuid: str = UUID, **attributes: str) -> bytes:
    given = {"uuid": uuid, "name-label": "XS74E001", "version": "1.0", **attributes}
    written = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in given.items() if value)
    return f"<update {written}><name-description>Fixes</name-description>{inner}</update>".encode()


def package(inner: str = "", uuid: str = UUID, **attributes: str) -> bytes:
    return iso({"update.xml": update_xml(inner, uuid, **attributes), "repodata.txt": b"packages"})
