"""Looking for SRs in the places where they could be."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from xapi_async.storage.disk_folder import LAYERS
from xapi_async.storage.driver import BackendError
from xapi_async.storage.places import NO_DEVICE, NO_LOCATION, NO_SERVERPATH, FileSettings, nfs_share
from xapi_async.storage.probing import nfs_exports, sr_list

_DEVICE = "device"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def probe(settings: FileSettings, kind: str, config: Mapping[str, str]) -> str:
    """The SRs in the place that a configuration names, as XML. Raises BackendError where it is incomplete."""
    folder = _place(settings, kind, config)
    found = [path for path in sorted(folder.iterdir()) if _is_sr(path)] if folder.is_dir() else []
    if kind != "ext":
        return sr_list({"UUID": path.name} for path in found)
    device = config["device"]
    return sr_list(
        {"UUID": path.name, "Devlist": device, "size": str(shutil.disk_usage(path).total)}
        for path in found
        if device_of(path) == device
    )


def note_device(folder: Path, device: str) -> None:
    """Note which device an SR was made on. Raises OSError."""
    (folder / _DEVICE).write_text(device)


def device_of(folder: Path) -> str:
    """The device that an SR was made on, empty where none is noted."""
    try:
        return (folder / _DEVICE).read_text()
    except OSError:
        return ""


def _is_sr(path: Path) -> bool:
    return _UUID.fullmatch(path.name) is not None and (path / LAYERS).is_dir()


def _place(settings: FileSettings, kind: str, config: Mapping[str, str]) -> Path:
    if kind == "nfs":
        server = config.get("server", "")
        if server and not config.get("serverpath"):
            paths = [share.removeprefix(f"{server}:") for share in settings.mounts if share.startswith(f"{server}:")]
            raise BackendError(NO_SERVERPATH, output=nfs_exports((server, path) for path in sorted(paths)))
        return nfs_share(settings, config)
    if kind == "file":
        if not config.get("location"):
            raise BackendError(NO_LOCATION)
        return Path(config["location"])
    if not config.get("device"):
        raise BackendError(NO_DEVICE)
    return settings.folder
