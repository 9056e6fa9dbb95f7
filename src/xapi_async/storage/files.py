"""The driver that keeps disks in files: SRs of the types ext, file, nfs and lvm with its like.

Where an SR's folder is, :mod:`~xapi_async.storage.places` knows; how disks are kept in it,
:mod:`~xapi_async.storage.disk_folder`. Images that somebody puts into the folder (``.raw``, ``.img``,
``.vhd``) become disks at the next scan; they are read in place, and never written.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from xapi_async.storage import driver, folder_scan, merging
from xapi_async.storage.disk_folder import DiskFolder
from xapi_async.storage.driver import (
    BackendError,
    Copied,
    CopyRequest,
    DiskRequest,
    DiskState,
    Image,
    Repository,
    RepositoryState,
)
from xapi_async.storage.file_probe import probe
from xapi_async.storage.images import ReadImage, WriteImage
from xapi_async.storage.index import DiskEntry
from xapi_async.storage.kinds import fresh_sm_config, is_raw, virtual_size
from xapi_async.storage.places import FileSettings
from xapi_async.storage.repositories import Repositories
from xapi_async.storage.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

_DELETE_FAILED, _CLONE_FAILED, _SNAPSHOT_FAILED, _RESIZE_FAILED = 80, 81, 82, 110
_CBT_ON_FAILED, _CBT_OFF_FAILED = 457, 458
_RESET = "reset:"
"""Begins the names of the hidden disks that are what others return to."""


class FileDriver:
    """Disks in files. Use :meth:`run` as long as it is in use, and :meth:`close` at the end."""

    def __init__(self, settings: FileSettings) -> None:
        self._settings = settings
        self._threads = Threads(settings.threads)
        self._repositories = Repositories(settings)
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Merge layers as snapshots go, until cancelled."""
        stopped = threading.Event()
        try:
            while True:
                self._wake.clear()
                for folder in self._repositories.folders():
                    await self._merge(folder, stopped)
                await self._wake.wait()
        finally:
            stopped.set()

    def close(self) -> None:
        """Wait for what is under way, and stop."""
        self._threads.close()

    # Repositories

    def adopt(self, sr: Repository, hosts: Collection[str], state: RepositoryState, disks: Sequence[DiskState]) -> None:
        """Learn which hosts are attached; sizes and disks are in the folder's own books."""
        try:
            self._repositories.adopt(sr, hosts)
        except BackendError as error:
            log.warning("SR %s is attached by its record but cannot be used: %s", sr.uuid, error)

    async def create(self, host: str, sr: Repository) -> Mapping[str, str]:
        """Make the folder of an SR."""
        return await self._threads.backend(driver.SR_UNAVAILABLE, self._repositories.create, sr)

    async def delete(self, host: str, sr: Repository) -> None:
        """Delete an SR and all disks in it; images that others put into a folder of theirs stay."""
        await self._threads.backend(driver.SR_UNAVAILABLE, self._repositories.delete, sr)

    async def attach(self, host: str, sr: Repository) -> None:
        """Open an SR; what was interrupted in it is cleaned up."""
        await self._threads.backend(driver.SR_UNAVAILABLE, self._repositories.attach, host, sr)
        self._wake.set()

    async def detach(self, host: str, sr: str) -> None:
        """Take an SR from a host."""
        await self._threads.backend(driver.SR_UNAVAILABLE, self._repositories.detach, host, sr)

    async def rename_sr(self, sr: Repository) -> None:
        """Note the names of an SR on a device or LUN."""
        await self._threads.backend(driver.SR_UNAVAILABLE, self._repositories.rename, sr)

    async def probe(self, host: str, kind: str, device_config: Mapping[str, str], sm_config: Mapping[str, str]) -> str:
        """Look for SRs in the place that a configuration names."""
        return await self._threads.backend(driver.SR_UNAVAILABLE, probe, self._settings, kind, device_config, sm_config)

    async def state(self, sr: str) -> RepositoryState:
        """The sizes of the file system that the SR is in."""
        return await self._in_folder(sr, driver.SR_UNAVAILABLE, _space)

    async def scan(self, sr: str) -> Sequence[DiskState]:
        """All disks, images put there by hand included."""
        return await self._in_folder(sr, driver.SR_UNAVAILABLE, _scan)

    # Disks

    async def disk(self, sr: str, location: str) -> DiskState:
        """One disk."""
        return await self._in_folder(sr, driver.VDI_UNAVAILABLE, describe, location)

    async def create_disk(self, sr: str, request: DiskRequest) -> DiskState:
        """Make a disk; it takes no space until it is written."""
        kind = self._repositories.sr(sr).type
        raw = is_raw(kind, request.sm_config)
        size = virtual_size(kind, request.virtual_size, raw=raw)
        sm_config = fresh_sm_config(kind, raw, request.sm_config)
        details = _details(request, sm_config=sm_config, metadata_of_pool=request.metadata_of_pool)
        entry = DiskEntry(size, "", raw=raw, unfinished=request.unfinished, details=details)
        (made,) = await self._new_disk(sr, request.uuid, driver.VDI_CREATE_FAILED, DiskFolder.create, entry)
        return made

    async def finish_disk(self, sr: str, location: str) -> None:
        """Have a disk that was made unfinished stay from now on."""
        await self._in_folder(sr, driver.VDI_UNAVAILABLE, _finish, location)

    async def introduce_disk(self, sr: str, uuid: str, location: str, sm_config: Mapping[str, str]) -> DiskState:
        """Refused: disks are found by scanning."""
        raise BackendError(driver.NOT_IMPLEMENTED)

    async def destroy_disk(self, sr: str, location: str) -> None:
        """Delete a disk, its layers and what it would return to."""
        await self._in_folder(sr, _DELETE_FAILED, _destroy, location)
        self._wake.set()

    async def resize(self, sr: str, location: str, size: int) -> DiskState:
        """Enlarge a disk, which takes no space until it is written."""
        kind = self._repositories.sr(sr).type
        return await self._in_folder(sr, _RESIZE_FAILED, _resize, location, size, kind)

    async def snapshot(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Keep what a disk holds now, in no time whatever its size."""
        details = _details(request, is_a_snapshot=True, snapshot_of=location, snapshot_time=request.time)
        return await self._copy(sr, location, request, _SNAPSHOT_FAILED, DiskFolder.snapshot, details)

    async def clone(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Make an ordinary disk of what another holds now, in no time whatever its size."""
        details = _details(request, snapshot_time=request.time)
        return await self._copy(sr, location, request, _CLONE_FAILED, DiskFolder.clone, details)

    async def rename(self, sr: str, location: str, name_label: str, name_description: str) -> None:
        """Note the names of a disk."""
        await self._note(sr, location, name_label=name_label, name_description=name_description)

    async def set_type(self, sr: str, location: str, kind: str) -> None:
        """Note the type of a disk."""
        await self._note(sr, location, type=kind)

    async def set_origin(self, sr: str, location: str, snapshot_of: str, time: str) -> None:
        """Note what a disk is a snapshot of."""
        await self._note(sr, location, is_a_snapshot=True, snapshot_of=snapshot_of, snapshot_time=time)

    async def generate_config(self, sr: str, location: str) -> str:
        """Where the disk is."""
        known = self._repositories.sr(sr)
        return json.dumps(
            {"sr_uuid": sr, "type": known.type, "device_config": dict(known.device_config), "vdi": location}
        )

    # Disks in use

    def keeps(self, kind: str) -> bool:
        """Yes."""
        return True

    async def plug(self, host: str, sr: str, location: str, *, read_only: bool) -> Mapping[str, str]:
        """Check that the disk can be read, and give where its layers are, the topmost first."""
        return await self._in_folder(sr, driver.VDI_UNAVAILABLE, _path, location)

    async def unplug(self, host: str, sr: str, location: str) -> None:
        """Nothing: files need no preparation."""

    async def set_reset_point(self, sr: str, location: str, is_set: bool) -> None:
        """Keep what the disk holds now as a hidden disk, or drop that."""
        await self._in_folder(sr, driver.VDI_UNAVAILABLE, _set_reset_point, location, is_set)
        self._wake.set()

    async def reset(self, sr: str, location: str) -> None:
        """Make the disk what its hidden disk is."""
        await self._in_folder(sr, driver.VDI_UNAVAILABLE, _reset, location)
        self._wake.set()

    @asynccontextmanager
    async def opened(self, sr: str, location: str, *, writable: bool) -> AsyncIterator[Image]:
        """A disk for reading, as it is now, or for writing."""
        folder = self._repositories.folder(sr)
        if not writable:
            async with self._threads.inside(driver.VDI_UNAVAILABLE, folder.viewed(location)) as view:
                yield ReadImage(self._threads, folder, view)
        else:
            async with self._threads.inside(driver.VDI_UNAVAILABLE, folder.opened(location)) as disk:
                yield WriteImage(self._threads, folder, location, disk)
        self._wake.set()

    # Changed blocks

    async def enable_cbt(self, sr: str, location: str) -> None:
        """Log from now on which blocks change."""
        await self._in_folder(sr, _CBT_ON_FAILED, _track, location)

    async def disable_cbt(self, sr: str, location: str) -> None:
        """Log no more."""
        await self._in_folder(sr, _CBT_OFF_FAILED, DiskFolder.stop_tracking, location)

    async def check_log(self, sr: str, location: str) -> bool:
        """Whether the disk's log of changes is there and is its own."""
        return await self._in_folder(sr, driver.VDI_UNAVAILABLE, DiskFolder.check_log, location)

    async def destroy_data(self, sr: str, location: str) -> None:
        """Drop what a snapshot holds."""
        await self._in_folder(sr, _DELETE_FAILED, DiskFolder.destroy_data, location)
        self._wake.set()

    async def changed_blocks(self, sr: str, older: str, newer: str) -> bytes:
        """The bitmap of what was written between."""
        return await self._in_folder(sr, driver.CBT_INCONSISTENT, _changed, older, newer)

    async def _in_folder(
        self,
        sr: str,
        otherwise: int,
        work: Callable[Concatenate[DiskFolder, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return await self._threads.backend(otherwise, lambda: work(self._repositories.folder(sr), *args, **kwargs))

    async def _note(self, sr: str, location: str, **details: Any) -> None:
        await self._in_folder(sr, driver.VDI_UNAVAILABLE, _change_details, location, **details)

    async def _new_disk(
        self, sr: str, uuid: str, otherwise: int, make: Any, *args: Any, also: Sequence[str] = ()
    ) -> Sequence[DiskState]:
        """Make a disk that must not stay if this is cancelled; gives it, and others that changed by that."""

        def work() -> Sequence[DiskState]:
            folder = self._repositories.folder(sr)
            make(folder, uuid, *args)
            return [describe(folder, one) for one in (uuid, *also)]

        return await self._threads.making(otherwise, work, lambda: self._repositories.folder(sr).destroy(uuid))

    async def _copy(
        self, sr: str, location: str, request: CopyRequest, otherwise: int, copy: Any, details: Mapping[str, Any]
    ) -> Copied:
        def make(folder: DiskFolder, uuid: str) -> None:
            if folder.entry(location).raw:
                raise BackendError(driver.NOT_IMPLEMENTED)
            kept = {
                "type": folder.entry(location).details.get("type", "user"),
                "sm_config": fresh_sm_config(self._repositories.sr(sr).type, False, {}),
            }
            copy(folder, location, uuid, {**kept, **details})

        # What the source had for itself it now shares.
        made, *changed = await self._new_disk(sr, request.uuid, otherwise, make, also=[location])
        return Copied(made, tuple(changed))

    async def _merge(self, folder: DiskFolder, stopped: threading.Event) -> None:
        try:
            while pair := await self._threads.run(merging.find_pair, folder):
                await self._threads.run(merging.merge, folder, pair, stopped.is_set)
        except OSError as error:
            # Nothing is lost but space; tried again when something changes.
            log.warning("layers in %s could not be merged: %s", folder.path, error)


def describe(folder: DiskFolder, location: str) -> DiskState:
    """A disk as the driver interface has it. Raises NoSuchDiskError and OSError."""
    entry = folder.entry(location)
    known = {key: entry.details[key] for key in entry.details.keys() & _STATE_FIELDS}
    return DiskState(
        location=location,
        uuid=location,
        virtual_size=entry.size,
        physical_utilisation=folder.utilisation(location),
        cbt_enabled=bool(entry.log),
        **known,
    )


_STATE_FIELDS = {item.name for item in dataclasses.fields(DiskState)}


def _details(request: DiskRequest | CopyRequest, **more: Any) -> dict[str, Any]:
    details = {"name_label": request.name_label, "name_description": request.name_description, **more}
    if isinstance(request, DiskRequest):
        details |= {"type": request.type, "read_only": request.read_only}
    return details


def _space(folder: DiskFolder) -> RepositoryState:
    space = os.statvfs(folder.path)
    return RepositoryState(space.f_blocks * space.f_frsize, (space.f_blocks - space.f_bfree) * space.f_frsize)


def _scan(folder: DiskFolder) -> Sequence[DiskState]:
    folder_scan.take_up_images(folder)
    return [describe(folder, uuid) for uuid in list(folder.index.disks) if not uuid.startswith(_RESET)]


def _finish(folder: DiskFolder, location: str) -> None:
    if folder.entry(location).unfinished:
        folder.change(location, unfinished=False)


def _destroy(folder: DiskFolder, location: str) -> None:
    folder.destroy(location)
    if _RESET + location in folder.index.disks:
        folder.destroy(_RESET + location)


def _resize(folder: DiskFolder, location: str, size: int, kind: str) -> DiskState:
    entry = folder.entry(location)
    wanted, present = virtual_size(kind, size, raw=entry.raw), entry.size
    if size < present:
        raise BackendError(driver.BAD_SIZE, "disks cannot shrink")
    if wanted > present:
        folder.change(location, size=wanted)
    return describe(folder, location)


def _path(folder: DiskFolder, location: str) -> Mapping[str, str]:
    with folder.viewed(location) as view:
        return {"path": str(folder.path), "layers": ",".join(layer.name for layer in view.chain)}


def _change_details(folder: DiskFolder, location: str, /, **details: Any) -> None:
    with folder.lock:
        folder.change(location, details={**folder.entry(location).details, **details})


def _set_reset_point(folder: DiskFolder, location: str, is_set: bool) -> None:
    if _RESET + location in folder.index.disks:
        folder.destroy(_RESET + location)
    if is_set:
        folder.clone(location, _RESET + location, {})


def _reset(folder: DiskFolder, location: str) -> None:
    if _RESET + location in folder.index.disks:
        folder.replace_content(location, folder.entry(_RESET + location).layer)


def _track(folder: DiskFolder, location: str) -> None:
    entry = folder.entry(location)
    if entry.raw or entry.details.get("is_a_snapshot"):
        raise BackendError(driver.BAD_KIND)
    if not entry.log:
        folder.track(location)


def _changed(folder: DiskFolder, older: str, newer: str) -> bytes:
    try:
        bitmap = folder.changed(older, newer)
    except OSError as error:  # such as a log that is gone
        raise BackendError(driver.CBT_INCONSISTENT, error.strerror or str(error)) from error
    if folder.entry(older).size > folder.entry(newer).size:
        raise BackendError(driver.CBT_INCONSISTENT, "the older disk is larger")
    return bitmap
