"""What the driver without bytes knows of SRs and disks, and what follows from that alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xapi_async.storage.driver import VDI_CREATE_FAILED, BackendError, DiskRequest, DiskState, Repository
from xapi_async.storage.kept_bytes import KeptBytes
from xapi_async.storage.nominal_logs import Log
from xapi_async.storage.probing import asks_for_metadata, metadata_of

ISO_SUFFIXES = (".iso", ".img")

KEPT_TYPES = frozenset({"metadata"})
"""Types of disk whose content is kept as long as the server runs, where the disk was made by the pool itself."""

_ISO_STEM = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(slots=True)
class NominalDisk:
    """A disk. data: bytes it holds of its own. parent: the location of the hidden disk it stands on.

    reset_data: the bytes it had at its reset point; None where there is none. content: what it holds, where that
    is kept. plugs: the hosts that use it, each as often as it does.
    """

    state: DiskState
    raw: bool
    data: int = 0
    parent: str = ""
    log: Log | None = None
    reset_data: int | None = None
    plugs: tuple[str, ...] = ()
    content: KeptBytes | None = None


@dataclass(slots=True)
class NominalSr:
    """An SR. other: bytes taken by something other than its disks."""

    facts: Repository
    size: int
    other: int = 0
    hosts: set[str] = field(default_factory=set)
    disks: dict[str, NominalDisk] = field(default_factory=dict)


def content_for(disk: DiskState) -> KeptBytes | None:
    """Where the content of a disk is kept; None where it is not."""
    return KeptBytes() if disk.type in KEPT_TYPES and disk.metadata_of_pool else None


def used(sr: NominalSr) -> int:
    return sum(disk.state.physical_utilisation for disk in sr.disks.values())


def snapshots_by_disk(sr: NominalSr) -> Mapping[str, Sequence[NominalDisk]]:
    """The snapshots of each disk that has any, the oldest first."""
    found: dict[str, list[NominalDisk]] = {}
    for disk in sorted(sr.disks.values(), key=lambda disk: disk.state.snapshot_time):
        if disk.state.snapshot_of in sr.disks:
            found.setdefault(disk.state.snapshot_of, []).append(disk)
    return found


def only_parent(sm_config: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in sm_config.items() if key == "vhd-parent"}


def iso_name(request: DiskRequest) -> str:
    """The file name of an uploaded image. Raises VDI_CREATE_FAILED for names that are not allowed."""
    name = request.sm_config.get("path", f"{request.uuid}.img")
    stem, dot, suffix = name.rpartition(".")
    allowed = stem.replace(".", "").replace("-", "")
    if (
        not stem
        or f"{dot}{suffix}" not in ISO_SUFFIXES
        or not (allowed.isascii() and (allowed.isalnum() or not allowed))
    ):
        raise BackendError(VDI_CREATE_FAILED, name)
    return name


def probed(kind: str, sr: NominalSr, sm_config: Mapping[str, str]) -> Mapping[str, str]:
    """What a probe says of an SR. sm_config: what it was asked."""
    uuid, config = sr.facts.uuid, sr.facts.device_config
    if kind == "iscsi":
        return {"UUID": uuid, "Target": config["target"], "TargetIQN": config["targetIQN"]}
    if kind in ("nfs", "smb", "file"):
        return {"UUID": uuid}
    device = config.get("device") or f"/dev/disk/by-id/scsi-{config.get('SCSIid', '')}"
    more: Mapping[str, str] = {}
    if asks_for_metadata(kind, sm_config):
        kinds = [disk.state.type for disk in sr.disks.values()]
        more = metadata_of(sr.facts.name_label, sr.facts.name_description, kinds)
    return {"UUID": uuid, "Devlist": device, "size": str(sr.size), **more}
