"""pool: the messages that ask for failover plans, and how many failures are to be planned for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.host_memory import free_memory
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.pools.plan_fields import recompute_plan, show_most
from xapi_async.operations.pools.planning import (
    RESTART,
    Answer,
    Guest,
    Supposing,
    answer,
    most_failures,
    pack,
    situation,
)
from xapi_async.operations.pools.protection import require_plan_for
from xapi_async.operations.vm.agility import Shared, agility_error
from xapi_async.operations.vm.can_boot import Boot, boot_error
from xapi_async.operations.vm.flags import RESTART_PRIORITIES
from xapi_async.operations.vm.sizes import needed_to_start


async def ha_failover_plan_exists(ctx: Context, n: int) -> bool:
    """pool.ha_failover_plan_exists: whether all protected VMs survive the failure of any ``n`` hosts."""
    return answer(situation(ctx.store), n) is Answer.ALL


async def ha_compute_max_host_failures_to_tolerate(ctx: Context) -> int:
    """pool.ha_compute_max_host_failures_to_tolerate; with HA on, the pool's fields follow."""
    return await show_most(ctx.services)


async def ha_compute_hypothetical_max_host_failures_to_tolerate(ctx: Context, configuration: Mapping[str, str]) -> int:
    """pool.ha_compute_hypothetical_max_host_failures_to_tolerate: with exactly the VMs of priority ``restart``.

    Raises INVALID_VALUE ["ha_restart_priority", priority] or HANDLE_INVALID.
    """
    for priority in configuration.values():
        if priority not in RESTART_PRIORITIES:
            raise ApiError("INVALID_VALUE", "ha_restart_priority", priority)
    wanted = frozenset(vm for vm, priority in configuration.items() if priority == RESTART)
    for vm in wanted:
        ctx.store.get(VM, vm)
    return most_failures(situation(ctx.store, Supposing(only=wanted)))


async def ha_compute_vm_failover_plan(
    ctx: Context, failed_hosts: Sequence[str], failed_vms: Sequence[str]
) -> dict[str, dict[str, str]]:
    """pool.ha_compute_vm_failover_plan: where each VM would be restarted, or the code of why it would not.

    Guests count with the least memory they may have. Raises HANDLE_INVALID.
    """
    store = ctx.store
    for ref in failed_hosts:
        store.get(Host, ref)
    vms = [store.get(VM, ref) for ref in failed_vms]
    return compute_restarts(store, vms, frozenset(failed_hosts))


def compute_restarts(reader: Reader, vms: Sequence[VM], failed: frozenset[str]) -> dict[str, dict[str, str]]:
    """Where VMs would be restarted without some hosts, as ``host``, or ``error_code``.

    VMs tied to some hosts go first, to one that they can boot on; the others are packed onto what is left.
    """
    hosts = [host for host in reader.all(Host) if is_host_live(reader, host) and host.ref not in failed]
    free = {host.ref: free_memory(reader, host) for host in hosts}
    plan, codes, agile = {}, {}, []
    shared: Shared = {}
    for vm in vms:
        guest, error = Guest(vm.ref, needed_to_start(vm)), agility_error(reader, vm, shared)
        if error is None:
            agile.append(guest)
            continue
        codes[vm.ref] = error.code
        possible = (host for host in hosts if boot_error(Boot(reader, vm, host), with_memory=False) is None)
        chosen = next((host.ref for host in possible if free[host.ref] >= guest.size), None)
        if chosen is not None:
            free[chosen] -= guest.size
            plan[vm.ref] = chosen
    plan |= pack(agile, free)
    return {
        vm.ref: {"host": plan[vm.ref]}
        if vm.ref in plan
        else {"error_code": codes.get(vm.ref, "HOST_NOT_ENOUGH_FREE_MEMORY")}
        for vm in vms
    }


async def set_ha_host_failures_to_tolerate(ctx: Context, self: str, value: int) -> None:
    """pool.set_ha_host_failures_to_tolerate; what the pool shows of its plan follows, with HA off too.

    Raises INVALID_VALUE ["ha_host_failures_to_tolerate", value] or HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [].
    """
    pool = ctx.store.get(Pool, self)
    if value < 0:
        raise ApiError("INVALID_VALUE", "ha_host_failures_to_tolerate", value)
    if pool.ha_plan_exists_for > 0:
        require_plan_for(ctx.store, value)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Pool, self), ha_host_failures_to_tolerate=value)
    await recompute_plan(ctx.services)


async def ha_prevent_restarts_for(ctx: Context, seconds: int) -> None:
    """pool.ha_prevent_restarts_for: no VM is restarted by itself for so long; 0 has the monitor look at once."""
    state = ctx.services.pool
    state.restarts_from = ctx.services.clock.now() + seconds
    if seconds == 0:
        state.wake.set()


async def ha_schedule_plan_recomputation(ctx: Context) -> None:
    """pool.ha_schedule_plan_recomputation: the monitor does it when it looks next."""
    ctx.services.pool.is_plan_wanted = True


HANDLERS: Handlers = {
    "pool.ha_failover_plan_exists": ha_failover_plan_exists,
    "pool.ha_compute_max_host_failures_to_tolerate": ha_compute_max_host_failures_to_tolerate,
    "pool.ha_compute_hypothetical_max_host_failures_to_tolerate": (
        ha_compute_hypothetical_max_host_failures_to_tolerate
    ),
    "pool.ha_compute_vm_failover_plan": ha_compute_vm_failover_plan,
    "pool.set_ha_host_failures_to_tolerate": set_ha_host_failures_to_tolerate,
    "pool.ha_prevent_restarts_for": ha_prevent_restarts_for,
    "pool.ha_schedule_plan_recomputation": ha_schedule_plan_recomputation,
}
