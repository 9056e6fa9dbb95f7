"""Changed block tracking: which blocks of 64 KiB of a disk were written since its last snapshot.

A bit is durable before the block it stands for is written, so a log never claims too little, whatever
crash comes between; it may claim a block whose writing did not come to pass.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.index import sync_folder
from xapi_async.storage.layers import BLOCK, File

SUFFIX = ".log"


class ChangeLog:
    """The log of a disk since its last snapshot, in ``NAME.log``."""

    def __init__(self, folder: Path, name: str, flags: int = os.O_RDWR) -> None:
        self._file = File(folder / f"{name}{SUFFIX}", flags)
        stored = bytearray(self._file.size())
        self._file.read_into(0, memoryview(stored))
        self.changed = Bitmap(stored)
        self._saved = True

    @staticmethod
    def create(folder: Path, name: str) -> ChangeLog:
        """Make an empty log. The folder is the caller's to sync. Raises OSError."""
        return ChangeLog(folder, name, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def note(self, offset: int, length: int) -> None:
        """Note that bytes are about to be written; on return that is durable. Raises OSError."""
        first, end = offset // BLOCK, -(-(offset + length) // BLOCK)
        if self.changed.set(first, end) or not self._saved:
            self._save(first >> 3, (end + 7) >> 3)

    def add(self, other: ChangeLog) -> None:
        """Take over all that another log notes. Raises OSError."""
        self.changed.add(other.changed)
        self._save(0, len(self.changed.data))

    def _save(self, first: int, end: int) -> None:
        if not self._saved:  # an earlier attempt failed: anything may be missing
            first, end = 0, len(self.changed.data)
        self._saved = False
        self._file.write(first, bytes(self.changed.data[first:end]))
        os.fdatasync(self._file.fd)
        self._saved = True


def begin(folder: Path, name: str) -> bool:
    """Make an empty log that lasts; gives whether that could be done. The caller removes what a failure leaves."""
    try:
        ChangeLog.create(folder, name)
        sync_folder(folder)
    except OSError:
        return False
    return True


def is_whole(folder: Path, name: str, size: int) -> bool:
    """Whether the log of a disk of ``size`` bytes is there, can be read, and is none of a larger disk."""
    try:
        changed = ChangeLog(folder, name).changed
    except OSError:
        return False
    return len(changed.data) <= -(-size // (8 * BLOCK))


def union(logs: Iterable[ChangeLog], size: int) -> bytes:
    """The bitmap of what any of the logs notes, for a disk of ``size`` bytes."""
    result = Bitmap()
    for log in logs:
        result.add(log.changed)
    return result.to_bytes(-(-size // BLOCK))
