"""Looking for SRs in the places where they could be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from xapi_async.storage.choices import require_choice
from xapi_async.storage.disk_folder import INDEX, LAYERS
from xapi_async.storage.driver import BackendError, Repository
from xapi_async.storage.index import load, replace_file
from xapi_async.storage.kinds import kind_of
from xapi_async.storage.places import NO_LOCATION, NO_SERVERPATH, FileSettings, nfs_share
from xapi_async.storage.probing import asks_for_metadata, metadata_of, nfs_exports, sr_list, versions

_ORIGIN = "origin.json"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def probe(settings: FileSettings, kind: str, config: Mapping[str, str], sm_config: Mapping[str, str]) -> str:
    """The SRs in the place that a configuration names, as XML. Raises BackendError where it is incomplete."""
    if kind in ("file", "nfs"):
        found = ({"UUID": path.name} for path in _srs_in(_place(settings, kind, config)))
        return sr_list(found, versions(kind, config))
    origins = {path: origin for path in _srs_in(settings.folder) if (origin := _origin_of(path)).get("type") == kind}
    size = shutil.disk_usage(settings.folder).total if settings.folder.is_dir() else 0
    require_choice(kind, config, origins.values(), size)
    needs = [key for key, _ in kind_of(kind).needs]
    device = config.get("device") or f"/dev/disk/by-id/scsi-{config.get('SCSIid', '')}"
    with_metadata = asks_for_metadata(kind, sm_config)
    return sr_list(
        {"UUID": path.name, "Devlist": device, "size": str(size), **(_metadata(path, origin) if with_metadata else {})}
        for path, origin in origins.items()
        if all(origin.get(key) == config[key] for key in needs)
    )


def note_origin(folder: Path, sr: Repository) -> None:
    """Note which device or LUN an SR was made on, and its names. Raises OSError."""
    kept = {key: sr.device_config[key] for key, _ in kind_of(sr.type).needs}
    names = {"name_label": sr.name_label, "name_description": sr.name_description}
    replace_file(folder / _ORIGIN, json.dumps({"type": sr.type, **kept, **names}).encode())


def _origin_of(folder: Path) -> Mapping[str, str]:
    """The type of an SR and the device it was made on, empty where nothing is noted."""
    try:
        found: Mapping[str, str] = json.loads((folder / _ORIGIN).read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def _metadata(folder: Path, origin: Mapping[str, str]) -> Mapping[str, str]:
    """What is said of an SR beyond where it is. An index that cannot be read shows nothing."""
    try:
        kinds = [disk.details.get("type") for disk in load(folder / INDEX).disks.values()]
    except (OSError, ValueError):
        kinds = []
    return metadata_of(origin.get("name_label", ""), origin.get("name_description", ""), kinds)


def _srs_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if _is_sr(path)] if folder.is_dir() else []


def _is_sr(path: Path) -> bool:
    return _UUID.fullmatch(path.name) is not None and (path / LAYERS).is_dir()


def _place(settings: FileSettings, kind: str, config: Mapping[str, str]) -> Path:
    if kind == "nfs":
        server = config.get("server", "")
        if server and not config.get("serverpath"):
            paths = [share.removeprefix(f"{server}:") for share in settings.mounts if share.startswith(f"{server}:")]
            raise BackendError(NO_SERVERPATH, output=nfs_exports((server, path) for path in sorted(paths)))
        return nfs_share(settings, config)
    if not config.get("location"):
        raise BackendError(NO_LOCATION)
    return Path(config["location"])
