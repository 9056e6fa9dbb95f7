"""The driver for repositories of ISO images: a folder of ``.iso`` and ``.img`` files, each of them a disk."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

from xapi_async.storage import driver
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
from xapi_async.storage.images import FileImage
from xapi_async.storage.index import sync_folder
from xapi_async.storage.layers import File
from xapi_async.storage.places import FileSettings, iso_place
from xapi_async.storage.threads import Threads

_NAME = re.compile(r"[A-Za-z0-9.-]+\.(iso|img)")
_ENDINGS = (".iso", ".img")
_DELETE_FAILED = 80
_MARK = ".unfinished"
"""Ends the name of an empty file beside an image that is still to be filled."""


class IsoDriver:
    """ISO images. Sizes of such an SR are those of its files together."""

    def __init__(self, settings: FileSettings) -> None:
        self._settings = settings
        self._threads = Threads(1)
        self._folders: dict[str, tuple[Path, set[str]]] = {}

    def close(self) -> None:
        """Wait for what is under way, and stop."""
        self._threads.close()

    # Repositories

    def adopt(self, sr: Repository, hosts: Collection[str], state: RepositoryState, disks: Sequence[DiskState]) -> None:
        """Learn which hosts are attached."""
        if hosts:
            try:
                path = iso_place(self._settings, sr)
                _tidy(path)
                self._folders[sr.uuid] = (path, set(hosts))
            except (BackendError, OSError):
                # Its calls say so, until it is attached anew.
                self._folders.pop(sr.uuid, None)

    async def create(self, host: str, sr: Repository) -> Mapping[str, str]:
        """Check that the folder is there."""
        await self._threads.backend(driver.SR_UNAVAILABLE, iso_place, self._settings, sr)
        kind = sr.device_config.get("type")
        return {"iso_type": kind} if kind else {}

    async def delete(self, host: str, sr: Repository) -> None:
        """Nothing: the images are not ours to delete."""

    async def attach(self, host: str, sr: Repository) -> None:
        """Look for the folder."""
        path = await self._threads.backend(driver.SR_UNAVAILABLE, iso_place, self._settings, sr)
        if sr.uuid not in self._folders:
            await self._threads.backend(driver.SR_UNAVAILABLE, _tidy, path)
        self._folders.setdefault(sr.uuid, (path, set()))[1].add(host)

    async def detach(self, host: str, sr: str) -> None:
        """Forget the folder, with the last host."""
        _, hosts = self._folders.get(sr, (None, set()))
        hosts.discard(host)
        if not hosts:
            self._folders.pop(sr, None)

    async def rename_sr(self, sr: Repository) -> None:
        """Nothing: a folder of images keeps no names."""

    async def probe(self, host: str, kind: str, device_config: Mapping[str, str], sm_config: Mapping[str, str]) -> str:
        """Refused."""
        _refuse()

    async def state(self, sr: str) -> RepositoryState:
        """The size of all images."""
        total = sum(disk.virtual_size for disk in await self.scan(sr))
        return RepositoryState(total, total)

    async def scan(self, sr: str) -> Sequence[DiskState]:
        """All images in the folder."""
        return await self._threads.backend(driver.SR_UNAVAILABLE, _scan, self._folder(sr))

    # Disks

    async def disk(self, sr: str, location: str) -> DiskState:
        """One image."""
        return await self._threads.backend(driver.VDI_UNAVAILABLE, _describe, self._path(sr, location))

    async def create_disk(self, sr: str, request: DiskRequest) -> DiskState:
        """Make an image to be filled, under the name that sm_config has as ``path``, else under its uuid."""
        name = request.sm_config.get("path", f"{request.uuid}.img")
        if not _NAME.fullmatch(name):
            raise BackendError(driver.VDI_CREATE_FAILED, name)
        if request.virtual_size < 0:
            raise BackendError(driver.BAD_SIZE)
        path = self._folder(sr) / name

        def make() -> DiskState:
            if path.exists():
                raise BackendError(driver.VDI_EXISTS, name)
            # Marked before it is there: what a crash leaves half made is known, and goes.
            _mark(path).touch()
            sync_folder(path.parent)
            try:
                _make(path, request.virtual_size)
            except OSError:
                _mark(path).unlink(missing_ok=True)
                raise
            if not request.unfinished:
                _finish(path)
            return _describe(path)

        return await self._threads.making(driver.VDI_CREATE_FAILED, make, lambda: _delete(path))

    async def finish_disk(self, sr: str, location: str) -> None:
        """Have an image that was made unfinished stay from now on."""
        await self._threads.backend(driver.VDI_UNAVAILABLE, _finish, self._path(sr, location))

    async def introduce_disk(self, sr: str, uuid: str, location: str, sm_config: Mapping[str, str]) -> DiskState:
        """Refused: images are found by scanning."""
        _refuse()

    async def destroy_disk(self, sr: str, location: str) -> None:
        """Delete an image."""
        await self._threads.backend(_DELETE_FAILED, _delete, self._path(sr, location))

    async def resize(self, sr: str, location: str, size: int) -> DiskState:
        """Refused."""
        _refuse()

    async def snapshot(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Refused."""
        _refuse()

    async def clone(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Refused: it is copied instead."""
        _refuse()

    async def rename(self, sr: str, location: str, name_label: str, name_description: str) -> None:
        """Nothing: there is no place to note it."""

    async def set_type(self, sr: str, location: str, kind: str) -> None:
        """Nothing: there is no place to note it."""

    async def set_origin(self, sr: str, location: str, snapshot_of: str, time: str) -> None:
        """Nothing: there is no place to note it."""

    async def generate_config(self, sr: str, location: str) -> str:
        """Refused."""
        _refuse()

    # Disks in use

    def keeps(self, kind: str) -> bool:
        """Yes."""
        return True

    async def plug(self, host: str, sr: str, location: str, *, read_only: bool) -> Mapping[str, str]:
        """Where the image is."""
        await self.disk(sr, location)
        return {"path": str(self._path(sr, location))}

    async def unplug(self, host: str, sr: str, location: str) -> None:
        """Nothing: files need no preparation."""

    async def set_reset_point(self, sr: str, location: str, is_set: bool) -> None:
        """Refused."""
        _refuse()

    async def reset(self, sr: str, location: str) -> None:
        """Nothing: there is never a reset point."""

    @asynccontextmanager
    async def opened(self, sr: str, location: str, *, writable: bool) -> AsyncIterator[Image]:
        """An image."""
        path = self._path(sr, location)
        file = await self._threads.backend(driver.VDI_UNAVAILABLE, File, path, os.O_RDWR if writable else os.O_RDONLY)
        image = FileImage(self._threads, file)
        yield image
        if writable:
            await image.flush()

    # Changed blocks

    async def enable_cbt(self, sr: str, location: str) -> None:
        """Refused."""
        _refuse()

    async def disable_cbt(self, sr: str, location: str) -> None:
        """Refused."""
        _refuse()

    async def check_log(self, sr: str, location: str) -> bool:
        """Yes: there are none."""
        return True

    async def destroy_data(self, sr: str, location: str) -> None:
        """Refused."""
        _refuse()

    async def changed_blocks(self, sr: str, older: str, newer: str) -> bytes:
        """Refused."""
        _refuse()

    def _folder(self, sr: str) -> Path:
        if sr not in self._folders:
            raise BackendError(driver.SR_UNAVAILABLE)
        return self._folders[sr][0]

    def _path(self, sr: str, location: str) -> Path:
        # Locations come from records, but a record may be forged: no way out of the folder.
        if "/" in location or not location.lower().endswith(_ENDINGS):
            raise BackendError(driver.VDI_UNAVAILABLE, location)
        return self._folder(sr) / location


def _mark(path: Path) -> Path:
    return path.with_name(path.name + _MARK)


def _make(path: Path, size: int) -> None:
    """Make a file of zeros; where that fails it goes again. Raises OSError."""
    with path.open("xb") as file:
        try:
            file.truncate(size)
        except OSError:
            path.unlink()
            raise
    sync_folder(path.parent)


def _finish(path: Path) -> None:
    _mark(path).unlink(missing_ok=True)
    sync_folder(path.parent)


def _delete(path: Path) -> None:
    path.unlink()
    _mark(path).unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Remove images whose filling was interrupted."""
    for name in os.listdir(folder):
        if name.endswith(_MARK):
            (folder / name.removesuffix(_MARK)).unlink(missing_ok=True)
            (folder / name).unlink(missing_ok=True)


def _scan(folder: Path) -> Sequence[DiskState]:
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(_ENDINGS))
    return [_describe(folder / name) for name in names if (folder / name).is_file()]


def _describe(path: Path) -> DiskState:
    size = path.stat().st_size
    return DiskState(path.name, "", size, size, name_label=path.name, read_only=not os.access(path, os.W_OK))


def _refuse() -> NoReturn:
    raise BackendError(driver.NOT_IMPLEMENTED)
