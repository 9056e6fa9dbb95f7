"""VM: making a record from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.vm.features import has_feature, require_feature, the_pool
from xapi_async.operations.vm.preparing import VENDOR_DEVICE_PLATFORM
from xapi_async.operations.vm.rules import refresh
from xapi_async.operations.vm.sizes import stored_overhead

VENDOR_FEATURE = "PCI_device_for_auto_update"
DEFAULT_DEVICE_MODEL = "qemu-trad"

NOT_TAKEN: Mapping[str, Any] = {
    "blocked_operations": {},
    "protection_policy": NULL_REF,
    "snapshot_schedule": NULL_REF,
    "is_snapshot_from_vmpp": False,
    "is_vmss_snapshot": False,
}
"""What a new VM starts with, whatever was asked for."""


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """VM.create: a halted VM. Raises LICENCE_RESTRICTION [feature] where it wants the vendor's device."""
    async with ctx.store.transaction() as tx:
        wanted = args.get("has_vendor_device")
        has_device = _vendor_device_by_default(tx) if wanted is None else bool(wanted)
        if has_device:
            require_feature(tx, VENDOR_FEATURE)
        return new_vm(tx, **{**args, **NOT_TAKEN, "has_vendor_device": has_device}).ref


def new_vm(tx: Transaction, **values: Any) -> VM:
    """A halted VM with fresh metrics, from fields as they are to be, completed where the API says so."""
    platform, hvm = values.get("platform", {}), values.get("HVM_boot_policy", "") != ""
    values["platform"] = {"device-model": DEFAULT_DEVICE_MODEL, **platform} if hvm else platform
    values["other_config"] = {"mac_seed": new_uuid(), **values.get("other_config", {})}
    if values.get("has_vendor_device"):
        version = values.get("hardware_platform_version", 0)
        values["hardware_platform_version"] = max(VENDOR_DEVICE_PLATFORM, version)
    values.setdefault("metrics", tx.create(VMMetrics, VCPUs_utilisation={0: 0.0}).ref)
    vm = tx.create(VM, **{"power_state": "Halted", "domid": -1, **values})
    tx.set(vm, memory_overhead=stored_overhead(tx, vm))
    refresh(tx, vm.ref)
    return vm


def _vendor_device_by_default(reader: Reader) -> bool:
    return has_feature(reader, VENDOR_FEATURE) and not the_pool(reader).policy_no_vendor_device


HANDLERS: Handlers = {"VM.create": create}
