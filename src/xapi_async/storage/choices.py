"""What a probe offers in place of a key that its configuration lacks: exports, targets, LUNs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from xapi_async.storage import probing
from xapi_async.storage.driver import BackendError
from xapi_async.storage.kinds import kind_of


def require_choice(kind: str, given: Mapping[str, str], known: Iterable[Mapping[str, str]], size: int) -> None:
    """Raise BackendError for the first key that is missing, with what may be put there as its output.

    known: the configurations of the SRs there are. size: bytes, of LUNs.
    """
    for key, failure in kind_of(kind).needs:
        if not given.get(key):
            raise BackendError(failure, output=_choices(key, given, list(known), size))


def _choices(key: str, given: Mapping[str, str], known: Iterable[Mapping[str, str]], size: int) -> str:
    if key == "serverpath":
        server = given.get("server", "")
        paths = {config["serverpath"] for config in known if config.get("server") == server}
        return probing.nfs_exports((server, path) for path in sorted(paths or {"/export"}))
    if key == "targetIQN":
        target = given["target"]
        names = {config["targetIQN"] for config in known if config.get("target") == target}
        names = names or {f"iqn.2018-02.example.nominal:{target}"}
        return probing.iscsi_targets(target, given.get("port", "3260"), sorted(names))
    if key == "SCSIid":
        place = given.get("targetIQN", "")
        ids = {config["SCSIid"] for config in known if config.get("targetIQN", "") == place and "SCSIid" in config}
        ids = ids or {"3600" + hashlib.sha256(place.encode()).hexdigest()[:29]}
        return (probing.luns if place else probing.block_devices)((scsi_id, size) for scsi_id in sorted(ids))
    return ""
