"""What starting and stopping a VM does to its block devices."""

from __future__ import annotations

import re

from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.vm.facts import says_true, vbds_of

HARMLESS_VDI_OPERATIONS = frozenset({"mirror", "copy"})
"""What may go on with a disk while it is attached."""

_NAME = re.compile(r"(hd|sd|xvd|fd)([a-z]+)\d*")
_PREFIX = {"hd": "xvd", "xvd": "xvd", "sd": "sd", "fd": "fd"}


def disk_number(name: str) -> int | None:
    """The number of a disk from its position or name in the guest: ``3``, ``hdd`` and ``xvdd`` are all 3."""
    if name.isascii() and name.isdigit():
        return int(name)
    match = _NAME.fullmatch(name)
    return _from_letters(match[2]) if match else None


def device_name(userdevice: str) -> str | None:
    """What a guest calls the disk at a position; None where the position cannot be understood."""
    number = disk_number(userdevice)
    if number is None:
        return None
    match = _NAME.fullmatch(userdevice)
    return (_PREFIX[match[1]] if match else "xvd") + _to_letters(number)


def attach_error(reader: Reader, vbd: VBD) -> ApiError | None:
    """Why a VM with this device cannot be started now, if so."""
    for current in vbd.current_operations.values():
        return ApiError("OTHER_OPERATION_IN_PROGRESS", "VBD", vbd.ref, current)
    vdi = None if vbd.empty else reader.find(VDI, vbd.VDI)
    if vdi is None:
        return None
    if not vdi.managed:
        return ApiError("VDI_NOT_MANAGED", vbd.ref)
    for current in vdi.current_operations.values():
        if current not in HARMLESS_VDI_OPERATIONS:
            return ApiError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref, current)
    if vbd.currently_attached:
        return None
    users = _other_users(reader, vbd, vdi)
    conflict = vbd.mode == "RW" or any(user.mode == "RW" for user in users)
    if users and conflict and not vdi.sharable and not _is_system_domain(reader, vbd.VM):
        return ApiError("VDI_IN_USE", vdi.ref)
    if vbd.mode == "RW" and vdi.read_only:
        return ApiError("VDI_READONLY", vdi.ref)
    return None


def mark_attach(tx: Transaction, vm: VM, key: str) -> None:
    """Show ``attach`` on every block device of a VM. Raises the error of the first that cannot be attached.

    What was marked by then goes with the transaction, which the error ends.
    """
    for vbd in vbds_of(tx, vm):
        if vbd.empty:
            continue
        error = attach_error(tx, vbd)
        if error is not None:
            raise error
        tx.set(vbd, current_operations={**vbd.current_operations, key: "attach"})


def unmark(tx: Transaction, vm: VM, key: str) -> None:
    """Take what ``key`` marked off a VM's block devices."""
    for vbd in vbds_of(tx, vm):
        if key in vbd.current_operations:
            rest = {other: operation for other, operation in vbd.current_operations.items() if other != key}
            tx.set(vbd, current_operations=rest)


def note_attached(tx: Transaction, vm: VM, *, hvm: bool) -> None:
    """Show the block devices of a VM as attached; empty drives only in a fully virtualised guest.

    Raises ILLEGAL_VBD_DEVICE [VBD, userdevice] where a position cannot be understood.
    """
    for vbd in vbds_of(tx, vm):
        if vbd.empty and not hvm:
            continue
        device = device_name(vbd.userdevice)
        if device is None:
            raise ApiError("ILLEGAL_VBD_DEVICE", vbd.ref, vbd.userdevice)
        tx.set(vbd, device=device, currently_attached=True)


def note_detached(tx: Transaction, vm: VM) -> None:
    """Show the block devices of a halted VM as detached, with nothing under way on them."""
    for vbd in vbds_of(tx, vm):
        if vbd.currently_attached or vbd.reserved or vbd.current_operations:
            tx.set(vbd, currently_attached=False, reserved=False, current_operations={})


def _other_users(reader: Reader, vbd: VBD, vdi: VDI) -> list[VBD]:
    others = (reader.find(VBD, ref) for ref in vdi.VBDs if ref != vbd.ref)
    return [other for other in others if other is not None and _is_using(reader, other)]


def _is_using(reader: Reader, vbd: VBD) -> bool:
    if not (vbd.currently_attached or vbd.reserved or vbd.current_operations):
        return False
    vm = reader.find(VM, vbd.VM)
    return vm is not None and vm.power_state != "Suspended" and not _is_system_domain(reader, vbd.VM)


def _is_system_domain(reader: Reader, ref: str) -> bool:
    vm = reader.find(VM, ref)
    return vm is not None and (vm.is_control_domain or says_true(vm.other_config, "is_system_domain"))


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
