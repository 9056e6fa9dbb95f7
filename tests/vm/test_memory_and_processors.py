"""Memory limits, overhead, shadow memory and virtual processors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vm.world import GIB, MIB, World, world
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.durations import Duration
from xapi_async.hypervisor.faults import Fault
from xapi_async.hypervisor.settings import SimulatorSettings
from xapi_async.operations.host_memory import free_memory
from xapi_async.operations.vm.sizes import overhead


def limits(pool: World, vm: str) -> tuple[int, int, int, int]:
    record = pool.get(vm)
    return (
        record.memory_static_min,
        record.memory_dynamic_min,
        record.memory_dynamic_max,
        record.memory_static_max,
    )


async def refusal(pool: World, message: str, *args: Any) -> list[str]:
    with pytest.raises(ApiError) as raised:
        await pool.call(message, *args)
    return raised.value.description


def test_overhead_of_known_sizes() -> None:
    assert overhead(256 * MIB, 1, 1.0, hvm=False) == 4194304
    assert overhead(GIB, 1, 1.0, hvm=True) == 11534336


async def test_limits_have_to_be_in_order(pool: World) -> None:
    vm = await pool.vm()
    await pool.call("VM.set_memory_limits", vm, 0, 4 * GIB, GIB, 2 * GIB)
    assert limits(pool, vm) == (0, GIB, 2 * GIB, 4 * GIB)
    assert pool.get(vm).memory_target == GIB
    assert pool.get(vm).memory_overhead == overhead(4 * GIB, 1, 1.0, hvm=False)
    found = await refusal(pool, "VM.set_memory_limits", vm, 0, GIB, 2 * GIB, GIB)
    assert found[0] == "MEMORY_CONSTRAINT_VIOLATION"
    assert len(found) == 2
    assert limits(pool, vm) == (0, GIB, 2 * GIB, 4 * GIB)
    await pool.call("VM.set_memory", vm, 3 * GIB)
    assert limits(pool, vm) == (0, 3 * GIB, 3 * GIB, 3 * GIB)
    await pool.call("VM.set_memory_static_max", vm, 5 * GIB)
    await pool.call("VM.set_memory_dynamic_range", vm, GIB, 5 * GIB)
    await pool.call("VM.set_memory_static_min", vm, GIB)
    await pool.call("VM.set_memory_dynamic_max", vm, 4 * GIB)
    await pool.call("VM.set_memory_dynamic_min", vm, 2 * GIB)
    assert limits(pool, vm) == (GIB, 2 * GIB, 4 * GIB, 5 * GIB)


async def test_without_ballooning_limits_are_the_same(pool: World) -> None:
    await pool.set(Pool, pool.pool, restrictions={})
    vm = await pool.vm()
    assert (await refusal(pool, "VM.set_memory_static_max", vm, 2 * GIB))[0] == "MEMORY_CONSTRAINT_VIOLATION"
    await pool.call("VM.set_memory_static_min", vm, MIB)
    await pool.call("VM.set_memory", vm, 2 * GIB)
    assert limits(pool, vm) == (MIB, 2 * GIB, 2 * GIB, 2 * GIB)


async def test_a_running_guest_takes_only_what_the_host_has() -> None:
    async with world(hosts=1, memory=4 * GIB) as pool:
        vm = await pool.vm(memory_static_max=8 * GIB, memory_dynamic_max=8 * GIB)
        await pool.start(vm)
        free = free_memory(pool.store, pool.store.get(Host, pool.hosts[0]))
        found = await refusal(pool, "VM.set_memory_dynamic_range", vm, 5 * GIB, 8 * GIB)
        assert found == ["HOST_NOT_ENOUGH_FREE_MEMORY", str(4 * GIB // 1024), str(free // 1024)]
        await pool.call("VM.set_memory_dynamic_range", vm, 2 * GIB, 8 * GIB)
        assert pool.get(vm).memory_target == 2 * GIB
        assert pool.simulator.memory(pool.get(vm).uuid) == 2 * GIB
        assert pool.store.get(VMMetrics, pool.get(vm).metrics).memory_actual == 2 * GIB
        pool.simulator.faults.add(Fault("set_memory", "VM_LACKS_FEATURE", ("{vm}",)))
        assert await refusal(pool, "VM.set_memory_dynamic_range", vm, GIB, GIB) == ["VM_LACKS_FEATURE", vm]
        assert limits(pool, vm) == (0, 2 * GIB, 8 * GIB, 8 * GIB)


async def test_waiting_for_a_guest_that_takes_its_time() -> None:
    async with world(settings=SimulatorSettings(balloon_seconds=Duration(60))) as pool:
        vm = await pool.vm(memory_dynamic_min=GIB // 2)
        await pool.start(vm)
        await pool.call("VM.set_memory_dynamic_range", vm, GIB, GIB)
        await pool.call("VM.wait_memory_target_live", vm)
        assert pool.store.get(VMMetrics, pool.get(vm).metrics).memory_actual == GIB
    async with world(settings=SimulatorSettings(balloon_seconds=Duration(600)), background=False) as pool:
        vm = await pool.vm(memory_dynamic_min=GIB // 2)
        await pool.start(vm)
        await pool.call("VM.set_memory_dynamic_range", vm, GIB, GIB)
        assert (await refusal(pool, "VM.wait_memory_target_live", vm))[0] == "VM_MEMORY_TARGET_WAIT_TIMEOUT"


async def test_the_largest_maximum_that_fits(pool: World) -> None:
    vm = await pool.vm(HVM_boot_policy="BIOS order")
    largest = await pool.call("VM.maximise_memory", vm, 4 * GIB, False)
    assert largest % MIB == 0
    assert largest + overhead(largest, 1, 1.0, hvm=True) <= 4 * GIB
    assert largest + MIB + overhead(largest + MIB, 1, 1.0, hvm=True) > 4 * GIB
    assert await pool.call("VM.maximise_memory", vm, 4 * GIB, True) < largest


async def test_shadow_memory(pool: World) -> None:
    vm = await pool.vm(HVM_boot_policy="BIOS order")
    assert await refusal(pool, "VM.set_HVM_shadow_multiplier", vm, 0.5) == ["INVALID_VALUE", "multiplier", "0.5"]
    await pool.call("VM.set_HVM_shadow_multiplier", vm, 2.0)
    assert pool.get(vm).memory_overhead == overhead(GIB, 1, 2.0, hvm=True)
    await pool.start(vm)
    await pool.call("VM.set_shadow_multiplier_live", vm, 3.0)
    assert pool.get(vm).HVM_shadow_multiplier == 3.0
    found = await refusal(pool, "VM.set_shadow_multiplier_live", vm, 100000.0)
    assert found[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"
    assert pool.get(vm).HVM_shadow_multiplier == 3.0


async def test_processors(pool: World) -> None:
    vm = await pool.vm()
    await pool.call("VM.set_VCPUs_max", vm, 4)
    await pool.call("VM.set_VCPUs_at_startup", vm, 2)
    assert (await refusal(pool, "VM.set_VCPUs_max", vm, 1))[::2] == ["INVALID_VALUE", "1"]
    assert (await refusal(pool, "VM.set_VCPUs_at_startup", vm, 5))[::2] == ["INVALID_VALUE", "5"]
    await pool.start(vm)
    await pool.call("VM.set_VCPUs_number_live", vm, 3)
    assert (await refusal(pool, "VM.set_VCPUs_number_live", vm, 5))[::2] == ["INVALID_VALUE", "4"]
    record = pool.get(vm)
    assert record.VCPUs_at_startup == pool.store.get(VMMetrics, record.metrics).VCPUs_number == 3
    found = await refusal(pool, "VM.add_to_VCPUs_params_live", vm, "weight", "512")
    assert found == ["NOT_IMPLEMENTED", "add_to_VCPUs_params_live"]
    await pool.set(Pool, pool.pool, restrictions={})
    assert await refusal(pool, "VM.set_VCPUs_number_live", vm, 2) == ["LICENCE_RESTRICTION", "Live_set_vcpus"]
    assert pool.store.get(VM, vm).current_operations == {}
