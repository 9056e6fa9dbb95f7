"""VM: memory ranges, overhead, shadow memory, and what a running guest makes of them."""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import HypervisorError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.host_memory import free_memory
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.facts import is_hvm, uses_nested_virt
from xapi_async.operations.vm.features import has_feature
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm.sizes import MIB, largest_static_max, needed_to_start, stored_overhead

POLL_SECONDS = 1.0
"""How often the wait for a memory target looks."""

LONGEST_WAIT = 256.0
"""Seconds a guest has to reach its memory target."""

APPROXIMATE_VCPUS = 64
"""The number of processors that an approximate calculation assumes."""


def require_order(reader: Reader, vm: VM, *, smin: int, dmin: int, dmax: int, smax: int) -> None:
    """Raise MEMORY_CONSTRAINT_VIOLATION [text] where the limits of a VM would not be in order.

    Without ballooning, all but the least must be the same.
    """
    may_balloon = has_feature(reader, "DMC") and not vm.is_control_domain and not uses_nested_virt(reader, vm)
    if may_balloon and not smin <= dmin <= dmax <= smax:
        rule = "static_min <= dynamic_min <= dynamic_max <= static_max"
    elif not may_balloon and not smin <= dmin == dmax == smax:
        rule = "static_min <= dynamic_min = dynamic_max = static_max"
    else:
        return
    raise ApiError("MEMORY_CONSTRAINT_VIOLATION", f"the limits must keep {rule}")


def is_pinned(vm: VM) -> bool:
    """Whether the guest always has all its memory."""
    return vm.memory_static_min <= vm.memory_dynamic_min == vm.memory_dynamic_max == vm.memory_static_max


def put_with_overhead(tx: Transaction, vm: VM, **values: Any) -> None:
    """Write fields of a VM that its overhead follows from; a control domain sees them at its next boot."""
    tx.set(vm, **values)
    reboot = {"requires_reboot": True} if vm.is_control_domain and vm.power_state == "Running" else {}
    tx.set(vm, memory_overhead=stored_overhead(tx, vm), **reboot)


async def set_memory_limits(
    ctx: Context, self: str, static_min: int, static_max: int, dynamic_min: int, dynamic_max: int
) -> None:
    """VM.set_memory_limits: all four limits at once, in bytes. Raises MEMORY_CONSTRAINT_VIOLATION [text]."""
    async with marked(ctx, RULES, self, "changing_memory_limits"), ctx.store.transaction() as tx:
        _set_limits(tx, tx.get(VM, self), static_min, static_max, dynamic_min, dynamic_max)


async def set_memory(ctx: Context, self: str, value: int) -> None:
    """VM.set_memory: that many bytes, all the time."""
    async with marked(ctx, RULES, self, "changing_memory_limits"), ctx.store.transaction() as tx:
        vm = tx.get(VM, self)
        _set_limits(tx, vm, vm.memory_static_min, value, value, value)


def _set_limits(tx: Transaction, vm: VM, smin: int, smax: int, dmin: int, dmax: int) -> None:
    require_order(tx, vm, smin=smin, dmin=dmin, dmax=dmax, smax=smax)
    put_with_overhead(
        tx,
        vm,
        memory_static_min=smin,
        memory_static_max=smax,
        memory_dynamic_min=dmin,
        memory_dynamic_max=dmax,
        memory_target=dmin,
    )


async def set_memory_static_range(ctx: Context, self: str, min: int, max: int) -> None:
    """VM.set_memory_static_range, in bytes."""
    await _static_range(ctx, self, min, max)


async def set_memory_static_min(ctx: Context, self: str, value: int) -> None:
    """VM.set_memory_static_min, in bytes."""
    await _static_range(ctx, self, value, None)


async def set_memory_static_max(ctx: Context, self: str, value: int) -> None:
    """VM.set_memory_static_max, in bytes."""
    await _static_range(ctx, self, None, value)


async def _static_range(ctx: Context, ref: str, low: int | None, high: int | None) -> None:
    async with marked(ctx, RULES, ref, "changing_static_range"), ctx.store.transaction() as tx:
        vm = tx.get(VM, ref)
        smin = vm.memory_static_min if low is None else low
        smax = vm.memory_static_max if high is None else high
        require_order(tx, vm, smin=smin, dmin=vm.memory_dynamic_min, dmax=vm.memory_dynamic_max, smax=smax)
        put_with_overhead(tx, vm, memory_static_min=smin, memory_static_max=smax)


async def set_memory_dynamic_range(ctx: Context, self: str, min: int, max: int) -> None:
    """VM.set_memory_dynamic_range, in bytes; a running guest is told.

    Raises HOST_NOT_ENOUGH_FREE_MEMORY [more KiB, free KiB] or MEMORY_CONSTRAINT_VIOLATION [text].
    """
    await _dynamic_range(ctx, self, min, max)


async def set_memory_dynamic_min(ctx: Context, self: str, value: int) -> None:
    """VM.set_memory_dynamic_min, in bytes."""
    await _dynamic_range(ctx, self, value, None)


async def set_memory_dynamic_max(ctx: Context, self: str, value: int) -> None:
    """VM.set_memory_dynamic_max, in bytes."""
    await _dynamic_range(ctx, self, None, value)


async def _dynamic_range(ctx: Context, ref: str, low: int | None, high: int | None) -> None:
    async with marked(ctx, RULES, ref, "changing_dynamic_range"):
        async with ctx.store.transaction() as tx:
            vm = tx.get(VM, ref)
            before = {name: getattr(vm, name) for name in ("memory_dynamic_min", "memory_dynamic_max", "memory_target")}
            dmin = vm.memory_dynamic_min if low is None else low
            dmax = vm.memory_dynamic_max if high is None else high
            is_running = vm.power_state == "Running"
            if is_running:
                _require_room(tx, vm, dmin)
            require_order(tx, vm, smin=vm.memory_static_min, dmin=dmin, dmax=dmax, smax=vm.memory_static_max)
            tx.set(vm, memory_target=dmin, memory_dynamic_min=dmin, memory_dynamic_max=dmax)
            uuid = vm.uuid
        if not is_running:
            return
        try:
            await ctx.services.hypervisor.set_memory(uuid, dmin)
        except (HypervisorError, ApiError) as error:
            async with ctx.store.transaction() as tx:
                tx.set(tx.get(VM, ref), **before)
            raise api_error(ctx.store, error, ref) from error
        await _note_memory(ctx, ref)


def _require_room(reader: Reader, vm: VM, dynamic_min: int) -> None:
    more = dynamic_min - vm.memory_dynamic_min
    free = free_memory(reader, reader.get(Host, vm.resident_on))
    if free < more:
        raise ApiError("HOST_NOT_ENOUGH_FREE_MEMORY", more // 1024, free // 1024)


async def set_memory_target_live(ctx: Context, self: str, target: int) -> None:
    """VM.set_memory_target_live: checked, and without effect: the target follows from the dynamic range."""
    async with marked(ctx, RULES, self, "changing_memory_live"):
        pass


async def wait_memory_target_live(ctx: Context, self: str) -> None:
    """VM.wait_memory_target_live: wait until the guest has, to a MiB, the memory it is to have.

    Raises VM_MEMORY_TARGET_WAIT_TIMEOUT [task] or TASK_CANCELLED [task].
    """
    clock, hypervisor = ctx.services.clock, ctx.services.hypervisor
    async with marked(ctx, RULES, self, "awaiting_memory_live"), ctx.task.cancellable():
        uuid, deadline = ctx.store.get(VM, self).uuid, clock.now() + LONGEST_WAIT
        while abs(hypervisor.memory(uuid) - ctx.store.get(VM, self).memory_target) > MIB:
            if clock.now() >= deadline:
                raise ApiError("VM_MEMORY_TARGET_WAIT_TIMEOUT", ctx.task.ref)
            await clock.sleep(POLL_SECONDS)
        await _note_memory(ctx, self)


async def _note_memory(ctx: Context, ref: str) -> None:
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, ref)
        metrics = tx.find(VMMetrics, vm.metrics)
        if metrics is not None:
            tx.set(metrics, memory_actual=ctx.services.hypervisor.memory(vm.uuid))


async def get_cooperative(ctx: Context, self: str) -> bool:
    """VM.get_cooperative: always true."""
    ctx.store.get(VM, self)
    return True


async def compute_memory_overhead(ctx: Context, vm: str) -> int:
    """VM.compute_memory_overhead: bytes the VM costs beyond its own memory."""
    return stored_overhead(ctx.store, ctx.store.get(VM, vm))


async def maximise_memory(ctx: Context, self: str, total: int, approximate: bool) -> int:
    """VM.maximise_memory: the largest static maximum, in bytes, that fits into ``total`` with its overhead."""
    vm = ctx.store.get(VM, self)
    return largest_static_max(vm, total, APPROXIMATE_VCPUS if approximate else vm.VCPUs_max)


async def set_HVM_shadow_multiplier(ctx: Context, self: str, value: float) -> None:  # noqa: N802
    """VM.set_HVM_shadow_multiplier. Raises INVALID_VALUE ["multiplier", value] below 1."""
    async with marked(ctx, RULES, self, "changing_shadow_memory"), ctx.store.transaction() as tx:
        _require_multiplier(value)
        put_with_overhead(tx, tx.get(VM, self), HVM_shadow_multiplier=value)


async def set_shadow_multiplier_live(ctx: Context, self: str, multiplier: float) -> None:
    """VM.set_shadow_multiplier_live; without effect on paravirtual guests.

    Raises INVALID_VALUE ["multiplier", value] or HOST_NOT_ENOUGH_FREE_MEMORY [needed, available].
    """
    async with marked(ctx, RULES, self, "changing_shadow_memory_live"):
        _require_multiplier(multiplier)
        if not is_hvm(ctx.store, ctx.store.get(VM, self)):
            return
        async with ctx.store.transaction() as tx:
            vm = tx.get(VM, self)
            before, overhead = vm.HVM_shadow_multiplier, vm.memory_overhead
            free = free_memory(tx, tx.get(Host, vm.resident_on))
            put_with_overhead(tx, vm, HVM_shadow_multiplier=multiplier)
            if vm.memory_overhead - overhead > free:
                raise ApiError("HOST_NOT_ENOUGH_FREE_MEMORY", vm.memory_overhead - overhead, free)
            uuid = vm.uuid
        try:
            await ctx.services.hypervisor.set_shadow(uuid, multiplier)
        except (HypervisorError, ApiError) as error:
            async with ctx.store.transaction() as tx:
                put_with_overhead(tx, tx.get(VM, self), HVM_shadow_multiplier=before)
            raise api_error(ctx.store, error, self) from error


def _require_multiplier(value: float) -> None:
    if value < 1.0:
        raise ApiError("INVALID_VALUE", "multiplier", value)


def require_room_to_build(reader: Reader, vm: VM, host: Host) -> None:
    """Raise HOST_NOT_ENOUGH_FREE_MEMORY [needed, free], in bytes, where the host cannot hold the VM after all."""
    needed, free = needed_to_start(vm), free_memory(reader, host, starting=vm)
    if free < needed:
        raise ApiError("HOST_NOT_ENOUGH_FREE_MEMORY", needed, free)


HANDLERS: Handlers = {
    "VM.set_memory_limits": set_memory_limits,
    "VM.set_memory": set_memory,
    "VM.set_memory_static_range": set_memory_static_range,
    "VM.set_memory_static_min": set_memory_static_min,
    "VM.set_memory_static_max": set_memory_static_max,
    "VM.set_memory_dynamic_range": set_memory_dynamic_range,
    "VM.set_memory_dynamic_min": set_memory_dynamic_min,
    "VM.set_memory_dynamic_max": set_memory_dynamic_max,
    "VM.set_memory_target_live": set_memory_target_live,
    "VM.wait_memory_target_live": wait_memory_target_live,
    "VM.get_cooperative": get_cooperative,
    "VM.compute_memory_overhead": compute_memory_overhead,
    "VM.maximise_memory": maximise_memory,
    "VM.set_HVM_shadow_multiplier": set_HVM_shadow_multiplier,
    "VM.set_shadow_multiplier_live": set_shadow_multiplier_live,
}
