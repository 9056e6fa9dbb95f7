"""When which operation is allowed on a VIF."""

from __future__ import annotations

from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.marking import Rules

OPERATIONS = ("attach", "plug", "unplug")

HOTPLUG = frozenset({"plug", "unplug"})
"""The operations that change a running guest; ``attach`` is allowed in every power state."""

BLOCKING_VM_OPERATIONS = ("clean_shutdown", "hard_shutdown", "suspend", "pause")
"""What the VM may not be doing while an interface is hotplugged."""


def check(reader: Reader, vif: VIF, operation: str) -> ApiError | None:
    """The error that forbids an operation on a VIF now; None where it is allowed."""
    for current in vif.current_operations.values():
        return ApiError("OTHER_OPERATION_IN_PROGRESS", "VIF", vif.ref, current)
    if operation not in HOTPLUG:
        return None
    vm = reader.get(VM, vif.VM)
    if vm.power_state != "Running":
        return ApiError("VM_BAD_POWER_STATE", vm.ref, "running", vm.power_state.lower())
    plugged = vif.currently_attached or vif.reserved
    if operation == "plug" and plugged:
        return ApiError("DEVICE_ALREADY_ATTACHED", vif.ref)
    if operation == "unplug" and not plugged:
        return ApiError("DEVICE_ALREADY_DETACHED", vif.ref)
    for current in vm.current_operations.values():
        if current in BLOCKING_VM_OPERATIONS:
            return ApiError("OPERATION_NOT_ALLOWED", f"VM {vm.ref} is in the middle of {current}")
    return _hotplug_error(reader, vm)


def _hotplug_error(reader: Reader, vm: VM) -> ApiError | None:
    """Why a running guest cannot take or give up an interface; paravirtual ones always can."""
    metrics = reader.find(VMMetrics, vm.metrics)
    if metrics is None or not metrics.hvm:
        return None
    guest = reader.find(VMGuestMetrics, vm.guest_metrics)
    if guest is None:
        return ApiError("VM_MISSING_PV_DRIVERS", vm.ref)
    if guest.can_use_hotplug_vif == "no":
        return ApiError("OPERATION_NOT_ALLOWED", f"the guest of VM {vm.ref} cannot hotplug network interfaces")
    if guest.can_use_hotplug_vif == "unspecified" and not guest.PV_drivers_detected and not _drivers_known(guest):
        return ApiError("VM_MISSING_PV_DRIVERS", vm.ref)
    return None


def _drivers_known(guest: VMGuestMetrics) -> bool:
    version = guest.PV_drivers_version
    return all(_is_integer(version.get(part, "")) for part in ("major", "minor"))


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


RULES = Rules(VIF, shown=OPERATIONS, check=check)
