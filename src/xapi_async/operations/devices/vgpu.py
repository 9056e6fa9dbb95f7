"""VGPU: giving VMs a share of a graphics card, or a whole one."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.capacity import vgpus
from xapi_async.operations.devices.licensing import require_feature
from xapi_async.operations.devices.vgpu_types import passthrough_type
from xapi_async.operations.vm import rules as vm_rules


async def create(ctx: Context, VM: str, GPU_group: str, device: str, other_config: Mapping[str, str], type: str) -> str:
    """VGPU.create: one per VM; whether any card can run it shows only when the VM starts.

    Raises FEATURE_RESTRICTED [], VM_BAD_POWER_STATE [VM, "halted", state], INVALID_DEVICE [device],
    INVALID_VALUE ["type", reference] or DEVICE_ALREADY_EXISTS [device].
    """
    async with ctx.store.transaction() as tx:
        require_feature(tx, "GPU")
        vm = tx.get(_VM, VM)
        if vm.power_state != "Halted":
            raise ApiError("VM_BAD_POWER_STATE", VM, "halted", vm.power_state.lower())
        if device != "0":
            raise ApiError("INVALID_DEVICE", device)
        if type in ("", NULL_REF):
            chosen = passthrough_type(tx)
        elif tx.find(VGPUType, type) is not None:
            chosen = type
        else:
            raise ApiError("INVALID_VALUE", "type", type)
        if any(vgpu.device == device for vgpu in vgpus(tx, vm.VGPUs)):
            raise ApiError("DEVICE_ALREADY_EXISTS", device)
        vgpu = tx.create(VGPU, VM=VM, GPU_group=GPU_group, device=device, other_config=other_config, type=chosen)
        vm_rules.refresh(tx, VM)
        return vgpu.ref


async def destroy(ctx: Context, self: str) -> None:
    """VGPU.destroy. Raises OPERATION_NOT_ALLOWED [text] while the VM has a domain."""
    async with ctx.store.transaction() as tx:
        vgpu = tx.get(VGPU, self)
        vm = tx.find(VM, vgpu.VM)
        if vm is not None and vm.domid != -1:
            raise ApiError("OPERATION_NOT_ALLOWED", f"VM {vm.ref}, whose VGPU {self} is, is running")
        delete_vgpu(tx, vgpu)


def delete_vgpu(tx: Transaction, vgpu: VGPU) -> None:
    """Delete a VGPU of a VM, which may then do more."""
    tx.delete(vgpu)
    vm_rules.refresh(tx, vgpu.VM)


async def atomic_set_resident_on(ctx: Context, self: str, value: str) -> None:
    """VGPU.atomic_set_resident_on: put the VGPU on a card, no longer only scheduled for it."""
    async with ctx.store.transaction() as tx:
        tx.get(PGPU, value)
        tx.set(tx.get(VGPU, self), resident_on=value, scheduled_to_be_resident_on=NULL_REF)


def copy_vgpus(tx: Transaction, source: str, vm: str) -> None:
    """Give a VM copies of another's VGPUs, for clones, copies and reverts."""
    for vgpu in vgpus(tx, tx.get(VM, source).VGPUs):
        tx.create(
            VGPU,
            VM=vm,
            GPU_group=vgpu.GPU_group,
            device=vgpu.device,
            other_config=vgpu.other_config,
            type=vgpu.type,
            compatibility_metadata=vgpu.compatibility_metadata,
        )


_VM = VM  # create has a parameter of that name, as the API does

HANDLERS: Handlers = {
    "VGPU.create": create,
    "VGPU.destroy": destroy,
    "VGPU.atomic_set_resident_on": atomic_set_resident_on,
}
