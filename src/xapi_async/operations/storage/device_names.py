"""What disks of a VM are called: positions as clients give them, and names in the guest.

A name is read as a bus, the number of the disk on it, and a partition. A plain number means different
disks to fully virtualised guests and to others, so that some names have two readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.storage.facts import live

AUTODETECT = "autodetect"
HIGHEST_DISK = 254
FLOPPIES = ("fda", "fdb")
_IDE_DISKS = 4
_BUSES = {"xvd": "xen", "hd": "ide", "sd": "scsi", "fd": "floppy"}
_PREFIXES = {"xen": "xvd", "ide": "xvd", "scsi": "sd", "floppy": "fd"}
_NUMBER = re.compile(r"[0-9]{1,18}")
_NAME = re.compile(r"(xvd|hd|sd|fd)([a-z]{1,12})([0-9]{0,18})")
_NUMBERED = re.compile(r"d([0-9]{1,18})p([0-9]{1,18})")
_ACCEPTED = re.compile(r"(?:sd|xvd|hd)[a-p][0-9]*|[+-]?[0-9]+")


class Reading(NamedTuple):
    """What a name stands for. bus: ``xen``, ``ide``, ``scsi`` or ``floppy``."""

    bus: str
    disk: int
    partition: int = 0


def read_name(name: str, *, hvm: bool) -> Reading | None:
    """What a position or name means to a guest; None where it cannot be understood."""
    if _NUMBER.fullmatch(name):
        number = int(name)
        return Reading("ide" if hvm and number < _IDE_DISKS else "xen", number)
    if match := _NAME.fullmatch(name):
        return Reading(_BUSES[match[1]], _from_letters(match[2]), int(match[3] or 0))
    if match := _NUMBERED.fullmatch(name):
        return Reading("xen", int(match[1]), int(match[2]))
    return None


def readings(name: str) -> set[Reading]:
    """What a name may mean to any guest."""
    return {reading for hvm in (True, False) if (reading := read_name(name, hvm=hvm)) is not None}


def guest_name(userdevice: str, *, hvm: bool) -> str | None:
    """What a guest calls the disk at a position; None where the position cannot be understood."""
    reading = read_name(userdevice, hvm=hvm)
    if reading is None:
        return None
    partition = str(reading.partition) if reading.partition else ""
    return f"{_PREFIXES[reading.bus]}{_to_letters(reading.disk)}{partition}"


def is_hvm(vm: VM) -> bool:
    """Whether positions of a VM's disks are read the way of full virtualisation."""
    return vm.HVM_boot_policy != ""


def free_disks(reader: Reader, vm: VM) -> list[str]:
    """The numbers of disks a VM has room for, in order, as VM.get_allowed_VBD_devices gives them."""
    used, hvm = _used(live(reader, VBD, vm.VBDs)), is_hvm(vm)
    count = HIGHEST_DISK + (2 if vm.is_control_domain and not hvm else 1)
    return [str(number) for number in range(count) if read_name(str(number), hvm=hvm) not in used]


def free_floppies(reader: Reader, vm: VM) -> list[str]:
    """The floppy drives a VM has room for; guests without full virtualisation have none."""
    used = _used(live(reader, VBD, vm.VBDs))
    return [name for name in FLOPPIES if is_hvm(vm) and used.isdisjoint(readings(name))]


def resolve(reader: Reader, vm: VM, userdevice: str, kind: str) -> str:
    """The position a new device gets. kind: as VBD_TYPE spells it.

    Raises INVALID_DEVICE [userdevice] or DEVICE_ALREADY_EXISTS [position].
    """
    if userdevice == AUTODETECT:
        free = free_floppies(reader, vm) if kind == "Floppy" else free_disks(reader, vm)
        if not free:
            raise ApiError("INVALID_DEVICE", AUTODETECT)
        position = free[0]
    elif _ACCEPTED.fullmatch(userdevice):
        position = userdevice
    else:
        raise ApiError("INVALID_DEVICE", userdevice)
    if not _used(live(reader, VBD, vm.VBDs)).isdisjoint(readings(position)):
        raise ApiError("DEVICE_ALREADY_EXISTS", position)
    return position


def _used(vbds: Iterable[VBD]) -> set[Reading]:
    return {reading for vbd in vbds for name in (vbd.userdevice, vbd.device) for reading in readings(name)}


def _from_letters(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1


def _to_letters(number: int) -> str:
    letters = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return letters
