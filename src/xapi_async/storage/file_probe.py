"""Looking for SRs in the places where they could be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from xapi_async.storage.disk_folder import LAYERS
from xapi_async.storage.driver import BackendError
from xapi_async.storage.places import NO_DEVICE, NO_LOCATION, NO_SERVERPATH, FileSettings, nfs_share
from xapi_async.storage.probing import nfs_exports, sr_list

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def probe(settings: FileSettings, kind: str, config: Mapping[str, str]) -> str:
    """The SRs in the place that a configuration names, as XML. Raises BackendError where it is incomplete."""
    folder = _place(settings, kind, config)
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return sr_list({"UUID": name} for name in names if _UUID.fullmatch(name) and (folder / name / LAYERS).is_dir())


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
