"""VM: being a template, high availability, order of start, membership of appliances and schedules."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.classes.vmss import VMSS
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.clock import api_time
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.vusb import delete_vusbs
from xapi_async.operations.marking import marked
from xapi_async.operations.pools.protection import require_plan_protecting
from xapi_async.operations.vm.agility import require_agile
from xapi_async.operations.vm.creating import VENDOR_FEATURE
from xapi_async.operations.vm.facts import guest_metrics, vdis_of
from xapi_async.operations.vm.features import require_feature, the_pool
from xapi_async.operations.vm.preparing import raise_hardware_platform
from xapi_async.operations.vm.rule_tables import QUIESCE_FEATURES
from xapi_async.operations.vm.rules import RULES, bad_power_state, refresh
from xapi_async.operations.vm_appliance_rules import refresh_appliance

RESTART_PRIORITIES = ("restart", "best-effort", "")


# Templates


async def set_is_a_template(ctx: Context, self: str, value: bool) -> None:
    """VM.set_is_a_template. Raises LICENCE_RESTRICTION [feature] or VM_IS_PROTECTED [VM]."""
    if value:
        await _make_template(ctx, self)
        return
    async with ctx.store.transaction() as tx:
        clear_template(tx, self, ctx.services.clock.now())


def clear_template(tx: Transaction, ref: str, now: float) -> None:
    """Make a VM of a template, without its disks. now: seconds since 1970, when it counts as installed."""
    vm = tx.get(VM, ref)
    _require_vendor_licence(tx, vm)
    metrics = tx.find(VMMetrics, vm.metrics)
    if metrics is not None:
        tx.set(metrics, install_time=api_time(now))
    tx.set(vm, is_a_template=False)


async def _make_template(ctx: Context, ref: str) -> None:
    async with marked(ctx, RULES, ref, "make_into_template"), ctx.store.transaction() as tx:
        vm = tx.get(VM, ref)
        _require_vendor_licence(tx, vm)
        if the_pool(tx).ha_enabled and vm.ha_always_run and vm.ha_restart_priority == "restart":
            raise ApiError("VM_IS_PROTECTED", ref)
        delete_vusbs(tx, ref)
        metrics = tx.find(VMMetrics, vm.metrics)
        if metrics is not None:
            tx.delete(metrics)
        tx.set(vm, ha_always_run=False, is_a_template=True)


def _require_vendor_licence(reader: Reader, vm: VM) -> None:
    if vm.has_vendor_device:
        require_feature(reader, VENDOR_FEATURE)


async def set_is_default_template(ctx: Context, vm: str, value: bool) -> None:
    """VM.set_is_default_template; clearing it leaves an ordinary template."""
    if value and not ctx.store.get(VM, vm).is_a_template:
        await _make_template(ctx, vm)
    async with ctx.store.transaction() as tx:
        target = tx.get(VM, vm)
        other_config = {**target.other_config, "default_template": "true" if value else "false"}
        tx.set(target, is_default_template=value, other_config=other_config)
        refresh(tx, vm)


async def set_has_vendor_device(ctx: Context, self: str, value: bool) -> None:
    """VM.set_has_vendor_device. Raises LICENCE_RESTRICTION [feature] or VM_BAD_POWER_STATE unless halted."""
    async with ctx.store.transaction() as tx:
        if value:
            require_feature(tx, VENDOR_FEATURE)
        vm = tx.get(VM, self)
        if vm.power_state != "Halted":
            raise bad_power_state(vm, "halted")
        tx.set(vm, has_vendor_device=value)
        raise_hardware_platform(tx, vm)


# High availability and order


async def set_ha_restart_priority(ctx: Context, self: str, value: str) -> None:
    """VM.set_ha_restart_priority. Raises INVALID_VALUE ["ha_restart_priority", value].

    Protecting a VM that is not halted raises HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [] where that is so.
    """
    if value not in RESTART_PRIORITIES:
        raise ApiError("INVALID_VALUE", "ha_restart_priority", value)
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, self)
        if vm.ha_restart_priority != value:
            if value == "restart" and vm.power_state != "Halted":
                require_plan_protecting(tx.view, vm)
            tx.set(vm, ha_restart_priority=value)
        always = value == "restart"
        if vm.power_state == "Running" and vm.ha_always_run != always:
            tx.set(vm, ha_always_run=always)
        refresh(tx, self)


async def set_ha_always_run(ctx: Context, self: str, value: bool) -> None:
    """VM.set_ha_always_run: an old way to set the restart priority."""
    await set_ha_restart_priority(ctx, self, "restart" if value else "")


def _setter(field: str) -> Callable[[Context, str, int], Coroutine[Any, Any, None]]:
    async def set_number(ctx: Context, self: str, value: int) -> None:
        """Store a number. Raises INVALID_VALUE [text, value] where it is negative."""
        if value < 0:
            raise ApiError("INVALID_VALUE", f"{field} must not be negative", value)
        async with ctx.store.transaction() as tx:
            tx.set(tx.get(VM, self), **{field: value})

    return set_number


async def assert_agile(ctx: Context, self: str) -> None:
    """VM.assert_agile. Raises what ties the VM to some hosts."""
    require_agile(ctx.store, ctx.store.get(VM, self))


# Appliances and schedules


async def set_appliance(ctx: Context, self: str, value: str) -> None:
    """VM.set_appliance. Raises OPERATION_NOT_ALLOWED [text] for control domains, templates and snapshots."""
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, self)
        if vm.is_control_domain or vm.is_a_template or vm.is_a_snapshot:
            raise ApiError("OPERATION_NOT_ALLOWED", "only ordinary VMs can be in an appliance")
        before = vm.appliance
        tx.set(vm, appliance=value)
        refresh(tx, self)  # and with it the new appliance
        refresh_appliance(tx, before)


async def set_protection_policy(ctx: Context, self: str, value: str) -> None:
    """VM.set_protection_policy: gone from the API. Raises MESSAGE_REMOVED []."""
    raise ApiError("MESSAGE_REMOVED")


async def set_snapshot_schedule(ctx: Context, self: str, value: str) -> None:
    """VM.set_snapshot_schedule. Raises LICENCE_RESTRICTION [feature], INVALID_VALUE [value], VM_IS_TEMPLATE [VM], …"""
    async with ctx.store.transaction() as tx:
        require_feature(tx, "VMSS")
        vm, schedule = tx.get(VM, self), tx.find(VMSS, value)
        if schedule is None and value not in (NULL_REF, ""):
            raise ApiError("INVALID_VALUE", value)
        if schedule is not None:
            _require_schedulable(tx, vm, schedule)
        tx.set(vm, snapshot_schedule=value or NULL_REF)
        refresh(tx, self)


def _require_schedulable(reader: Reader, vm: VM, schedule: VMSS) -> None:
    if vm.is_control_domain:
        raise ApiError("INVALID_VALUE", schedule.ref)
    if vm.is_a_template:
        raise ApiError("VM_IS_TEMPLATE", vm.ref)
    if schedule.type == "snapshot_with_quiesce":
        require_feature(reader, "VSS")
        require_quiesce(reader, vm)


def require_quiesce(reader: Reader, vm: VM) -> None:
    """Raise why the disks of a VM cannot be brought to rest by its guest.

    It is VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION [] or VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED [VM].
    """
    if any(_is_reset(vdi) for vdi in vdis_of(reader, vm)):
        raise ApiError("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    guest = guest_metrics(reader, vm)
    if guest is None or not any(guest.other.get(feature) == "1" for feature in QUIESCE_FEATURES):
        raise ApiError("VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm.ref)


def _is_reset(vdi: VDI) -> bool:
    return vdi.sm_config.get("on_boot") == "reset"


HANDLERS: Handlers = {
    "VM.set_is_a_template": set_is_a_template,
    "VM.set_is_default_template": set_is_default_template,
    "VM.set_has_vendor_device": set_has_vendor_device,
    "VM.set_ha_restart_priority": set_ha_restart_priority,
    "VM.set_ha_always_run": set_ha_always_run,
    "VM.set_start_delay": _setter("start_delay"),
    "VM.set_shutdown_delay": _setter("shutdown_delay"),
    "VM.set_order": _setter("order"),
    "VM.assert_agile": assert_agile,
    "VM.set_appliance": set_appliance,
    "VM.set_protection_policy": set_protection_policy,
    "VM.set_snapshot_schedule": set_snapshot_schedule,
}
