"""Giving up the saved memory of suspended VMs."""

from __future__ import annotations

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.context import Context
from xapi_async.operations.vm.states import force_reset
from xapi_async.operations.vm_copies.disks import destroy_quietly


async def discard_memory(ctx: Context, vm: str) -> None:
    """Destroy the image of a suspended VM, which is halted by that; an image that cannot be destroyed is left."""
    await destroy_quietly(ctx, [ctx.store.get(VM, vm).suspend_VDI])
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VM, vm), suspend_VDI=NULL_REF)
        force_reset(tx, vm, "Halted")
