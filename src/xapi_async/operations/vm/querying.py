"""VM: questions about a VM, its statistics, and devices it could still get."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import marked
from xapi_async.operations.storage.device_names import free_disks
from xapi_async.operations.vm import attachments
from xapi_async.operations.vm.facts import is_live
from xapi_async.operations.vm.rules import RULES, bad_power_state, check, refresh

VIF_POSITIONS = 7


async def get_allowed_VBD_devices(ctx: Context, vm: str) -> tuple[str, ...]:  # noqa: N802
    """VM.get_allowed_VBD_devices: the positions no block device has."""
    return tuple(free_disks(ctx.store, ctx.store.get(VM, vm)))


async def get_allowed_VIF_devices(ctx: Context, vm: str) -> tuple[str, ...]:  # noqa: N802
    """VM.get_allowed_VIF_devices: the positions no interface has."""
    vifs = (ctx.store.find(VIF, ref) for ref in ctx.store.get(VM, vm).VIFs)
    taken = {vif.device for vif in vifs if vif is not None}
    return tuple(str(number) for number in range(VIF_POSITIONS) if str(number) not in taken)


async def assert_operation_valid(ctx: Context, self: str, op: str) -> None:
    """VM.assert_operation_valid. Raises the error that forbids the operation now."""
    error = check(ctx.store, ctx.store.get(VM, self), op)
    if error is not None:
        raise error


async def update_allowed_operations(ctx: Context, self: str) -> None:
    """VM.update_allowed_operations: for its devices as well."""
    ctx.store.get(VM, self)
    async with ctx.store.transaction() as tx:
        attachments.refresh(tx, self)
        refresh(tx, self)


async def get_boot_record(ctx: Context, self: str) -> VM:
    """VM.get_boot_record: the VM's record as it is, unless it is halted."""
    async with marked(ctx, RULES, self, "get_boot_record"):
        return ctx.store.get(VM, self)


# Statistics


async def get_data_sources(ctx: Context, self: str) -> tuple[Mapping[str, Any], ...]:
    """VM.get_data_sources: what is measured of a running VM."""
    async with marked(ctx, RULES, self, "data_source_op"):
        vm = ctx.store.get(VM, self)
        return tuple(
            {
                "name_label": figure.name,
                "name_description": figure.doc,
                "enabled": True,
                "standard": figure.is_standard,
                "units": figure.units,
                "min": figure.minimum,
                "max": figure.maximum,
                "value": 0.0,
            }
            for figure in ctx.services.hypervisor.statistics(vm.uuid)
        )


async def record_data_source(ctx: Context, self: str, data_source: str) -> None:
    """VM.record_data_source: everything that is measured is recorded anyway."""
    async with marked(ctx, RULES, self, "data_source_op"):
        _figure(ctx, self, data_source)


async def forget_data_source_archives(ctx: Context, self: str, data_source: str) -> None:
    """VM.forget_data_source_archives: checked only, as no archives of single figures are kept."""
    async with marked(ctx, RULES, self, "data_source_op"):
        _figure(ctx, self, data_source)


async def query_data_source(ctx: Context, self: str, data_source: str) -> float:
    """VM.query_data_source: the latest value. Raises VM_BAD_POWER_STATE unless running or paused."""
    vm = ctx.store.get(VM, self)
    if not is_live(vm):
        raise bad_power_state(vm, "running", "paused", join=";")
    return _figure(ctx, self, data_source)


def _figure(ctx: Context, ref: str, name: str) -> float:
    figures = ctx.services.hypervisor.statistics(ctx.store.get(VM, ref).uuid)
    value = next((figure.value for figure in figures if figure.name == name), math.nan)
    if math.isnan(value):
        raise ApiError("INTERNAL_ERROR", f"nothing called {name} is measured of VM {ref}")
    return value


# What the API declares and answers with an error


def _unavailable(operation: str) -> Any:
    async def refuse(ctx: Context, vm: str, *args: str) -> None:
        """Check the operation, then answer NOT_IMPLEMENTED [operation], as the API has it."""
        async with marked(ctx, RULES, vm, operation):
            raise ApiError("NOT_IMPLEMENTED", operation)

    return refuse


HANDLERS: Handlers = {
    "VM.get_allowed_VBD_devices": get_allowed_VBD_devices,
    "VM.get_allowed_VIF_devices": get_allowed_VIF_devices,
    "VM.assert_operation_valid": assert_operation_valid,
    "VM.update_allowed_operations": update_allowed_operations,
    "VM.get_boot_record": get_boot_record,
    "VM.get_data_sources": get_data_sources,
    "VM.record_data_source": record_data_source,
    "VM.forget_data_source_archives": forget_data_source_archives,
    "VM.query_data_source": query_data_source,
    "VM.send_sysrq": _unavailable("send_sysrq"),
    "VM.send_trigger": _unavailable("send_trigger"),
    "VM.query_services": _unavailable("query_services"),
}
