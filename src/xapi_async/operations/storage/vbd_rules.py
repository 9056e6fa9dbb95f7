"""When which operation is allowed on a VBD."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.marking import Rules, refresh
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.facts import is_in_use, is_system_domain, vbds_of_vdi

OPERATIONS = ("attach", "eject", "unplug", "unplug_force", "insert", "plug", "pause", "unpause")

HOTPLUG = frozenset({"plug", "unplug", "unplug_force"})
UNPLUG = frozenset({"unplug", "unplug_force"})
ATTACHING = frozenset({"attach", "plug", "insert"})
PAUSING = frozenset({"pause", "unpause"})
CHANGING_MEDIA = frozenset({"insert", "eject"})

BLOCKING_VM_OPERATIONS = frozenset({"clean_shutdown", "hard_shutdown", "suspend", "pause"})
"""What the VM may not be doing while a device is hotplugged."""

HARMLESS_VDI_OPERATIONS = frozenset({"mirror", "copy"})
"""What may go on with a disk while it is attached."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What the checks look at."""

    reader: Reader
    vbd: VBD
    vm: VM
    operation: str


def check(reader: Reader, vbd: VBD, operation: str) -> ApiError | None:
    """The error that forbids an operation on a VBD now; None where it is allowed, but for who shares the disk."""
    vm = reader.find(VM, vbd.VM)
    if vm is None:
        return ApiError("HANDLE_INVALID", "VM", vbd.VM)
    case = _Case(reader, vbd, vm, operation)
    for one in _CHECKS:
        error = one(case)
        if error is not None:
            return error
    return None


def check_sharing(reader: Reader, vbd: VBD, operation: str) -> ApiError | None:
    """Why a device that is not attached cannot be, as others use its disk or it cannot be written; None otherwise."""
    vdi = None if vbd.empty else reader.find(VDI, vbd.VDI)
    if operation not in ATTACHING or vdi is None or is_in_use(vbd):
        return None
    if not vdi.sharable and not is_system_domain(reader, vbd.VM):
        users = [other for other in vbds_of_vdi(reader, vdi) if other.ref != vbd.ref and _is_user(reader, other)]
        if any(user.mode == "RW" for user in users) or (users and vbd.mode == "RW"):
            return ApiError("VDI_IN_USE", vdi.ref)
    if vbd.mode == "RW" and vdi.read_only:
        return ApiError("VDI_READONLY", vdi.ref)
    return None


def attach_error(reader: Reader, vbd: VBD) -> ApiError | None:
    """Why the device could not be attached as its VM starts; None where it could."""
    return check(reader, vbd, "attach") or check_sharing(reader, vbd, "attach")


def _is_user(reader: Reader, vbd: VBD) -> bool:
    if not (is_in_use(vbd) or vbd.current_operations):
        return False
    vm = reader.find(VM, vbd.VM)
    return vm is not None and vm.power_state != "Suspended" and not is_system_domain(reader, vm.ref)


def _busy(case: _Case) -> ApiError | None:
    running = list(case.vbd.current_operations.values())
    if case.operation == "pause":
        running = [current for current in running if current not in PAUSING]
    elif case.operation == "unpause":
        running = [current for current in running if current not in PAUSING and current != "attach"]
    return ApiError("OTHER_OPERATION_IN_PROGRESS", "VBD", case.vbd.ref, running[0]) if running else None


def _unpluggable(case: _Case) -> ApiError | None:
    if case.operation in UNPLUG and not case.vbd.unpluggable:
        return ApiError("VBD_NOT_UNPLUGGABLE", case.vbd.ref)
    return None


def _media(case: _Case) -> ApiError | None:
    vbd, operation = case.vbd, case.operation
    if operation in CHANGING_MEDIA and vbd.type != "CD":
        return ApiError("VBD_NOT_REMOVABLE_MEDIA", vbd.ref)
    if operation == "eject" and vbd.empty:
        return ApiError("VBD_IS_EMPTY", vbd.ref)
    if operation == "insert" and not vbd.empty:
        return ApiError("VBD_NOT_EMPTY", vbd.ref)
    return None


def _power_state(case: _Case) -> ApiError | None:
    vbd, vm, operation = case.vbd, case.vm, case.operation
    if vm.power_state == "Running":
        if operation == "plug" and is_in_use(vbd):
            return ApiError("DEVICE_ALREADY_ATTACHED", vbd.ref)
        if operation in UNPLUG and not is_in_use(vbd):
            return ApiError("DEVICE_ALREADY_DETACHED", vbd.ref)
    elif operation in HOTPLUG or (operation in PAUSING and vm.power_state != "Paused"):
        return ApiError("VM_BAD_POWER_STATE", vm.ref, "running", vm.power_state.lower())
    return None


def _vm_busy(case: _Case) -> ApiError | None:
    if case.operation in ("plug", "unplug"):
        for current in case.vm.current_operations.values():
            if current in BLOCKING_VM_OPERATIONS:
                return ApiError("OPERATION_NOT_ALLOWED", f"VM {case.vm.ref} is in the middle of {current}")
    return None


def _guest(case: _Case) -> ApiError | None:
    """Why a fully virtualised guest cannot take or give up a device while it runs."""
    vm = case.vm
    if case.operation not in HOTPLUG or vm.power_state != "Running":
        return None
    metrics = case.reader.find(VMMetrics, vm.metrics)
    if metrics is None or not metrics.hvm:
        return None
    guest = case.reader.find(VMGuestMetrics, vm.guest_metrics)
    if guest is None:
        return ApiError("VM_MISSING_PV_DRIVERS", vm.ref)
    if guest.can_use_hotplug_vbd == "no":
        return ApiError("OPERATION_NOT_ALLOWED", f"the guest of VM {vm.ref} cannot hotplug disks")
    if guest.can_use_hotplug_vbd == "unspecified" and not guest.PV_drivers_detected and not guest.PV_drivers_version:
        return ApiError("VM_MISSING_PV_DRIVERS", vm.ref)
    if case.vbd.type == "CD":
        return ApiError("OPERATION_NOT_ALLOWED", "the media of the CD drive of an HVM guest change, the drive stays")
    return None


def _suspended(case: _Case) -> ApiError | None:
    if case.vbd.type == "CD" and case.operation in CHANGING_MEDIA and case.vm.power_state == "Suspended":
        return ApiError("VM_BAD_POWER_STATE", case.vm.ref, "halted, running", "suspended")
    return None


def _disk(case: _Case) -> ApiError | None:
    vbd = case.vbd
    vdi = None if vbd.empty else case.reader.find(VDI, vbd.VDI)
    if vdi is None:
        return None
    if not vdi.managed:
        return ApiError("VDI_NOT_MANAGED", vbd.ref)
    if case.operation in ATTACHING:
        for current in vdi.current_operations.values():
            if current not in HARMLESS_VDI_OPERATIONS:
                return ApiError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref, current)
    return None


_CHECKS: Sequence[Callable[[_Case], ApiError | None]] = (
    _busy,
    _unpluggable,
    _media,
    _power_state,
    _vm_busy,
    _guest,
    _suspended,
    _disk,
)


_LISTED: Mapping[tuple[bool, bool], tuple[str, ...]] = {
    (is_cd, is_running): tuple(
        operation
        for operation in OPERATIONS
        if (is_cd or operation not in CHANGING_MEDIA) and (is_running or operation not in HOTPLUG)
    )
    for is_cd in (False, True)
    for is_running in (False, True)
}
"""What allowed_operations could list, of a CD drive or not, while its VM runs or not."""

_BESIDE_OTHERS = tuple(operation for operation in OPERATIONS if operation in PAUSING)


def _candidates(reader: Reader, vbd: VBD) -> tuple[str, ...]:
    """The operations that are not ruled out by what a device is, what it does, and whether its VM runs."""
    if vbd.current_operations:
        return _BESIDE_OTHERS
    vm = reader.find(VM, vbd.VM)
    return _LISTED[vbd.type == "CD", vm is not None and vm.power_state == "Running"]


def _refresh_disk(tx: Transaction, vbd: VBD) -> None:
    refresh(tx, vdi_rules.RULES, vbd.VDI)  # a drive that was made empty may name a disk nevertheless


RULES = Rules(
    VBD,
    shown=OPERATIONS,
    check=check,
    also_refresh=_refresh_disk,
    check_call=check_sharing,
    candidates=_candidates,
)
