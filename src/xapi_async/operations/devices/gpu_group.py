"""GPU_group: cards that are as good as each other."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.capacity import group_capacity, pgpus, vgpus
from xapi_async.operations.devices.vgpu import delete_vgpu


async def create(ctx: Context, name_label: str, name_description: str, other_config: Mapping[str, str]) -> str:
    """GPU_group.create: an empty group, which takes whatever kind of card comes first."""
    async with ctx.store.transaction() as tx:
        return tx.create(
            GPUGroup,
            name_label=name_label,
            name_description=name_description,
            other_config=other_config,
            GPU_types=(),
            allocation_algorithm="depth_first",
        ).ref


async def destroy(ctx: Context, self: str) -> None:
    """GPU_group.destroy: its unattached VGPUs go along.

    Raises GPU_GROUP_CONTAINS_VGPU [VGPUs] or GPU_GROUP_CONTAINS_PGPU [PGPUs].
    """
    async with ctx.store.transaction() as tx:
        group = tx.get(GPUGroup, self)
        members = vgpus(tx, group.VGPUs)
        attached = [vgpu.ref for vgpu in members if vgpu.currently_attached]
        if attached:
            raise ApiError("GPU_GROUP_CONTAINS_VGPU", *attached)
        if group.PGPUs:
            raise ApiError("GPU_GROUP_CONTAINS_PGPU", *group.PGPUs)
        for vgpu in members:
            delete_vgpu(tx, vgpu)
        tx.delete(group)


async def get_remaining_capacity(ctx: Context, self: str, vgpu_type: str) -> int:
    """GPU_group.get_remaining_capacity: over all cards; 0 where none can run the type."""
    ctx.store.get(VGPUType, vgpu_type)
    return group_capacity(ctx.store, ctx.store.get(GPUGroup, self), vgpu_type)


async def update_types(ctx: Context, self: str) -> None:
    """GPU_group.update_enabled_VGPU_types, GPU_group.update_supported_VGPU_types."""
    async with ctx.store.transaction() as tx:
        tx.get(GPUGroup, self)
        refresh_types(tx, self)


def refresh_types(tx: Transaction, ref: str) -> None:
    """Make the types of a group those that at least one of its cards has."""
    group = tx.find(GPUGroup, ref)
    if group is None:
        return
    cards = pgpus(tx, group.PGPUs)
    for field in ("supported_VGPU_types", "enabled_VGPU_types"):
        union = tuple(dict.fromkeys(kind for card in cards for kind in getattr(card, field)))
        if union != getattr(group, field):
            tx.set(group, **{field: union})


HANDLERS: Handlers = {
    "GPU_group.create": create,
    "GPU_group.destroy": destroy,
    "GPU_group.get_remaining_capacity": get_remaining_capacity,
    "GPU_group.update_enabled_VGPU_types": update_types,
    "GPU_group.update_supported_VGPU_types": update_types,
}
