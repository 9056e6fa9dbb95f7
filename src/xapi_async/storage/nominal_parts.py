"""What the driver without bytes knows of SRs and disks, and what follows from that alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xapi_async.storage import probing
from xapi_async.storage.driver import VDI_CREATE_FAILED, BackendError, DiskRequest, DiskState, Repository
from xapi_async.storage.nominal_logs import Log

ISO_SUFFIXES = (".iso", ".img")

_ISO_STEM = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(slots=True)
class NominalDisk:
    """A disk. data: bytes it holds of its own. parent: the location of the hidden disk it stands on.

    reset_data: the bytes it had at its reset point; None where there is none.
    """

    state: DiskState
    raw: bool
    data: int = 0
    parent: str = ""
    log: Log | None = None
    reset_data: int | None = None
    plugs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class NominalSr:
    """An SR. other: bytes taken by something other than its disks."""

    facts: Repository
    size: int
    other: int = 0
    hosts: set[str] = field(default_factory=set)
    disks: dict[str, NominalDisk] = field(default_factory=dict)


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


def probed(kind: str, sr: NominalSr, *, with_metadata: bool) -> Mapping[str, str]:
    """What a probe says of an SR. with_metadata: its names too, and whether it holds a pool's database."""
    uuid, config = sr.facts.uuid, sr.facts.device_config
    if kind == "iscsi":
        return {"UUID": uuid, "Target": config["target"], "TargetIQN": config["targetIQN"]}
    if kind in ("nfs", "smb", "file"):
        return {"UUID": uuid}
    device = config.get("device") or f"/dev/disk/by-id/scsi-{config.get('SCSIid', '')}"
    more: Mapping[str, str] = {}
    if with_metadata:
        holds_database = any(disk.state.type == "metadata" for disk in sr.disks.values())
        more = probing.metadata(sr.facts.name_label, sr.facts.name_description, holds_database=holds_database)
    return {"UUID": uuid, "Devlist": device, "size": str(sr.size), **more}
