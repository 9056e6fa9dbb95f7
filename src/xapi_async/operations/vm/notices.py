"""The messages that tell administrators what became of VMs."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.operations.context import Context

PRIORITY = 5
"""Of notices that only inform."""


async def notice(ctx: Context, name: str, priority: int, cls: str, uuid: str, body: str) -> None:
    """Keep a message about an object of a class with that uuid, where the server keeps messages at all."""
    messages = ctx.services.messages
    if messages is not None:
        await messages.post(name, priority, cls, uuid, body)


async def vm_notice(ctx: Context, name: str, ref: str, what: str, host: str = "") -> None:
    """Tell that something was done to a VM. what: such as ``started``. host: where, by reference."""
    vm, where = ctx.store.find(VM, ref), ctx.store.find(Host, host)
    if vm is None:
        return
    place = f" on host: {where.name_label} (uuid: {where.uuid})" if where else ""
    await notice(ctx, name, PRIORITY, "VM", vm.uuid, f"VM '{vm.name_label}' {what}{place}")
