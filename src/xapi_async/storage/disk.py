"""One disk being written: copying what a block held before when a part of it changes, and leaving out zeros."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from xapi_async.storage.chain import Chain, allocation, read_into
from xapi_async.storage.changed_blocks import ChangeLog
from xapi_async.storage.driver import Data
from xapi_async.storage.layers import BLOCK, ZEROS, OwnLayer, is_zeros

if TYPE_CHECKING:
    from xapi_async.storage.disk_folder import DiskFolder


class Disk:
    """A disk of a folder. There is one such object per disk, whose lock all that changes the disk holds."""

    def __init__(self, folder: DiskFolder, uuid: str) -> None:
        self.lock = threading.RLock()
        self.openers = 0
        self._folder = folder
        self._uuid = uuid
        self._generation = -1
        self._top: OwnLayer | None = None
        self._below: Chain = ()
        self._log: ChangeLog | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self._folder.entry(self._uuid).size

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill a buffer with what the disk holds. Raises OSError."""
        # The chain is held while it is read: layers merged meanwhile stay open until this is done.
        chain = self._folder.open_chain(self._folder.entry(self._uuid).layer)
        read_into(chain, offset, buffer)

    def write(self, offset: int, data: Data) -> None:
        """Write; durable after the next flush. Raises OSError, and ValueError for what lies beyond the end."""
        with self.lock:
            if offset < 0 or offset + len(data) > self.size:
                raise ValueError("the disk ends before the data")
            if not len(data):
                return
            self._refresh()
            if self._log is not None:
                self._log.note(offset, len(data))
            self._write(offset, memoryview(data))

    def write_zeros(self, offset: int, length: int) -> None:
        """Have zeros, at the cost of what the disk holds there and not of its size. Errors as for writing."""
        with self.lock:
            held = allocation(self._folder.open_chain(self._folder.entry(self._uuid).layer), offset + length)
            end = offset + length
            for run in held.runs(offset // BLOCK, -(-end // BLOCK)):
                # In pieces, as a run may be the whole disk.
                for block in range(run.first, run.end if run.is_set else run.first):
                    first, last = max(offset, block * BLOCK), min(end, (block + 1) * BLOCK)
                    self.write(first, ZEROS[: last - first])

    def flush(self) -> None:
        """Return once all that was written is durable. Raises OSError."""
        with self.lock:
            if self._top is None:
                return
            try:
                self._folder.flush(self._top)
            except OSError:
                self._top = None  # told once; what is written next goes to the layer opened anew
                raise

    def _refresh(self) -> None:
        """Take notice of snapshots, views and merges since the last write."""
        # Without the folder's lock: such changes wait for this disk's lock, which is held.
        if self._generation == self._folder.generation:
            return
        with self._folder.lock:
            previous, self._top = self._top, self._folder.writable_layer(self._uuid)
            if previous is not None and previous is not self._top:
                self._folder.flush(previous)
            entry = self._folder.entry(self._uuid)
            self._below = self._folder.open_chain(self._folder.index.layers[entry.layer])
            self._log = self._folder.open_log(entry.log) if entry.log else None
            self._generation = self._folder.generation

    def _write(self, offset: int, data: memoryview) -> None:
        end = offset + len(data)
        head = min(end, (offset // BLOCK + 1) * BLOCK) if offset % BLOCK else offset
        tail = max(head, end // BLOCK * BLOCK)
        if offset < head:
            self._write_part(offset, data[: head - offset])
        if head < tail:
            self._write_blocks(head, data[head - offset : tail - offset])
        if tail < end:
            self._write_part(tail, data[tail - offset :])

    def _write_part(self, offset: int, data: memoryview) -> None:
        """Write a part of one block, together with the rest of it where the layer does not hold it yet."""
        assert self._top is not None  # refreshed before
        block, within = divmod(offset, BLOCK)
        if self._top.blocks[block]:
            self._top.write(offset, data)
            return
        whole = bytearray(BLOCK)
        read_into(self._below, block * BLOCK, memoryview(whole))
        whole[within : within + len(data)] = data
        self._write_blocks(block * BLOCK, memoryview(whole))

    def _write_blocks(self, offset: int, data: memoryview) -> None:
        """Write whole blocks: neighbours at once, and zeros only where something else was."""
        assert self._top is not None  # refreshed before
        start = 0
        for place in range(0, len(data), BLOCK):
            if not is_zeros(data[place : place + BLOCK]):
                continue
            if start < place:
                self._top.write(offset + start, data[start:place])
            start = place + BLOCK
            block = (offset + place) // BLOCK
            if self._top.blocks[block]:
                self._top.write(offset + place, ZEROS)
            elif any(layer.blocks[block] for layer in self._below):
                self._top.write_zeros(block)
        if start < len(data):
            self._top.write(offset + start, data[start:])
