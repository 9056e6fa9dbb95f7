"""VM: what the hosts of a pool ask of each other about VMs."""

from __future__ import annotations

import asyncio

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.vm import states
from xapi_async.operations.vm.facts import is_live
from xapi_async.operations.vm.rules import bad_power_state
from xapi_async.operations.vm.running import hard_reboot


async def hard_reboot_internal(ctx: Context, vm: str) -> None:
    """VM.hard_reboot_internal: the reboot of a guest, as a host has it done; sessions of users do not get here.

    Raises as VM.hard_reboot.
    """
    await hard_reboot(ctx, vm)


async def pool_migrate_complete(ctx: Context, vm: str, host: str) -> None:
    """VM.pool_migrate_complete: take note of a guest that has arrived on a host. Once that is noted, nothing changes.

    Raises VM_BAD_POWER_STATE, HOST_OFFLINE, CANNOT_CONTACT_HOST; VM_MIGRATE_FAILED [VM, source, host, text] where the
    guest is not there.
    """
    target = ctx.store.get(VM, vm)
    if not is_live(target):
        raise bad_power_state(target, "running")
    name = require_reachable(ctx.services, host).uuid
    domain = ctx.services.hypervisor.domain(target.uuid)
    if domain is None or domain.config.host != name:
        raise ApiError("VM_MIGRATE_FAILED", vm, target.resident_on, host, "the guest is not on that host")
    if target.resident_on == host:
        return
    await asyncio.shield(_note(ctx, vm, host))


async def _note(ctx: Context, vm: str, host: str) -> None:
    async with ctx.store.transaction() as tx:
        domain = ctx.services.hypervisor.domain(tx.get(VM, vm).uuid)
        if domain is not None:
            states.become_live(tx, vm, host, domain, ctx.services.clock.now(), is_new_start=False)


HANDLERS: Handlers = {
    "VM.hard_reboot_internal": hard_reboot_internal,
    "VM.pool_migrate_complete": pool_migrate_complete,
}
