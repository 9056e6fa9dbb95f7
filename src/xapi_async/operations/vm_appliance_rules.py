"""When which operation is allowed on an appliance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_appliance import VMAppliance
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations import marking
from xapi_async.operations.marking import Rules

OPERATIONS = ("start", "clean_shutdown", "hard_shutdown", "shutdown")

ANY_MEMBER: Mapping[str, Callable[[VM], bool]] = {
    "start": lambda vm: vm.power_state == "Halted",
    "clean_shutdown": lambda vm: vm.power_state == "Running",
    "hard_shutdown": lambda vm: vm.power_state != "Halted",
    "shutdown": lambda vm: vm.power_state != "Halted",
}
"""What at least one member has to be like for an operation to have anything to do."""


def check(reader: Reader, appliance: VMAppliance, operation: str) -> ApiError | None:
    """The error that forbids an operation on an appliance now; None where it is allowed."""
    if appliance.current_operations:
        return ApiError("OTHER_OPERATION_IN_PROGRESS", "VM_appliance", appliance.ref)
    members = members_of(reader, appliance)
    if not members:
        return ApiError("OPERATION_NOT_ALLOWED", f"appliance {appliance.ref} has no VMs")
    if not any(map(ANY_MEMBER[operation], members)):
        return ApiError("OPERATION_NOT_ALLOWED", f"no VM of appliance {appliance.ref} is in a state for {operation}")
    return None


def members_of(reader: Reader, appliance: VMAppliance) -> list[VM]:
    """The VMs of an appliance."""
    return [vm for vm in (reader.find(VM, ref) for ref in appliance.VMs) if vm is not None]


RULES = Rules(VMAppliance, shown=OPERATIONS, check=check)


def refresh_appliance(tx: Transaction, ref: str) -> None:
    """Compute an appliance's allowed_operations anew; no error where it is gone or there is none."""
    marking.refresh(tx, RULES, ref)


def refresh_of_member(tx: Transaction, vm: VM) -> None:
    """Compute those of the appliance that a VM is in, if it is in one."""
    refresh_appliance(tx, vm.appliance)
