"""PGPU: what a graphics card is used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.capacity import card_capacity, vgpus
from xapi_async.operations.devices.gpu_group import refresh_types
from xapi_async.operations.devices.licensing import require_feature
from xapi_async.operations.hosts.reaching import reach

AFTER_ENABLING: Mapping[str, str] = {
    "enabled": "enabled",
    "disable_on_reboot": "enabled",
    "disabled": "enable_on_reboot",
    "enable_on_reboot": "enable_on_reboot",
}
"""What becomes of access that only a reboot really changes, when it is switched on."""

AFTER_DISABLING: Mapping[str, str] = {
    "enabled": "disable_on_reboot",
    "disable_on_reboot": "disable_on_reboot",
    "disabled": "disabled",
    "enable_on_reboot": "disabled",
}
"""The same, when it is switched off."""


async def add_enabled_types(ctx: Context, self: str, value: str) -> None:
    """PGPU.add_enabled_VGPU_types. Raises VGPU_TYPE_NOT_SUPPORTED [type, supported types]."""
    async with ctx.store.transaction() as tx:
        pgpu = tx.get(PGPU, self)
        tx.get(VGPUType, value)
        _require_supported(pgpu, [value])
        _enable(tx, pgpu, (*pgpu.enabled_VGPU_types, value))


async def remove_enabled_types(ctx: Context, self: str, value: str) -> None:
    """PGPU.remove_enabled_VGPU_types. Raises PGPU_IN_USE_BY_VM [VMs] while the card runs that type."""
    async with ctx.store.transaction() as tx:
        pgpu = tx.get(PGPU, self)
        _require_unused(tx, pgpu, [value])
        _enable(tx, pgpu, (kept for kept in pgpu.enabled_VGPU_types if kept != value))


async def set_enabled_types(ctx: Context, self: str, value: Sequence[str]) -> None:
    """PGPU.set_enabled_VGPU_types. Raises VGPU_TYPE_NOT_SUPPORTED [type, supported types] or PGPU_IN_USE_BY_VM."""
    async with ctx.store.transaction() as tx:
        pgpu = tx.get(PGPU, self)
        before = pgpu.enabled_VGPU_types
        _require_supported(pgpu, [new for new in value if new not in before])
        _require_unused(tx, pgpu, [old for old in before if old not in value])
        _enable(tx, pgpu, value)


async def set_group(ctx: Context, self: str, value: str) -> None:
    """PGPU.set_GPU_group: the former group keeps its kinds of cards, even where it is empty now.

    Raises PGPU_IN_USE_BY_VM [VMs] or PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP [kind, "[kind, kind]"].
    """
    async with ctx.store.transaction() as tx:
        pgpu, group = tx.get(PGPU, self), tx.get(GPUGroup, value)
        residents = vgpus(tx, pgpu.resident_VGPUs)
        if residents:
            raise ApiError("PGPU_IN_USE_BY_VM", *(vgpu.VM for vgpu in residents))
        kind = card_kind(tx, pgpu)
        if group.GPU_types and kind not in group.GPU_types:
            raise ApiError("PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", kind, f"[{', '.join(group.GPU_types)}]")
        former = pgpu.GPU_group
        tx.set(pgpu, GPU_group=value)
        if not group.GPU_types:
            tx.set(group, GPU_types=(kind,))
        for ref in dict.fromkeys((former, value)):
            refresh_types(tx, ref)


async def get_remaining_capacity(ctx: Context, self: str, vgpu_type: str) -> int:
    """PGPU.get_remaining_capacity: 0 where none fits, whatever the reason."""
    ctx.store.get(VGPUType, vgpu_type)
    return card_capacity(ctx.store, ctx.store.get(PGPU, self), vgpu_type)


async def enable_dom0_access(ctx: Context, self: str) -> str:
    """PGPU.enable_dom0_access: gives what now holds; some of it only from the next boot on."""
    reach(ctx, ctx.store.get(PGPU, self).host)
    return await _switch(ctx, self, AFTER_ENABLING)


async def disable_dom0_access(ctx: Context, self: str) -> str:
    """PGPU.disable_dom0_access. Raises FEATURE_RESTRICTED []."""
    reach(ctx, ctx.store.get(PGPU, self).host)
    require_feature(ctx.store, "Integrated_GPU")
    return await _switch(ctx, self, AFTER_DISABLING)


def card_kind(reader: Reader, pgpu: PGPU) -> str:
    """The kind of a card, as ``VENDORID/DEVICEID``."""
    pci = reader.get(PCI, pgpu.PCI)
    return f"{pci.vendor_id}/{pci.device_id}"


async def _switch(ctx: Context, ref: str, table: Mapping[str, str]) -> str:
    async with ctx.store.transaction() as tx:
        pgpu = tx.get(PGPU, ref)
        after = table[pgpu.dom0_access]
        tx.set(pgpu, dom0_access=after)
        return after


def _enable(tx: Transaction, pgpu: PGPU, types: Iterable[str]) -> None:
    tx.set(pgpu, enabled_VGPU_types=tuple(dict.fromkeys(types)))
    refresh_types(tx, pgpu.GPU_group)


def _require_supported(pgpu: PGPU, types: Sequence[str]) -> None:
    for vgpu_type in types:
        if vgpu_type not in pgpu.supported_VGPU_types:
            raise ApiError("VGPU_TYPE_NOT_SUPPORTED", vgpu_type, *pgpu.supported_VGPU_types)


def _require_unused(reader: Reader, pgpu: PGPU, types: Sequence[str]) -> None:
    for vgpu_type in types:
        users = [vgpu.VM for vgpu in vgpus(reader, pgpu.resident_VGPUs) if vgpu.type == vgpu_type]
        if users:
            raise ApiError("PGPU_IN_USE_BY_VM", *users)


HANDLERS: Handlers = {
    "PGPU.add_enabled_VGPU_types": add_enabled_types,
    "PGPU.remove_enabled_VGPU_types": remove_enabled_types,
    "PGPU.set_enabled_VGPU_types": set_enabled_types,
    "PGPU.set_GPU_group": set_group,
    "PGPU.get_remaining_capacity": get_remaining_capacity,
    "PGPU.enable_dom0_access": enable_dom0_access,
    "PGPU.disable_dom0_access": disable_dom0_access,
}
