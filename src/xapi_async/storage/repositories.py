"""The folders that SRs are kept in, and which hosts are attached to them."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xapi_async.objects.entity import new_uuid
from xapi_async.storage.disk_folder import INDEX, LAYERS, DiskFolder
from xapi_async.storage.driver import SR_EXISTS, SR_UNAVAILABLE, BackendError, Repository
from xapi_async.storage.file_probe import note_origin
from xapi_async.storage.index import spare_file, sync_folder
from xapi_async.storage.kinds import made_sm_config
from xapi_async.storage.places import FileSettings, disk_place

_WITHOUT_ORIGIN = ("file", "nfs")
"""Types of SR that are found by the folder they are in."""

log = logging.getLogger(__name__)


@dataclass
class Attached:
    """An SR in use. path: its folder. hosts: those attached to it."""

    sr: Repository
    path: Path
    hosts: set[str] = field(default_factory=set)
    folder: DiskFolder | None = None


class Repositories:
    """The SRs of disks."""

    def __init__(self, settings: FileSettings) -> None:
        self._settings = settings
        self._attached: dict[str, Attached] = {}
        self._lock = threading.RLock()

    def adopt(self, sr: Repository, hosts: Collection[str]) -> None:
        """Learn which hosts are attached; the folder is opened when it is first needed."""
        if hosts:
            self._known(sr).hosts.update(hosts)

    def create(self, sr: Repository) -> Mapping[str, str]:
        """Make the folder of an SR. Raises BackendError and OSError."""
        path = disk_place(self._settings, sr)
        if (path / INDEX).exists() or (path / LAYERS).exists():
            raise BackendError(SR_EXISTS)
        if sr.type == "file" and not path.is_dir():
            raise BackendError(SR_UNAVAILABLE, str(path))
        path.mkdir(parents=sr.type != "nfs", exist_ok=True)
        (path / LAYERS).mkdir()
        if sr.type not in _WITHOUT_ORIGIN:
            note_origin(path, sr)
        sync_folder(path)
        sync_folder(path.parent)
        return made_sm_config(sr.type)

    def rename(self, sr: Repository) -> None:
        """Note the names of an SR in its folder, where they are kept. Raises BackendError and OSError."""
        self.folder(sr.uuid)
        if sr.type not in _WITHOUT_ORIGIN:
            note_origin(disk_place(self._settings, sr), sr)

    def delete(self, sr: Repository) -> None:
        """Delete what is ours in the folder of an SR, and the folder if that is. Raises BackendError and OSError."""
        path = disk_place(self._settings, sr)
        if not path.is_dir():
            raise BackendError(SR_UNAVAILABLE, str(path))
        self._attached.pop(sr.uuid, None)
        if sr.type != "file":
            shutil.rmtree(path)
            return
        shutil.rmtree(path / LAYERS, ignore_errors=True)
        (path / INDEX).unlink(missing_ok=True)
        spare_file(path / INDEX).unlink(missing_ok=True)

    def attach(self, host: str, sr: Repository) -> None:
        """Open an SR for a host. Raises BackendError where there is none."""
        with self._lock:
            known = self._known(sr)
            self._open(known)
            known.hosts.add(host)

    def detach(self, host: str, sr: str) -> None:
        """Take an SR from a host; its folder is closed with the last."""
        with self._lock:
            known = self._attached.get(sr)
            if known is None:
                return
            known.hosts.discard(host)
            if not known.hosts:
                del self._attached[sr]
                if known.folder is not None:
                    known.folder.close()

    def folder(self, sr: str) -> DiskFolder:
        """The disks of an SR. Raises BackendError where it is not attached, or cannot be reached."""
        with self._lock:
            known = self._attached.get(sr)
            if known is None:
                raise BackendError(SR_UNAVAILABLE)
            return self._open(known)

    def sr(self, uuid: str) -> Repository:
        """What is known of an attached SR. Raises BackendError."""
        if uuid not in self._attached:
            raise BackendError(SR_UNAVAILABLE)
        return self._attached[uuid].sr

    def folders(self) -> list[DiskFolder]:
        """The folders that are open."""
        return [known.folder for known in list(self._attached.values()) if known.folder is not None]

    def _known(self, sr: Repository) -> Attached:
        known = self._attached.get(sr.uuid)
        if known is None or (not known.hosts and known.folder is None):
            known = self._attached[sr.uuid] = Attached(sr, disk_place(self._settings, sr))
        return known

    def _open(self, known: Attached) -> DiskFolder:
        if not known.path.is_dir():
            raise BackendError(SR_UNAVAILABLE, str(known.path))
        if known.folder is None:
            try:
                known.folder = DiskFolder(known.path, new_uuid)
            except (OSError, ValueError) as error:
                log.warning("SR %s in %s cannot be opened: %s", known.sr.uuid, known.path, error)
                raise BackendError(SR_UNAVAILABLE, str(error)) from error
        return known.folder
