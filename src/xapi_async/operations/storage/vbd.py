"""VBD: making, plugging and filling block devices of VMs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import DeviceRefusedError, HostDownError, HypervisorError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked, refresh
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.device_names import guest_name, is_hvm
from xapi_async.operations.storage.facts import (
    ha_plans,
    ha_protected,
    incompatible_type,
    is_in_use,
    is_properly_shared,
    is_system_domain,
)
from xapi_async.operations.storage.loopback import NOT_FOR_VBDS
from xapi_async.operations.storage.plugging import prepare_disk, release_disk, vbd_device
from xapi_async.operations.storage.records import delete_vbd
from xapi_async.operations.storage.sites import not_supported
from xapi_async.operations.storage.vbd_records import assert_attachable, new_vbd, refresh_device
from xapi_async.operations.storage.vbd_rules import RULES

MIGRATIONS = ("migrate_send", "pool_migrate")
"""What a VM may not be doing when it gets another device."""


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """VBD.create: a device of a VM, detached whatever the VM does.

    Raises HANDLE_INVALID, VDI_INCOMPATIBLE_TYPE [VDI, type], VBD_CDS_MUST_BE_READONLY [],
    VBD_NOT_REMOVABLE_MEDIA [text], VDI_READONLY [VDI], OTHER_OPERATION_IN_PROGRESS ["VM", VM, operation],
    INVALID_DEVICE [userdevice], DEVICE_ALREADY_EXISTS [userdevice] or HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [].
    """
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, args["VM"])
        vdi = None if args["empty"] else tx.get(VDI, args["VDI"])
        if vdi is not None and vdi.type in NOT_FOR_VBDS:
            raise incompatible_type(vdi.ref, vdi.type)
        if args["type"] == "CD" and args["mode"] == "RW":
            raise ApiError("VBD_CDS_MUST_BE_READONLY")
        if args["empty"] and args["type"] != "CD":
            raise ApiError("VBD_NOT_REMOVABLE_MEDIA", "in constructor")
        if vdi is not None and args["mode"] == "RW" and vdi.read_only:
            raise ApiError("VDI_READONLY", vdi.ref)
        for current in vm.current_operations.values():
            if current in MIGRATIONS:
                raise ApiError("OTHER_OPERATION_IN_PROGRESS", "VM", vm.ref, current)
        made = new_vbd(tx, vm, **{name: value for name, value in args.items() if name != "VM"})
        if vdi is not None:
            _require_agile(tx, vm, vdi)
        return made.ref


def _require_agile(reader: Reader, vm: VM, vdi: VDI) -> None:
    """Raise HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [] where the disk would tie a protected VM to a host."""
    sr = reader.find(SR, vdi.SR)
    if ha_plans(reader) and ha_protected(vm) and not (sr is not None and is_properly_shared(reader, sr)):
        raise ApiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")


async def destroy(ctx: Context, self: str) -> None:
    """VBD.destroy: delete a device that is not attached; its disk stays. Raises OPERATION_NOT_ALLOWED [text]."""
    async with ctx.store.transaction() as tx:
        vbd = tx.get(VBD, self)
        if is_in_use(vbd):
            vm = tx.find(VM, vbd.VM)
            owner = vm.uuid if vm is not None else vbd.VM
            raise ApiError("OPERATION_NOT_ALLOWED", f"VBD {vbd.uuid} is attached to VM {owner}; unplug it first")
        delete_vbd(tx, vbd)


async def plug(ctx: Context, self: str) -> None:
    """VBD.plug: give a running guest a device.

    Raises as the rules say, DISK_VBD_MUST_BE_READWRITE_FOR_HVM [VBD], or what backend or hypervisor do.
    """
    async with marked(ctx, RULES, self, "plug"):
        vbd = ctx.store.get(VBD, self)
        vm = ctx.store.get(VM, vbd.VM)
        if vbd.type != "CD" and vbd.mode == "RO" and _runs_hvm(ctx.store, vm):
            raise ApiError("DISK_VBD_MUST_BE_READWRITE_FOR_HVM", self)
        await _plug(ctx, self)


async def _plug(ctx: Context, ref: str) -> None:
    """Make the disk ready on the VM's host, and have the guest find it."""
    store, services = ctx.store, ctx.services
    vbd = store.get(VBD, ref)
    vm = store.get(VM, vbd.VM)
    device = guest_name(vbd.userdevice, hvm=is_hvm(vm))
    if device is None:
        raise ApiError("ILLEGAL_VBD_DEVICE", ref, vbd.userdevice)
    host = require_reachable(services, vm.resident_on).ref
    if not vbd.empty:
        await prepare_disk(services, ref, host)
    if not is_system_domain(store, vm.ref):
        try:
            await services.hypervisor.plug(vm.uuid, vbd_device(vbd))
        except HypervisorError as error:
            if not vbd.empty:
                await release_disk(services, ref, host)
            raise _in_api_terms(vbd, vm, error) from error
    async with store.transaction() as tx:
        tx.set(tx.get(VBD, ref), device=device, currently_attached=True)


async def unplug(ctx: Context, self: str) -> None:
    """VBD.unplug: take the device from the guest, which has to agree, else DEVICE_DETACH_REJECTED ["VBD", VBD, ""]."""
    async with marked(ctx, RULES, self, "unplug"):
        await _unplug(ctx, self, force=False)


async def unplug_force(ctx: Context, self: str) -> None:
    """VBD.unplug_force: take the device from the guest without asking it."""
    async with marked(ctx, RULES, self, "unplug_force"):
        await _unplug(ctx, self, force=True)


async def _unplug(ctx: Context, ref: str, *, force: bool) -> None:
    store, services = ctx.store, ctx.services
    vbd = store.get(VBD, ref)
    vm = store.get(VM, vbd.VM)
    host = require_reachable(services, vm.resident_on).ref
    if not is_system_domain(store, vm.ref):
        try:
            await services.hypervisor.unplug(vm.uuid, vbd.uuid, force=force)
        except HypervisorError as error:
            raise _in_api_terms(vbd, vm, error) from error
    if not vbd.empty:
        await release_disk(services, ref, host)
    async with store.transaction() as tx:
        tx.set(tx.get(VBD, ref), currently_attached=False, reserved=False)


async def insert(ctx: Context, vbd: str, vdi: str) -> None:
    """VBD.insert: put a disk into an empty CD drive.

    Raises as the rules say, VDI_NOT_MANAGED [VDI], HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [], or what the backend does.
    """
    ctx.store.get(VDI, vdi)
    async with marked(ctx, RULES, vbd, "insert"):
        store = ctx.store
        drive, medium = store.get(VBD, vbd), store.get(VDI, vdi)
        vm = store.get(VM, drive.VM)
        if vm.power_state == "Suspended":
            raise ApiError("VM_BAD_POWER_STATE", vm.ref, "halted, running", "suspended")
        if not medium.managed:
            raise ApiError("VDI_NOT_MANAGED", vdi)
        _require_agile(store, vm, medium)
        await _put_medium(ctx, vbd, vdi)
        if vm.power_state != "Running" or vm.resident_on == NULL_REF:
            return
        try:
            if _runs_hvm(store, vm):
                # The drive is attached all along: only what is in it changes.
                await prepare_disk(ctx.services, vbd, require_reachable(ctx.services, vm.resident_on).ref)
            else:
                await _plug(ctx, vbd)
        except ApiError:
            await _put_medium(ctx, vbd, NULL_REF)
            raise


async def eject(ctx: Context, vbd: str) -> None:
    """VBD.eject: take the disk out of a CD drive. Raises as the rules say, or what the backend does."""
    async with marked(ctx, RULES, vbd, "eject"):
        store = ctx.store
        drive = store.get(VBD, vbd)
        vm = store.get(VM, drive.VM)
        if vm.power_state == "Suspended":
            raise ApiError("VM_BAD_POWER_STATE", vm.ref, "halted, running", "suspended")
        if vm.power_state == "Running" and vm.resident_on != NULL_REF:
            if _runs_hvm(store, vm):
                await release_disk(ctx.services, vbd, vm.resident_on)
            elif is_in_use(drive):
                await _unplug(ctx, vbd, force=False)
        await _put_medium(ctx, vbd, NULL_REF)


async def _put_medium(ctx: Context, vbd: str, vdi: str) -> None:
    async with ctx.store.transaction() as tx:
        drive = tx.get(VBD, vbd)
        before = drive.VDI
        tx.set(drive, VDI=vdi, empty=vdi == NULL_REF)
        refresh_device(tx, vbd)
        refresh(tx, vdi_rules.RULES, before)


async def set_mode(ctx: Context, self: str, value: str) -> None:
    """VBD.set_mode. Raises VM_BAD_POWER_STATE [VM, "halted", actual]."""
    async with ctx.store.transaction() as tx:
        vbd = tx.get(VBD, self)
        vm = tx.get(VM, vbd.VM)
        if vm.power_state != "Halted":
            raise ApiError("VM_BAD_POWER_STATE", vm.ref, "halted", vm.power_state.lower())
        tx.set(vbd, mode=value)


async def set_type(ctx: Context, self: str, value: str) -> None:
    """VBD.set_type: taken into use when the device is next attached."""
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VBD, self), type=value)
        refresh(tx, RULES, self)


async def set_unpluggable(ctx: Context, self: str, value: bool) -> None:
    """VBD.set_unpluggable."""
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VBD, self), unpluggable=value)
        refresh(tx, RULES, self)


async def check_attachable(ctx: Context, self: str) -> None:
    """VBD.assert_attachable. Raises what would keep the VM from starting with the device."""
    assert_attachable(ctx.store, ctx.store.get(VBD, self))


async def pause(ctx: Context, self: str) -> str:
    """VBD.pause: no backend does it. Raises SR_OPERATION_NOT_SUPPORTED [SR]."""
    async with marked(ctx, RULES, self, "pause"):
        raise _pause_error(ctx, self)


async def unpause(ctx: Context, self: str, token: str) -> None:
    """VBD.unpause: no backend does it. Raises SR_OPERATION_NOT_SUPPORTED [SR]."""
    async with marked(ctx, RULES, self, "unpause"):
        raise _pause_error(ctx, self)


def _pause_error(ctx: Context, vbd: str) -> ApiError:
    vdi = ctx.store.find(VDI, ctx.store.get(VBD, vbd).VDI)
    return not_supported(vdi.SR if vdi is not None else NULL_REF)


def _runs_hvm(reader: Reader, vm: VM) -> bool:
    metrics = reader.find(VMMetrics, vm.metrics)
    return metrics is not None and metrics.hvm


def _in_api_terms(vbd: VBD, vm: VM, error: HypervisorError) -> ApiError:
    if isinstance(error, DeviceRefusedError):
        return ApiError("DEVICE_DETACH_REJECTED", "VBD", vbd.ref, "")
    if isinstance(error, HostDownError):
        return ApiError("CANNOT_CONTACT_HOST", vm.resident_on)
    return ApiError("INTERNAL_ERROR", f"VBD {vbd.ref}: {error}")


HANDLERS: Handlers = {
    "VBD.create": create,
    "VBD.destroy": destroy,
    "VBD.plug": plug,
    "VBD.unplug": unplug,
    "VBD.unplug_force": unplug_force,
    "VBD.unplug_force_no_safety_check": unplug_force,
    "VBD.insert": insert,
    "VBD.eject": eject,
    "VBD.set_mode": set_mode,
    "VBD.set_type": set_type,
    "VBD.set_unpluggable": set_unpluggable,
    "VBD.assert_attachable": check_attachable,
    "VBD.pause": pause,
    "VBD.unpause": unpause,
}
