"""host: room for a VM, set aside before it comes there."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.rules import RULES as HOST_RULES
from xapi_async.operations.marking import unmark
from xapi_async.operations.vm.reserving import ThisHost, reserve

STATES = {True: ("Running", "Paused"), False: ("Halted", "Suspended")}
"""In which a VM can be that comes by itself, running, or is to be started."""


async def allocate_resources_for_vm(ctx: Context, self: str, vm: str, live: bool) -> None:
    """host.allocate_resources_for_vm: memory and graphics cards of a host are kept for a VM.

    live: it comes there running; otherwise it is to be started or resumed. They are kept until it came there or was
    reset, or the server starts again. A host that is set aside already is kept.

    Raises VM_IS_TEMPLATE [VM], VM_BAD_POWER_STATE [VM, expected, actual], OTHER_OPERATION_IN_PROGRESS ["VM", VM] for
    a VM that another host is set aside for, or why the VM could not run there: as VM.start_on.
    """
    async with ctx.store.transaction() as tx:
        host, target = tx.get(Host, self), tx.get(VM, vm)
        if target.is_a_template:
            raise ApiError("VM_IS_TEMPLATE", vm)
        if target.power_state not in STATES[live]:
            raise ApiError("VM_BAD_POWER_STATE", vm, STATES[live][0], target.power_state)
        if target.scheduled_to_be_resident_on not in (NULL_REF, host.ref):
            raise ApiError("OTHER_OPERATION_IN_PROGRESS", "VM", vm)
        operation, key = "vm_migrate" if live else "vm_start", ctx.task.ref
        reserve(tx, vm, ThisHost(self), operation, key)
        unmark(tx, HOST_RULES, self, key)


HANDLERS: Handlers = {"host.allocate_resources_for_vm": allocate_resources_for_vm}
