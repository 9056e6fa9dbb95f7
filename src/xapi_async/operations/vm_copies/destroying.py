"""VM.destroy: the record and what hangs on it go; disks and snapshots stay."""

from __future__ import annotations

from xapi_async.datamodel.classes.blob import Blob
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.vusb import delete_vusbs
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.facts import vbds_of
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm_appliance_rules import refresh_appliance
from xapi_async.operations.vm_copies import devices
from xapi_async.operations.vm_copies.disks import destroy_quietly
from xapi_async.operations.vm_copies.steady import steady


async def destroy(ctx: Context, self: str) -> None:
    """VM.destroy. Raises as the rules say, or VM_CANNOT_DELETE_DEFAULT_TEMPLATE []."""
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, self)
        error = RULES.check(tx, vm, "destroy")
        if error is None:
            _destroy(tx, vm)  # all of it at once: nobody needs to see that it is under way
            return
        if error.code != "OTHER_OPERATION_IN_PROGRESS":
            raise error
    async with marked(ctx, RULES, self, "destroy"), ctx.store.transaction() as tx:
        _destroy(tx, tx.get(VM, self))


def _destroy(tx: Transaction, vm: VM) -> None:
    for child in (tx.get(VM, ref) for ref in vm.children):
        tx.set(child, parent=vm.parent)
    for blob in (tx.find(Blob, ref) for ref in vm.blobs.values()):
        if blob is not None:
            tx.delete(blob)
    if vm.other_config.get("default_template") == "true":
        raise ApiError("VM_CANNOT_DELETE_DEFAULT_TEMPLATE")
    if vm.appliance != NULL_REF:
        appliance = vm.appliance
        tx.set(vm, appliance=NULL_REF)
        refresh_appliance(tx, appliance)
    delete_vm(tx, vm)


async def discard_snapshot(ctx: Context, snapshot: str) -> None:
    """Destroy a snapshot with its disks and saved memory; disks that cannot be destroyed are left.

    Raises as VM.destroy.
    """
    vm = ctx.store.get(VM, snapshot)
    disks = [vbd.VDI for vbd in vbds_of(ctx.store, vm) if vbd.type != "CD" and not vbd.empty]
    await destroy(steady(ctx), snapshot)
    await destroy_quietly(ctx, [*disks, vm.suspend_VDI])


def delete_vm(tx: Transaction, vm: VM) -> None:
    """Delete a VM's record and its devices, whatever the VM is or does."""
    devices.delete_vbds(tx, vm.ref)
    devices.delete_vifs(tx, vm.ref)
    devices.delete_vgpus(tx, vm.ref)
    devices.release_pcis(tx, vm)
    devices.delete_metrics(tx, vm)
    delete_vusbs(tx, vm.ref)
    tx.delete(vm)


HANDLERS: Handlers = {"VM.destroy": destroy}
