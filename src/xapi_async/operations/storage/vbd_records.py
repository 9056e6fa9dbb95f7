"""Records of block devices: making them, and what VMs do with theirs as they start and stop."""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.marking import refresh
from xapi_async.operations.storage import vbd_rules
from xapi_async.operations.storage.device_names import guest_name, is_hvm, resolve
from xapi_async.operations.storage.facts import live

BACKEND_KIND = "backend-kind"
"""The key of a disk's sm_config that its block devices have in other_config."""


def new_vbd(tx: Transaction, vm: VM, **values: Any) -> VBD:
    """A detached device with fresh metrics. Raises INVALID_DEVICE or DEVICE_ALREADY_EXISTS [userdevice]."""
    values["userdevice"] = resolve(tx, vm, values["userdevice"], values["type"])
    vdi = None if values["empty"] else tx.find(VDI, values["VDI"])
    if vdi is not None and BACKEND_KIND in vdi.sm_config:
        values["other_config"] = {**values["other_config"], BACKEND_KIND: vdi.sm_config[BACKEND_KIND]}
    vbd = tx.create(VBD, **{**values, "VM": vm.ref, "metrics": tx.create(VBDMetrics, last_updated=NEVER).ref})
    refresh(tx, vbd_rules.RULES, vbd.ref)
    return vbd


# For those who start, stop and copy VMs


def vbds_of(reader: Reader, vm: str) -> list[VBD]:
    """The block devices of a VM."""
    return list(live(reader, VBD, reader.get(VM, vm).VBDs))


def assert_attachable(reader: Reader, vbd: VBD) -> None:
    """Raise what forbids to attach a device as its VM starts."""
    error = vbd_rules.attach_error(reader, vbd)
    if error is not None:
        raise error


def mark_attached(tx: Transaction, vm: str, *, hvm: bool | None = None) -> None:
    """Show the devices of a starting VM as attached; empty drives only where it is fully virtualised.

    Raises ILLEGAL_VBD_DEVICE [VBD, userdevice].
    """
    owner = tx.get(VM, vm)
    for vbd in vbds_of(tx, vm):
        if vbd.empty and not (is_hvm(owner) if hvm is None else hvm):
            continue
        device = guest_name(vbd.userdevice, hvm=is_hvm(owner))
        if device is None:
            raise ApiError("ILLEGAL_VBD_DEVICE", vbd.ref, vbd.userdevice)
        tx.set(vbd, device=device, currently_attached=True)
        refresh_device(tx, vbd.ref)


def mark_detached(tx: Transaction, vm: str) -> None:
    """What becomes of a VM's devices when it is halted: detached, and nothing under way on them."""
    for vbd in vbds_of(tx, vm):
        if vbd.currently_attached or vbd.reserved or vbd.current_operations:
            tx.set(vbd, currently_attached=False, reserved=False, current_operations={})
        refresh_device(tx, vbd.ref)


def refresh_devices(tx: Transaction, vm: str) -> None:
    """Compute the allowed operations of a VM's devices and their disks anew."""
    for vbd in vbds_of(tx, vm):
        refresh_device(tx, vbd.ref)


def refresh_device(tx: Transaction, vbd: str) -> None:
    """Compute the allowed operations of a device and its disk anew."""
    refresh(tx, vbd_rules.RULES, vbd)
