"""Which host a VM goes to, and why it cannot go to others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.vm.world import GIB, MIB, World, world
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.host_memory import capacity, free_memory
from xapi_async.operations.vm.placement import has_cpu_features


async def refusal(pool: World, vm: str, host: str) -> list[str]:
    try:
        await pool.call("VM.assert_can_boot_here", vm, host)
    except ApiError as error:
        return error.description
    return []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"VCPUs_max": 0}, ["INVALID_VALUE", "VCPUs_max", "0"]),
        ({"VCPUs_at_startup": 0}, ["INVALID_VALUE", "VCPUs-at-startup", "0"]),
        ({"VCPUs_at_startup": 2}, ["VALUE_NOT_SUPPORTED", "VCPUs-at-startup", "2"]),
        ({"memory_static_min": 2 * GIB}, ["MEMORY_CONSTRAINT_VIOLATION"]),
        ({"memory_dynamic_max": MIB}, ["MEMORY_CONSTRAINT_VIOLATION"]),
        ({"HVM_shadow_multiplier": 0.5}, ["INVALID_VALUE", "HVM_shadow_multiplier", "0.5"]),
        ({"actions_after_crash": "rename_restart"}, ["VALUE_NOT_SUPPORTED", "VM.actions_after_crash"]),
        (
            {"actions_after_crash": "coredump_and_destroy", "HVM_boot_policy": "BIOS order"},
            ["VALUE_NOT_SUPPORTED", "VM.actions_after_crash", "coredump_and_destroy"],
        ),
    ],
)
async def test_settings_that_cannot_boot(pool: World, values: dict[str, Any], expected: list[str]) -> None:
    vm = await pool.vm(**values)
    found = await refusal(pool, vm, pool.hosts[0])
    assert found[: len(expected)] == expected
    with pytest.raises(ApiError) as raised:
        await pool.start(vm)
    assert raised.value.description == ["NO_HOSTS_AVAILABLE"]


async def test_hosts_that_cannot_take_a_vm(pool: World) -> None:
    vm, host = await pool.vm(HVM_boot_policy="BIOS order"), pool.hosts[0]
    await pool.disk(vm)
    await pool.interface(vm)
    assert await refusal(pool, vm, host) == []
    assert await pool.call("VM.get_possible_hosts", vm) == tuple(pool.hosts)
    metrics = pool.store.get(Host, host).metrics
    await pool.set(HostMetrics, metrics, memory_total=GIB)
    assert await refusal(pool, vm, host) == [
        "HOST_NOT_ENOUGH_FREE_MEMORY",
        str(GIB + 11534336),
        str(GIB),
    ]
    await pool.set(Host, host, capabilities=("xen-3.0-x86_64",))
    assert await refusal(pool, vm, host) == ["VM_HVM_REQUIRED", vm]
    async with pool.store.transaction() as tx:
        tx.create(PIF, network=pool.network, host=pool.hosts[1], device="eth0")
    assert await refusal(pool, vm, host) == ["VM_REQUIRES_NETWORK", vm, pool.network]
    pbd = next(pbd for pbd in pool.store.all(PBD) if pbd.host == host)
    await pool.set(PBD, pbd.ref, currently_attached=False)
    assert await refusal(pool, vm, host) == ["VM_REQUIRES_SR", vm, pool.sr]
    await pool.set(VM, vm, hardware_platform_version=3)
    assert await refusal(pool, vm, host) == [
        "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", host, "[0; 1; 2]", vm, "3"
    ]  # fmt: skip
    await pool.set(Host, host, enabled=False)
    assert await refusal(pool, vm, host) == ["HOST_DISABLED", host]
    await pool.set(HostMetrics, metrics, live=False)
    assert await refusal(pool, vm, host) == ["HOST_NOT_LIVE"]
    await pool.set(VM, vm, hardware_platform_version=0)
    assert await pool.call("VM.get_possible_hosts", vm) == (pool.hosts[1],)
    await pool.start(vm)
    assert pool.get(vm).resident_on == pool.hosts[1]
    assert pool.store.get(Network, pool.network).managed


async def test_affinity_wins(pool: World) -> None:
    for host in (*pool.hosts, *pool.hosts):
        vm = await pool.vm(affinity=host)
        await pool.start(vm)
        assert pool.get(vm).resident_on == host


async def test_start_on_gives_the_reason(pool: World) -> None:
    vm, host = await pool.vm(), pool.hosts[1]
    await pool.set(Host, host, enabled=False)
    with pytest.raises(ApiError) as raised:
        await pool.call("VM.start_on", vm, host, False, False)
    assert raised.value.description == ["HOST_DISABLED", host]
    await pool.set(Host, host, enabled=True, current_operations={"task": "evacuate"})
    with pytest.raises(ApiError) as raised:
        await pool.call("VM.start_on", vm, host, False, False)
    assert raised.value.description == ["HOST_EVACUATE_IN_PROGRESS", host]
    assert pool.get(vm).scheduled_to_be_resident_on == NULL_REF


async def test_many_starts_at_once_never_promise_memory_twice() -> None:
    """Two hundred VMs at once on four hosts that can hold a third of them."""
    async with world(hosts=4, memory=16 * GIB) as pool:
        vms = [await pool.vm() for _ in range(200)]
        overcommitted: list[str] = []

        def look(changes: Any) -> None:
            for ref in pool.hosts:
                host = pool.store.get(Host, ref)
                guests = [vm for vm in map(pool.get, vms) if ref in (vm.resident_on, vm.scheduled_to_be_resident_on)]
                used = sum(vm.memory_dynamic_min + vm.memory_overhead for vm in guests)
                if used > capacity(pool.store, host):
                    overcommitted.append(ref)

        pool.store.listen(look)
        results = await asyncio.gather(*(pool.start(vm) for vm in vms), return_exceptions=True)
        await pool.settle()
        assert overcommitted == []
        running = [vm for vm in vms if pool.state(vm) == "Running"]
        refused = [result for result in results if isinstance(result, ApiError)]
        assert len(running) == 4 * 15  # each needs its overhead too, so the sixteenth does not fit
        assert len(refused) == len(vms) - len(running)
        assert {error.code for error in refused} == {"NO_HOSTS_AVAILABLE"}
        for ref in pool.hosts:
            assert free_memory(pool.store, pool.store.get(Host, ref)) < GIB + 4 * MIB
        assert all(pool.get(vm).scheduled_to_be_resident_on == NULL_REF for vm in vms)


async def test_a_suspended_vm_needs_its_processor_features(pool: World) -> None:
    vm = await pool.vm(affinity=pool.hosts[1])
    await pool.start(vm)
    await pool.call("VM.suspend", vm)
    await pool.set(Host, pool.hosts[0], cpu_info={"vendor": "AuthenticAMD", "features_pv": "ff-ff"})
    with pytest.raises(ApiError) as raised:
        await pool.call("VM.resume_on", vm, pool.hosts[0], False, False)
    assert raised.value.description[:3] == ["VM_INCOMPATIBLE_WITH_THIS_HOST", vm, pool.hosts[0]]
    assert pool.state(vm) == "Suspended"
    await pool.call("VM.resume", vm, False, False)
    assert pool.get(vm).resident_on == pool.hosts[1]


@pytest.mark.parametrize(
    ("offered", "needed", "holds"),
    [
        ("ff-0f", "0f-0f", True),
        ("0f-0f", "ff-0f", False),
        ("ff", "ff-00", True),
        ("ff", "ff-01", False),
        ("", "", True),
    ],
)
def test_feature_sets(offered: str, needed: str, holds: bool) -> None:
    assert has_cpu_features(offered, needed) is holds
