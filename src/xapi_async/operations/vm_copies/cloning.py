"""VM.clone, VM.copy and VM.csvm: new VMs from others."""

from __future__ import annotations

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.features import require_feature
from xapi_async.operations.vm.notices import vm_notice
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm.stopping import discard_memory
from xapi_async.operations.vm_copies.copying import Plan, make_copy
from xapi_async.operations.vm_copies.disks import cloning, copying
from xapi_async.operations.vm_copies.hosts import host_seeing_disks


async def clone(ctx: Context, vm: str, new_name: str) -> str:
    """VM.clone: a VM like another, on clones of its disks; templates give templates.

    Raises as the rules say, NO_HOSTS_AVAILABLE [], LICENCE_RESTRICTION [feature], or as VDI.clone does.
    """
    async with marked(ctx, RULES, vm, "clone"):
        source = ctx.store.get(VM, vm)
        host_seeing_disks(ctx.store, source, ctx.services.rng)
        _require_vendor_device(ctx, source)
        made = await make_copy(ctx, vm, new_name, Plan(cloning(), with_memory=source.power_state == "Suspended"))
    if _has_memory_of_snapshot(ctx, source, made):
        await discard_memory(ctx, made)
    return made


async def copy(ctx: Context, vm: str, new_name: str, sr: str) -> str:
    """VM.copy: a VM like another, on full copies of its disks in an SR, or each in its own where that is none.

    Raises as VM.clone, as VDI.copy does, and OPERATION_NOT_ALLOWED [text] for an SR of CD images.
    """
    async with marked(ctx, RULES, vm, "copy"):
        source, target = ctx.store.get(VM, vm), ctx.store.find(SR, sr)
        _require_vendor_device(ctx, source)
        if target is not None and target.content_type == "iso":
            raise ApiError("OPERATION_NOT_ALLOWED", f"SR {sr} holds CD images; disks cannot be copied there")
        made = await make_copy(ctx, vm, new_name, Plan(copying(sr), with_memory=source.power_state == "Suspended"))
    if _has_memory_of_snapshot(ctx, source, made):
        await call(ctx, "VM.hard_shutdown", made)
    return made


async def csvm(ctx: Context, vm: str) -> str:
    """VM.csvm: a clone of a suspended VM, named after it, and suspended too."""
    async with marked(ctx, RULES, vm, "csvm"):
        source = ctx.store.get(VM, vm)
        host_seeing_disks(ctx.store, source, ctx.services.rng)
        _require_vendor_device(ctx, source)
        name = f"{source.name_label}-cloned-suspended"
        made = await make_copy(ctx, vm, name, Plan(cloning(), with_memory=True))
    await vm_notice(ctx, "VM_CLONED", vm, "cloned")
    return made


def _require_vendor_device(ctx: Context, vm: VM) -> None:
    if vm.has_vendor_device:
        require_feature(ctx.store, "PCI_device_for_auto_update")


def _has_memory_of_snapshot(ctx: Context, source: VM, made: str) -> bool:
    return source.is_a_snapshot and ctx.store.get(VM, made).power_state == "Suspended"


HANDLERS: Handlers = {"VM.clone": clone, "VM.copy": copy, "VM.csvm": csvm}
