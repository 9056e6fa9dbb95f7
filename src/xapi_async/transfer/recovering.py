"""VM.recover and VM_appliance.recover: VMs out of a copy of another pool's database, onto storage that is here.

The session of the call sees the copy, ``session_to`` this pool. Disks are where they were: only records move.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from xapi_async.datamodel.classes import SR, VBD, VDI, VM, VMAppliance
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.transaction import Transaction
from xapi_async.operations import vm_appliance
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.pools.facts import require_feature
from xapi_async.operations.vm.miscellany import assert_can_be_recovered
from xapi_async.operations.vm.rules import refresh
from xapi_async.operations.vm_appliance_rules import members_of, refresh_appliance
from xapi_async.operations.vm_copies.metadata_import import ImportOptions
from xapi_async.transfer.xva.collecting import Manner, collected
from xapi_async.transfer.xva.entering import Rules
from xapi_async.transfer.xva.importing import enter_metadata
from xapi_async.transfer.xva.records import Contents

OPENING = "vdi.open_database"


async def recover_vm(ctx: Context, self: str, session_to: str, force: bool) -> None:
    """VM.recover: with its snapshots. Raises VM_IS_PART_OF_AN_APPLIANCE [VM, appliance], and as the functions below."""
    home = ctx.services.home or ctx.services
    _require_dr(home, session_to, "VM.recover")
    vm = ctx.store.get(VM, self)
    if ctx.store.find(VMAppliance, vm.appliance) is not None:
        raise ApiError("VM_IS_PART_OF_AN_APPLIANCE", self, vm.appliance)
    await assert_can_be_recovered(ctx, self, session_to)
    await _recover(ctx, home, [self], force=force)


async def recover_appliance(ctx: Context, self: str, session_to: str, force: bool) -> None:
    """VM_appliance.recover: the appliance with all its VMs, in the place of one here with the same uuid.

    Raises LICENCE_RESTRICTION ["DR"], RBAC_PERMISSION_DENIED [action, text], VM_REQUIRES_SR [VM, SR], and as a
    restoring import of metadata.
    """
    home = ctx.services.home or ctx.services
    require_feature(home.store, "DR")
    _require_dr(home, session_to, "VM_appliance.recover")
    await vm_appliance.assert_can_be_recovered(ctx, self, session_to)
    copied = ctx.store.get(VMAppliance, self)
    recovered = await _recover(ctx, home, [vm.ref for vm in members_of(ctx.store, copied)], force=force)
    async with home.store.transaction() as tx:
        appliance = _emptied(tx, copied)
        for vm in map(tx.get, itertools.repeat(VM), recovered):
            if not vm.is_a_template:
                tx.set(vm, appliance=appliance.ref)
                refresh(tx, vm.ref)
        refresh_appliance(tx, appliance.ref)


def _emptied(tx: Transaction, copied: VMAppliance) -> VMAppliance:
    """The appliance here with that uuid and those names, without any VMs in it."""
    present = next((one for one in tx.all(VMAppliance) if one.uuid == copied.uuid), None)
    names = {"name_label": copied.name_label, "name_description": copied.name_description}
    if present is None:
        return tx.create(VMAppliance, uuid=copied.uuid, **names)
    for vm in members_of(tx, present):
        tx.set(vm, appliance=NULL_REF)
        refresh(tx, vm.ref)
    tx.set(present, **names)
    return present


def _require_dr(home: Services, session: str, action: str) -> None:
    """Raise RBAC_PERMISSION_DENIED [action, text], SESSION_INVALID where VMs may not be recovered into a session."""
    assert home.caller_of is not None  # servers have it
    caller = home.caller_of(session)
    if not (caller.is_superuser or caller.may(OPENING)):
        raise ApiError("RBAC_PERMISSION_DENIED", action, "the session to recover into may not open databases")


async def _recover(ctx: Context, home: Services, vms: Iterable[str], *, force: bool) -> tuple[str, ...]:
    """Bring VMs in with the identity they had; gives those that are here now, without snapshots."""
    numbers = itertools.count()
    contents = Contents(collected(ctx.store, vms, Manner(is_metadata=True), lambda: next(numbers)))
    options = ImportOptions(ctx.task.ref, full_restore=True, force=force)
    rules = Rules(options, home.rng, home.network.bridge_numbers, is_metadata=True)
    recovered = await enter_metadata(replace(ctx, services=home), contents, rules)
    async with home.store.transaction() as tx:
        _keep_storage(tx, recovered)
    return recovered


def _keep_storage(tx: Transaction, vms: Iterable[str]) -> None:
    """Have the SRs of VMs stay when what brought them here is undone."""
    for ref in vms:
        for vbd in tx.get(VM, ref).VBDs:
            vdi = tx.find(VDI, tx.get(VBD, vbd).VDI)
            sr = tx.find(SR, vdi.SR) if vdi is not None else None
            if sr is not None and sr.introduced_by != NULL_REF:
                tx.set(sr, introduced_by=NULL_REF)


HANDLERS: Handlers = {"VM.recover": recover_vm, "VM_appliance.recover": recover_appliance}
