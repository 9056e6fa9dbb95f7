"""Where in the local file system an SR keeps its files: by its type, from its configuration.

Local disks and LUNs (``ext``, ``lvm`` and its like) become folders of the server's own; ``file`` names
its folder; ``nfs`` and network ISO shares are expected to be mounted already, where the settings say.
Nothing is mounted from here. The shares that a new pool begins with are on no server; they are folders of ours too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xapi_async.inventory.shares import number_of
from xapi_async.storage.driver import BackendError, Repository
from xapi_async.storage.kinds import require_config

NO_LOCATION, NO_SERVERPATH, NO_SERVER = 94, 101, 102
MOUNT_FAILED, ISO_MOUNT_FAILED, ISO_MALFORMED, ISO_MISSING = 73, 222, 225, 226

_LOCAL_SERVERS = ("localhost", "127.0.0.1", "::1", "[::1]")


@dataclass(frozen=True)
class FileSettings:
    """Where disks are kept in files."""

    folder: Path = field(
        default=Path("disks"), metadata={"doc": "Folder in which SRs on disks and LUNs get folders of their own."}
    )
    mounts: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"doc": "Where shares are mounted: from server:/path to a folder. Paths on localhost need no entry."},
    )
    threads: int = field(default=8, metadata={"doc": "Threads that read and write disks."})

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError("threads: at least one is needed")


def disk_place(settings: FileSettings, sr: Repository) -> Path:
    """The folder of an SR of disks. Raises BackendError for a configuration that lacks something."""
    return _PLACES.get(sr.type, _own_folder)(settings, sr)


def share_place(settings: FileSettings, server: str, path: str, failure: int = MOUNT_FAILED) -> Path:
    """Where a share is mounted. Raises BackendError with ``failure`` for one that is not."""
    mounted = settings.mounts.get(f"{server}:{path}")
    if mounted is not None:
        return Path(mounted)
    if server in _LOCAL_SERVERS:
        return Path(path)
    if number := number_of(server, path):
        place = settings.folder / "shares" / number
        place.mkdir(parents=True, exist_ok=True)
        return place
    raise BackendError(failure, f"no mount is configured for {server}:{path}")


def iso_place(settings: FileSettings, sr: Repository) -> Path:
    """The folder of a repository of ISO images. Raises BackendError."""
    location = sr.device_config.get("location", "")
    if not location:
        raise BackendError(NO_LOCATION)
    if location.startswith("/"):
        path = Path(location)
        if not path.is_dir():
            raise BackendError(ISO_MISSING, location)
        return path
    share = location.removeprefix("//").partition("/") if location.startswith("//") else location.partition(":")
    server, _, path_text = share
    if not server or not path_text:
        raise BackendError(ISO_MALFORMED, location)
    separator = "/" if location.startswith("//") else ""
    return share_place(settings, server, separator + path_text, ISO_MOUNT_FAILED)


def _own_folder(settings: FileSettings, sr: Repository) -> Path:
    require_config(sr.type, sr.device_config)
    return settings.folder / sr.uuid


def _named_folder(settings: FileSettings, sr: Repository) -> Path:
    location = sr.device_config.get("location", "")
    if not location:
        raise BackendError(NO_LOCATION)
    return Path(location)


def _mounted_folder(settings: FileSettings, sr: Repository) -> Path:
    return nfs_share(settings, sr.device_config) / sr.uuid


def nfs_share(settings: FileSettings, config: Mapping[str, str]) -> Path:
    """Where the share of an NFS SR is mounted. Raises BackendError."""
    if not config.get("server"):
        raise BackendError(NO_SERVER)
    if not config.get("serverpath"):
        raise BackendError(NO_SERVERPATH)
    return share_place(settings, config["server"], config["serverpath"])


_PLACES: Mapping[str, Callable[[FileSettings, Repository], Path]] = {
    "ext": _own_folder,
    "file": _named_folder,
    "nfs": _mounted_folder,
}
