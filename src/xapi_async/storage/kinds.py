"""What the types of SR differ in: how sizes are rounded, what a disk takes up, and what configures them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from xapi_async.storage.driver import BAD_KIND, BAD_SIZE, BAD_TEXT, BackendError

MIB: Final = 1 << 20
STEP: Final = 2 * MIB
"""Virtual sizes of VHD disks are multiples of this, and at least this."""
EXTENT: Final = 4 * MIB
"""Logical volumes are multiples of this."""
LARGEST: Final = 2_093_050 * MIB
"""The greatest virtual size of a VHD disk."""
SECTOR: Final = 512
BITMAP: Final = 4096
"""What each block of 2 MiB takes beside its data."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of SR. needs: the keys of device_config it cannot do without, and the failure where one lacks.

    vhd: its disks are VHD. volumes: they are logical volumes, which take their whole size from the start.
    """

    needs: tuple[tuple[str, int], ...] = ()
    vhd: bool = False
    volumes: bool = False
    can_probe: bool = True


_EXCLUSIVE = ("device", "SCSIid")

_ISCSI = (("target", 95), ("targetIQN", 96))
_SCSI_ID = ("SCSIid", 107)

KINDS: Mapping[str, Kind] = {
    "dummy": Kind(),
    "ext": Kind((("device", 90),), vhd=True),
    "file": Kind((("location", 94),), vhd=True),
    "hba": Kind(),
    "iscsi": Kind(_ISCSI),
    "iso": Kind((("location", 94),), can_probe=False),
    "lvm": Kind((("device", 90),), vhd=True, volumes=True),
    "lvmofcoe": Kind((_SCSI_ID,), vhd=True, volumes=True),
    "lvmohba": Kind((_SCSI_ID,), vhd=True, volumes=True),
    "lvmoiscsi": Kind((*_ISCSI, _SCSI_ID), vhd=True, volumes=True),
    "nfs": Kind((("server", 102), ("serverpath", 101)), vhd=True),
    "rawhba": Kind(),
    "smb": Kind((("server", 102),), vhd=True),
    "udev": Kind((("location", 94),), can_probe=False),
}
"""Every type a fresh host has a plugin for."""

NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that XML cannot carry."""

_OTHER: Final = Kind()


def kind_of(name: str) -> Kind:
    """What is known of a type; unknown ones keep raw disks and need no configuration."""
    return KINDS.get(name, _OTHER)


def devices(name: str, device_config: Mapping[str, str]) -> frozenset[str]:
    """The devices that an SR has for itself; none where it is a folder or a share, or where each disk is a LUN."""
    keys = {key for key, _ in kind_of(name).needs if key in _EXCLUSIVE}
    return frozenset(device for key in keys for device in device_config.get(key, "").split(",") if device)


def require_config(name: str, device_config: Mapping[str, str]) -> None:
    """Raise the failure of the first key that a type needs and that is not given."""
    for key, failure in kind_of(name).needs:
        if not device_config.get(key):
            raise BackendError(failure)


def is_raw(name: str, sm_config: Mapping[str, str]) -> bool:
    """Whether a disk with this sm_config is raw. Raises BAD_KIND for kinds that do not exist."""
    wanted = sm_config.get("type", "vhd")
    if kind_of(name).vhd and wanted not in ("vhd", "raw"):
        raise BackendError(BAD_KIND, wanted)
    return not kind_of(name).vhd or wanted == "raw"


def made_sm_config(name: str) -> dict[str, str]:
    """What an SR of a type gets into its sm_config when it is made."""
    return {"allocation": "thick", "use_vhd": "true"} if kind_of(name).volumes else {}


def fresh_sm_config(name: str, raw: bool, given: Mapping[str, str]) -> dict[str, str]:
    """The sm_config of a new disk in an SR of a type."""
    return {**given, **({"vdi_type": "aio" if raw else "vhd"} if kind_of(name).volumes else {})}


def require_text(*names: str) -> None:
    """Raise BAD_TEXT for names that XML cannot carry, in which backends note them."""
    for name in names:
        if found := NOT_XML.search(name):
            raise BackendError(BAD_TEXT, f"U+{ord(found[0]):04X}")


def is_own(key: str) -> bool:
    """Whether an entry of a disk's sm_config is about that disk alone, so that copies do not get it."""
    return key in ("type", "paused", "vhd-parent") or key.startswith("host_")


def virtual_size(name: str, size: int, *, raw: bool) -> int:
    """The size a disk gets that is asked for with ``size`` bytes. Raises BAD_SIZE."""
    if size < 0 or (kind_of(name).vhd and size > LARGEST):
        raise BackendError(BAD_SIZE, str(size))
    if not kind_of(name).vhd:
        return size
    step = EXTENT if raw and kind_of(name).volumes else STEP
    return max(step, _round_up(size, step))


def taken(name: str, size: int, data: int, *, raw: bool, full: bool) -> int:
    """What a disk takes up, in bytes. data: what it holds of its own.

    full: it is to be written, so that a logical volume has room for all of it already.
    """
    kind = kind_of(name)
    if raw:
        return size
    blocks = _round_up(size, STEP) // STEP
    head = 3 * SECTOR + 1024 + _round_up(4 * blocks, SECTOR)
    held = size if kind.volumes and full else min(data, size)
    used = head + held + _round_up(held, STEP) // STEP * BITMAP
    return _round_up(used, EXTENT) if kind.volumes else used


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step
