"""Logs of changed blocks, kept in memory: who follows whom, and what each notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from xapi_async.storage.driver import CBT_CANNOT_COMPUTE, BackendError

BLOCK = 65_536


@dataclass(slots=True)
class Log:
    """The blocks written between two snapshots. before: the log this one follows."""

    before: Log | None = None
    blocks: set[int] = field(default_factory=set)

    def note(self, offset: int, length: int) -> None:
        """Note that bytes were written."""
        if length > 0:
            self.blocks.update(range(offset // BLOCK, -(-(offset + length) // BLOCK)))


def put_in_order(logs: Iterable[Log | None]) -> None:
    """Have each log follow the one before it."""
    before: Log | None = None
    for log in logs:
        if log is not None:
            log.before, before = before, log


def take_over(gone: Log, log: Log) -> None:
    """Have a log note what the one it followed did, which is no more."""
    if log.before is gone:
        log.blocks |= gone.blocks
        log.before = gone.before


def changed_between(older: Log | None, newer: Log | None, size: int) -> bytes:
    """The bitmap of what was written after ``older`` up to ``newer``, for a disk of ``size`` bytes.

    Raises CBT_CANNOT_COMPUTE where either is missing, or the newer one does not come after the older.
    """
    if older is None or newer is None or older is newer:
        raise BackendError(CBT_CANNOT_COMPUTE)
    blocks: set[int] = set()
    log: Log | None = newer
    while log is not None and log is not older:
        blocks |= log.blocks
        log = log.before
    if log is None:
        raise BackendError(CBT_CANNOT_COMPUTE)
    bitmap = bytearray(-(-size // BLOCK // 8))
    for block in blocks:
        if block // 8 < len(bitmap):
            bitmap[block // 8] |= 0x80 >> block % 8
    return bytes(bitmap)
