"""host: where each guest could go if the host had to be emptied, and sending them there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.host_memory import free_memory
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.marking import marked
from xapi_async.operations.pools.protection import require_plan_without
from xapi_async.operations.storage.facts import ha_protected, live
from xapi_async.operations.vm.can_boot import Boot, boot_error
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm.placement import platform_version
from xapi_async.operations.vm.rules import RULES as VM_RULES
from xapi_async.operations.vm.sizes import needed_to_start
from xapi_async.operations.vm_copies.migrating import pool_migrate

Plan = dict[str, str | ApiError]
"""By VM, the host it would go to, or why there is none."""


async def get_vms_which_prevent_evacuation(ctx: Context, self: str) -> dict[str, tuple[str, ...]]:
    """host.get_vms_which_prevent_evacuation: by VM, the code and parameters of what stands in its way."""
    return {vm: tuple(error.description) for vm, error in _errors(plan_evacuation(ctx.store, self)).items()}


async def assert_can_evacuate(ctx: Context, host: str) -> None:
    """host.assert_can_evacuate. Raises CANNOT_EVACUATE_HOST [errors joined by ``|``, each a list joined by commas]."""
    errors = _errors(plan_evacuation(ctx.store, host)).values()
    if errors:
        raise ApiError("CANNOT_EVACUATE_HOST", "|".join(",".join(error.description) for error in errors))


async def evacuate(ctx: Context, host: str) -> None:
    """host.evacuate: move all guests away, one after the other. The host stays enabled if it was.

    Raises HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [], the error of a VM that cannot be moved,
    or INTERNAL_ERROR where VMs have come meanwhile.
    """
    require_plan_without(ctx.store, host)
    async with marked(ctx, RULES, host, "evacuate"):
        plan = plan_evacuation(ctx.store, host)
        for error in _errors(plan).values():
            raise error
        for number, (vm, target) in enumerate(plan.items()):
            await _move(ctx, vm, str(target), number / len(plan), 1 / len(plan))
        left = _guests(ctx.store, ctx.store.get(Host, host))
        if left:
            names = ", ".join(vm.ref for vm in left)
            raise ApiError("INTERNAL_ERROR", f"VMs have come to host {host} meanwhile: {names}")


async def _move(ctx: Context, vm: str, target: str, done: float, share: float) -> None:
    async def watch(value: float) -> None:
        await ctx.task.progress(done + value * share)

    async with ctx.task.child("VM.pool_migrate", watch) as task:
        try:
            await pool_migrate(replace(ctx, task=task), vm, target, {"live": "true"})
        except ApiError as error:
            if error.code not in ("VM_BAD_POWER_STATE", "HANDLE_INVALID"):  # else it ended meanwhile
                raise
    await watch(1.0)


def plan_evacuation(reader: Reader, ref: str) -> Plan:
    """Where every guest of a host would go, or why it cannot."""
    host = reader.get(Host, ref)
    guests = _guests(reader, host)
    lowest = platform_version(host)
    targets = [
        other for other in reader.all(Host) if other.ref != ref and other.enabled and platform_version(other) >= lowest
    ]
    if not targets:
        return {vm.ref: ApiError("NO_HOSTS_AVAILABLE", vm.ref) for vm in guests}
    plan: Plan = {}
    movable: list[VM] = []
    ha_enabled = the_pool(reader).ha_enabled
    for vm in guests:
        if ha_enabled and not ha_protected(vm):
            error: ApiError | None = _no_memory(vm)
        else:
            error = _error_anywhere(reader, vm, targets)
            if error is None:
                movable.append(vm)
        forbidden = VM_RULES.check(reader, vm, "pool_migrate") or error
        if forbidden is not None:
            plan[vm.ref] = forbidden
    _pack(reader, movable, targets, plan)
    return plan


def _pack(reader: Reader, vms: Sequence[VM], targets: Sequence[Host], plan: Plan) -> None:
    """Enter a host for each VM: the largest first, each where most memory is left."""
    space = {host.ref: free_memory(reader, host) for host in targets}
    hosts = {host.ref: host for host in targets}
    sizes = {vm.ref: needed_to_start(vm) for vm in vms}
    for vm in sorted(vms, key=lambda vm: -sizes[vm.ref]):
        emptiest = max(space, key=lambda ref: space[ref])
        if sizes[vm.ref] > space[emptiest]:
            plan[vm.ref] = _no_memory(vm)
            continue
        space[emptiest] -= sizes[vm.ref]
        error = boot_error(Boot(reader, vm, hosts[emptiest]), with_memory=False)
        if error is not None:
            plan[vm.ref] = error
        else:
            plan.setdefault(vm.ref, emptiest)


def _error_anywhere(reader: Reader, vm: VM, targets: Sequence[Host]) -> ApiError | None:
    """A VM has to be able to go to every host, as nobody knows yet where it will."""
    errors = (boot_error(Boot(reader, vm, host), with_memory=False) for host in targets)
    return next((error for error in errors if error is not None), None)


def _no_memory(vm: VM) -> ApiError:
    return ApiError("HOST_NOT_ENOUGH_FREE_MEMORY", vm.ref)


def _guests(reader: Reader, host: Host) -> list[VM]:
    return [vm for vm in live(reader, VM, host.resident_VMs) if not vm.is_control_domain]


def _errors(plan: Plan) -> dict[str, ApiError]:
    return {vm: entry for vm, entry in plan.items() if isinstance(entry, ApiError)}


HANDLERS: Handlers = {
    "host.evacuate": evacuate,
    "host.assert_can_evacuate": assert_can_evacuate,
    "host.get_vms_which_prevent_evacuation": get_vms_which_prevent_evacuation,
}
