"""A folder of disks: making, snapshotting, growing and removing them, and keeping their layers in order.

Snapshots and clones cost one entry in the index: both disks then have the same topmost layer, and
whichever is written first gets a new layer upon it. So a layer is written only while exactly one disk,
and nothing else, stands on it; this module counts what does.

Everything here blocks on the disk and is called from worker threads. Locks are taken in one order:
first a disk's, then the folder's.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from xapi_async.storage import index as indices
from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.chain import allocation, difference, read_into
from xapi_async.storage.changed_blocks import SUFFIX, ChangeLog, begin, is_whole, union
from xapi_async.storage.disk import Disk
from xapi_async.storage.foreign import is_parent, open_foreign
from xapi_async.storage.index import FOREIGN, DiskEntry, Index
from xapi_async.storage.layers import Layer, OwnLayer

INDEX = "disks.json"
LAYERS = "layers"
LONGEST_CHAIN = 30
_OUR_SUFFIXES = (".data", ".map", SUFFIX)


class NoSuchDiskError(Exception):
    """There is no such disk in the folder, or its data was destroyed."""


class ChainTooLongError(Exception):
    """The disk has too many layers to be snapshotted until some were merged."""


class NotTrackedError(Exception):
    """The changes asked for were not tracked, or do not lie between the two disks."""


class InUseError(Exception):
    """Another image in the folder is read through the one that was to go."""


class View:
    """A disk as it was when the view was taken, however it changes while the view is in use. size: bytes."""

    def __init__(self, folder: DiskFolder, layer: str, size: int) -> None:
        self.size = size
        self.layer = layer
        self.chain = folder.open_chain(layer)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill a buffer with what the disk held. Raises OSError."""
        read_into(self.chain, offset, buffer)

    def allocation(self) -> Bitmap:
        """The blocks of 64 KiB that may hold something other than zeros."""
        return allocation(self.chain, self.size)

    def difference(self, base: View) -> Bitmap:
        """The blocks of 64 KiB that may differ from those of another view."""
        return difference(self.chain, base.chain, self.size)


class DiskFolder:
    """The disks in a folder. path: the folder. new_name: gives names for layers, never the same twice.

    Raises OSError where the folder cannot be used, ValueError where its index is damaged. Disks that were
    not finished, and files of operations that were interrupted, are removed here.
    """

    def __init__(self, path: Path, new_name: Callable[[], str]) -> None:
        self.path = path
        self._files = path / LAYERS
        self._new_name = new_name
        self.lock = threading.RLock()
        self._layers: weakref.WeakValueDictionary[str, Layer] = weakref.WeakValueDictionary()
        self._logs: weakref.WeakValueDictionary[str, ChangeLog] = weakref.WeakValueDictionary()
        self._disks: weakref.WeakValueDictionary[str, Disk] = weakref.WeakValueDictionary()
        self._views: set[View] = set()
        self._uses: Counter[str] | None = None
        self.generation = 0
        self._is_closed = False
        self._files.mkdir(exist_ok=True)
        self.index = indices.load(path / INDEX)
        self._tidy()

    def close(self) -> None:
        """Change nothing in the folder any more, as somebody else may from now on."""
        with self.lock:
            self._is_closed = True

    # Disks

    def entry(self, uuid: str) -> DiskEntry:
        """What is known of a disk. Raises NoSuchDiskError."""
        entry = self.index.disks.get(uuid)
        if entry is None:
            raise NoSuchDiskError(uuid)
        return entry

    def create(self, uuid: str, entry: DiskEntry) -> None:
        """Add a disk, which needs no space until it is written. Raises OSError, FileExistsError for a known uuid."""
        with self.lock:
            if uuid in self.index.disks:
                raise FileExistsError(uuid)
            self.commit(self.index.with_disk(uuid, entry))

    def change(self, uuid: str, **fields: Any) -> None:
        """Change fields of a disk's entry. Raises NoSuchDiskError and OSError."""
        with self.lock:
            self.commit(self.index.with_disk(uuid, dataclasses.replace(self.entry(uuid), **fields)))

    def snapshot(self, uuid: str, new: str, details: Mapping[str, Any]) -> None:
        """Make a disk that is what another one is now, and follows its log of changes.

        Where no further log can be made the other one is logged no more. Raises NoSuchDiskError, ChainTooLongError
        and OSError.
        """
        with self._settled(uuid) as entry:
            index = self.index.with_disk(new, dataclasses.replace(entry, details=details, foreign=""))
            if not entry.log:
                self.commit(index)
                return
            with self._new_file() as log:
                if begin(self._files, log):
                    index = index.with_log(log, entry.log)
                    index = index.with_disk(uuid, dataclasses.replace(entry, log=log))
                else:
                    self._remove(log)
                    index = index.with_disk(uuid, dataclasses.replace(entry, log=""))
                self.commit(index)

    def clone(self, uuid: str, new: str, details: Mapping[str, Any]) -> None:
        """Make a disk that is what another one is now, without any log. Errors as for snapshots."""
        with self._settled(uuid) as entry:
            self.commit(self.index.with_disk(new, dataclasses.replace(entry, log="", details=details, foreign="")))

    def destroy(self, uuid: str) -> None:
        """Remove a disk; what only it stood on goes too. Raises NoSuchDiskError, InUseError and OSError."""
        with self._disk(uuid).lock, self.lock:
            entry = self.entry(uuid)
            index = self._without_file(entry, self._without_log(entry))
            disks = {key: value for key, value in index.disks.items() if key != uuid}
            self.commit(dataclasses.replace(index, disks=disks))

    def destroy_data(self, uuid: str) -> None:
        """Remove what a disk holds, but not its log. Raises NoSuchDiskError, InUseError and OSError."""
        with self._disk(uuid).lock, self.lock:
            entry = self.entry(uuid)
            index = self._without_file(entry, self.index)
            self.commit(index.with_disk(uuid, dataclasses.replace(entry, layer="", foreign="")))

    def replace_content(self, uuid: str, layer: str) -> None:
        """Make a disk hold what a layer holds. Raises NoSuchDiskError and OSError."""
        with self._disk(uuid).lock, self.lock:
            self.commit(self.index.with_disk(uuid, dataclasses.replace(self.entry(uuid), layer=layer)))

    # What they hold

    @contextmanager
    def opened(self, uuid: str) -> Iterator[Disk]:
        """A disk to be read and written; what was written is durable after it. Raises NoSuchDiskError and OSError."""
        self.entry(uuid)
        disk = self._disk(uuid)
        with self.lock:
            disk.openers += 1
        try:
            yield disk
        finally:
            with self.lock:
                disk.openers -= 1
            disk.flush()

    @contextmanager
    def viewed(self, uuid: str) -> Iterator[View]:
        """A disk as it is now, to be read while it may change. Raises NoSuchDiskError, OSError, VhdError."""
        with self._disk(uuid).lock, self.lock:
            entry = self.entry(uuid)
            view = self._add_view(entry.layer, entry.size)
        try:
            yield view
        finally:
            self._remove_view(view)

    @contextmanager
    def held(self, layer: str) -> Iterator[None]:
        """Have a layer neither written nor removed meanwhile. Raises OSError and VhdError."""
        disk = self._disk_on(layer)
        with disk.lock if disk is not None else nullcontext(), self.lock:
            view = self._add_view(layer, 0)
        try:
            yield
        finally:
            self._remove_view(view)

    def utilisation(self, uuid: str) -> int:
        """Bytes that the layers take which only this disk stands on. Raises NoSuchDiskError."""
        with self.lock:
            names, name = [], self.entry(uuid).layer
            while name and self.uses()[name] == 1:
                names.append(name)
                name = self.index.layers.get(name, "")
        return sum(_allocated(path) for name in names for path in self._paths(name))

    # Changed blocks

    def track(self, uuid: str) -> None:
        """Begin to log what is written to a disk. Raises NoSuchDiskError and OSError."""
        with self._disk(uuid).lock, self.lock, self._new_file() as log:
            ChangeLog.create(self._files, log)
            indices.sync_folder(self._files)
            entry = dataclasses.replace(self.entry(uuid), log=log)
            self.commit(self.index.with_log(log, "").with_disk(uuid, entry))

    def stop_tracking(self, uuid: str) -> None:
        """Log no more. Raises NoSuchDiskError and OSError."""
        with self._disk(uuid).lock, self.lock:
            index = self._without_log(self.entry(uuid))
            self.commit(index.with_disk(uuid, dataclasses.replace(self.entry(uuid), log="")))

    def check_log(self, uuid: str) -> bool:
        """Whether what a disk's log says can be relied on; otherwise the disk is logged no more.

        Logs of its snapshots stay. Raises NoSuchDiskError and OSError.
        """
        with self._disk(uuid).lock, self.lock:
            entry = self.entry(uuid)
            if not entry.log or is_whole(self._files, entry.log, entry.size):
                return True
            logs = {
                name: "" if parent == entry.log else parent
                for name, parent in self.index.logs.items()
                if name != entry.log
            }
            index = dataclasses.replace(self.index, logs=logs)
            self.commit(index.with_disk(uuid, dataclasses.replace(entry, log="")))
            return False

    def changed(self, older: str, newer: str) -> bytes:
        """The bitmap of blocks written after one snapshot up to another disk. Raises NotTrackedError and OSError."""
        with self.lock:
            start, entry = self.entry(older), self.entry(newer)
            logs = self.index.log_chain(entry.log)
            if not start.log or start.log == entry.log or start.log not in logs:
                raise NotTrackedError(older, newer)
            return union(map(self.open_log, logs[: logs.index(start.log)]), entry.size)

    # For the disks and for merging

    def open_chain(self, layer: str) -> tuple[Layer, ...]:
        """A layer and those under it, the topmost first. Raises OSError and VhdError."""
        with self.lock:
            return tuple(self.open_layer(name) for name in self.index.chain(layer))

    def open_layer(self, name: str) -> Layer:
        """One layer. Raises OSError and VhdError."""
        with self.lock:
            found = self._layers.get(name)
            if found is None:
                found = open_foreign(self.path, name) if name.startswith(FOREIGN) else OwnLayer(self._files, name)
                self._layers[name] = found
            return found

    def open_log(self, name: str) -> ChangeLog:
        """One log of changes. Raises OSError."""
        with self.lock:
            found = self._logs.get(name)
            if found is None:
                found = self._logs[name] = ChangeLog(self._files, name)
            return found

    def flush(self, layer: OwnLayer) -> None:
        """Make durable what was written to a layer; where that fails it is opened anew. Raises OSError."""
        try:
            layer.flush()
        except OSError:
            with self.lock:
                if self._layers.get(layer.name) is layer:
                    del self._layers[layer.name]
                self._count_anew()
            raise

    def writable_layer(self, uuid: str) -> OwnLayer:
        """The topmost layer of a disk, a new one where others stand on the present one. Raises OSError."""
        with self.lock:
            entry = self.entry(uuid)
            if entry.layer and not entry.layer.startswith(FOREIGN) and self.uses()[entry.layer] == 1:
                layer = self.open_layer(entry.layer)
            else:
                self._flush_layer(entry.layer)
                with self._new_file() as name:
                    layer = self._layers[name] = OwnLayer.create(self._files, name)
                    indices.sync_folder(self._files)
                    index = self.index.with_layer(name, entry.layer)
                    self.commit(index.with_disk(uuid, dataclasses.replace(entry, layer=name)))
            assert isinstance(layer, OwnLayer)  # the others were told apart by their names
            return layer

    def uses(self) -> Counter[str]:
        """How many disks, layers and views stand on each layer."""
        if self._uses is None:
            self._uses = self.index.uses()
            self._uses.update(view.layer for view in self._views)
        return self._uses

    def commit(self, index: Index) -> None:
        """Make an index the present one, durably, and remove the files it no longer needs. Raises OSError."""
        if self._is_closed:
            raise OSError(errno.ESTALE, "the folder was closed")
        before, doomed = self.index, index.doomed
        index = index.without_unused(view.layer for view in self._views)
        going = [name for name in doomed if name not in index.doomed]
        frees = len(index.disks) < len(before.disks) or len(index.layers) < len(before.layers)
        # Files of others are named until they are gone: one that a crash leaves must not be taken for a new image.
        indices.save(self.path / INDEX, dataclasses.replace(index, doomed=doomed), frees=frees)
        self.index = index
        self._count_anew()
        for name in (*(before.layers.keys() - index.layers.keys()), *(before.logs.keys() - index.logs.keys())):
            self._remove(name)
        for name in going:
            (self.path / name).unlink(missing_ok=True)
        if going:
            with suppress(OSError):  # the next commit leaves out their names too
                indices.sync_folder(self.path)
                indices.save(self.path / INDEX, index, frees=True)

    def move_views(self, old: str, new: str) -> None:
        """Have views stand on another layer, after their own was merged into it."""
        for view in self._views:
            if view.layer == old:
                view.layer = new
        self._count_anew()

    def is_open(self, layer: str) -> bool:
        """Whether a disk with that topmost layer is open for writing."""
        disk = self._disk_on(layer)
        return disk is not None and disk.openers > 0

    def _disk_on(self, layer: str) -> Disk | None:
        """The disk that has a layer as its topmost, if exactly one has."""
        with self.lock:
            found = [uuid for uuid, entry in self.index.disks.items() if entry.layer == layer]
            return self._disk(found[0]) if len(found) == 1 else None

    def _add_view(self, layer: str, size: int) -> View:
        view = View(self, layer, size)
        self._views.add(view)
        self._count_anew()
        return view

    def _remove_view(self, view: View) -> None:
        with self.lock:
            self._views.discard(view)
            self._count_anew()
            if self.index.without_unused(view.layer for view in self._views) is not self.index:
                self.commit(self.index)

    def _disk(self, uuid: str) -> Disk:
        with self.lock:
            found = self._disks.get(uuid)
            if found is None:
                found = self._disks[uuid] = Disk(self, uuid)
            return found

    @contextmanager
    def _settled(self, uuid: str) -> Iterator[DiskEntry]:
        """A disk that nobody writes, all that was written before being durable."""
        with self._disk(uuid).lock, self.lock:
            entry = self.entry(uuid)
            if len(self.index.chain(entry.layer)) >= LONGEST_CHAIN:
                raise ChainTooLongError(uuid)
            self._flush_layer(entry.layer)
            yield entry

    def _flush_layer(self, name: str) -> None:
        layer = self._layers.get(name)
        if isinstance(layer, OwnLayer):
            self.flush(layer)

    @contextmanager
    def _new_file(self) -> Iterator[str]:
        """A name for files that are made inside; they go again where that fails."""
        name = self._new_name()
        try:
            yield name
        except BaseException:
            self._remove(name)
            raise

    def _without_log(self, entry: DiskEntry) -> Index:
        """The index without a disk's log; what it notes goes to those that follow it."""
        shared = sum(other.log == entry.log for other in self.index.disks.values()) > 1
        if not entry.log or shared:
            return self.index
        parent, logs = self.index.logs[entry.log], dict(self.index.logs)
        del logs[entry.log]
        for name, follows in self.index.logs.items():
            if follows == entry.log:
                if parent:
                    self.open_log(name).add(self.open_log(entry.log))
                logs[name] = parent
        return dataclasses.replace(self.index, logs=logs)

    def _without_file(self, entry: DiskEntry, index: Index) -> Index:
        """The index after which the file that a disk was made from goes, once nothing reads it any more."""
        if not entry.foreign:
            return index
        if is_parent(self.path, entry.foreign):
            raise InUseError(entry.foreign)
        return dataclasses.replace(index, doomed=[*index.doomed, entry.foreign])

    def _count_anew(self) -> None:
        self._uses = None
        self.generation += 1

    def _paths(self, name: str) -> list[Path]:
        """The files that a layer or log may have."""
        if name.startswith(FOREIGN):
            return [self.path / name.removeprefix(FOREIGN)]
        return [self._files / f"{name}{suffix}" for suffix in _OUR_SUFFIXES]

    def _remove(self, name: str) -> None:
        for path in self._paths(name):
            path.unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Remove what interrupted operations left."""
        finished = {uuid: entry for uuid, entry in self.index.disks.items() if not entry.unfinished}
        if len(finished) < len(self.index.disks):
            self.commit(dataclasses.replace(self.index, disks=finished))
        if self.index.without_unused(()) is not self.index:
            self.commit(self.index)
        known = {*self.index.layers, *self.index.logs}
        for name in os.listdir(self._files):
            stem, suffix = os.path.splitext(name)
            if suffix in _OUR_SUFFIXES and stem not in known:
                (self._files / name).unlink(missing_ok=True)


def _allocated(path: Path) -> int:
    """Bytes that a file takes in its file system; none where it is gone, which reading it will tell."""
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0
