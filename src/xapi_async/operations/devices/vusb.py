"""VUSB: giving VMs a USB device of their host."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.licensing import require_feature
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.marking import Rules, marked, refresh
from xapi_async.operations.vm import rules as vm_rules

MOST_PER_VM = 6

OPERATIONS = ("attach", "plug", "unplug")

HOTPLUG = frozenset({"plug", "unplug"})
"""The operations that change a running guest; ``attach`` is allowed in every power state."""

BLOCKING_VM_OPERATIONS = ("clean_shutdown", "hard_shutdown", "suspend", "pause")
"""What the VM may not be doing while a device is hotplugged."""


def check(reader: Reader, vusb: VUSB, operation: str) -> ApiError | None:
    """The error that forbids an operation on a VUSB now; None where it is allowed."""
    for current in vusb.current_operations.values():
        return ApiError("OTHER_OPERATION_IN_PROGRESS", "VUSB", vusb.ref, current)
    if operation not in HOTPLUG:
        return None
    vm = reader.get(VM, vusb.VM)
    if vm.power_state != "Running":
        return ApiError("VM_BAD_POWER_STATE", vm.ref, "running", vm.power_state.lower())
    if operation == "plug" and vusb.currently_attached:
        return ApiError("DEVICE_ALREADY_ATTACHED", vusb.ref)
    if operation == "unplug" and not vusb.currently_attached:
        return ApiError("DEVICE_ALREADY_DETACHED", vusb.ref)
    for current in vm.current_operations.values():
        if current in BLOCKING_VM_OPERATIONS:
            return ApiError("OPERATION_NOT_ALLOWED", f"VM {vm.ref} is in the middle of {current}")
    return None


RULES = Rules(VUSB, shown=OPERATIONS, check=check)


async def create(ctx: Context, VM: str, USB_group: str, other_config: Mapping[str, str]) -> str:
    """VUSB.create: plugged in when the VM next starts.

    Raises LICENCE_RESTRICTION ["USB_passthrough"], TOO_MANY_VUSBS ["6"], USB_GROUP_CONFLICT [group] or
    OPERATION_NOT_ALLOWED [text].
    """
    async with ctx.store.transaction() as tx:
        require_feature(tx, "USB_passthrough")
        vm, group = tx.get(_VM, VM), tx.get(USBGroup, USB_group)
        if len(vm.VUSBs) >= MOST_PER_VM:
            raise ApiError("TOO_MANY_VUSBS", MOST_PER_VM)
        if group.VUSBs:
            raise ApiError("USB_GROUP_CONFLICT", USB_group)
        if vm.ha_restart_priority == "restart":
            raise ApiError("OPERATION_NOT_ALLOWED", f"VM {VM} is protected by high availability, so it may move")
        # Its allowed operations stay empty until something happens to it or to its VM.
        vusb = tx.create(VUSB, VM=VM, USB_group=USB_group, other_config=other_config)
        vm_rules.refresh(tx, VM)
        return vusb.ref


async def unplug(ctx: Context, self: str) -> None:
    """VUSB.unplug. Raises as the rules say, or INTERNAL_ERROR [text] for VMs that are not fully virtualised."""
    async with marked(ctx, RULES, self, "unplug"), ctx.store.transaction() as tx:
        vusb = tx.get(VUSB, self)
        reach(ctx, tx.get(VM, vusb.VM).resident_on)
        metrics = tx.find(VMMetrics, tx.get(VM, vusb.VM).metrics)
        if metrics is None or not metrics.hvm:
            raise ApiError("INTERNAL_ERROR", f"VM {vusb.VM} is paravirtualised and cannot give up USB devices")
        tx.set(vusb, currently_attached=False)


async def destroy(ctx: Context, self: str) -> None:
    """VUSB.destroy. Raises OPERATION_NOT_ALLOWED [text] while it is attached."""
    async with ctx.store.transaction() as tx:
        vusb = tx.get(VUSB, self)
        if vusb.currently_attached:
            raise ApiError("OPERATION_NOT_ALLOWED", f"VUSB {self} is attached to VM {vusb.VM}")
        delete_vusb(tx, vusb)


def delete_vusb(tx: Transaction, vusb: VUSB) -> None:
    """Delete a USB device of a VM, which may then do more."""
    tx.delete(vusb)
    vm_rules.refresh(tx, vusb.VM)


def refresh_vusbs(tx: Transaction, vm: str) -> None:
    """Compute the allowed operations of a VM's USB devices anew."""
    for ref in tx.get(VM, vm).VUSBs:
        refresh(tx, RULES, ref)


def delete_vusbs(tx: Transaction, vm: str) -> None:
    """Delete the USB devices of a VM, as when it becomes a template or is reverted."""
    for vusb in (tx.find(VUSB, ref) for ref in tx.get(VM, vm).VUSBs):
        if vusb is not None:
            tx.delete(vusb)


_VM = VM  # create has a parameter of that name, as the API does

HANDLERS: Handlers = {"VUSB.create": create, "VUSB.unplug": unplug, "VUSB.destroy": destroy}
