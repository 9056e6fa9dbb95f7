"""How many failing hosts the protected VMs would survive."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import pytest

from tests.vm.world import GIB, World, world
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.pools import ha_plans, planning, protection
from xapi_async.operations.pools.planning import Answer, Guest, Situation, answer, most_failures, pack, situation

PROTECTED = {"ha_always_run": True, "ha_restart_priority": "restart"}


async def ask(pool: World, message: str, *args: Any) -> Any:
    return await ha_plans.HANDLERS[f"pool.{message}"](pool.context(), *args)


async def protected(pool: World, host: str | None = None, size: int = GIB, **values: Any) -> str:
    """A protected VM with a disk, running on a host where one is named."""
    memory = {"memory_static_max": size, "memory_dynamic_min": size, "memory_dynamic_max": size}
    where = {"power_state": "Running", "resident_on": host} if host else {}
    vm = await pool.vm(**PROTECTED, **memory, **where, **values)
    await pool.disk(vm)
    return vm


async def make_local(pool: World) -> None:
    await pool.set(SR, pool.sr, shared=False)


async def ha_on(pool: World, planned: int, **values: Any) -> None:
    await pool.set(Pool, pool.pool, ha_enabled=True, ha_plan_exists_for=planned, **values)


@pytest.mark.parametrize("hosts", [1, 2, 5])
async def test_without_protected_vms_all_hosts_may_fail(hosts: int):
    async with world(hosts=hosts, background=False) as pool:
        assert await ask(pool, "ha_compute_max_host_failures_to_tolerate") == hosts
        assert await ask(pool, "ha_failover_plan_exists", hosts)
        assert not await ask(pool, "ha_failover_plan_exists", hosts + 1)
        assert not await ask(pool, "ha_failover_plan_exists", -1)


async def test_a_host_that_is_down_or_disabled_does_not_count():
    async with world(hosts=3, background=False) as pool:
        await pool.set(Host, pool.hosts[0], enabled=False)
        assert await ask(pool, "ha_compute_max_host_failures_to_tolerate") == 2
        await pool.set(HostMetrics, pool.store.get(Host, pool.hosts[1]).metrics, live=False)
        assert await ask(pool, "ha_compute_max_host_failures_to_tolerate") == 1


@pytest.mark.parametrize(("hosts", "most"), [(1, 0), (2, 1), (3, 2)])
async def test_one_protected_vm_needs_one_host(hosts: int, most: int):
    async with world(hosts=hosts, background=False) as pool:
        await protected(pool, pool.hosts[0])
        assert await ask(pool, "ha_compute_max_host_failures_to_tolerate") == most


async def test_room_is_counted_with_the_most_that_guests_may_take():
    async with world(hosts=2, memory=4 * GIB, background=False) as pool:
        await protected(pool, pool.hosts[0], size=2 * GIB)
        assert await ask(pool, "ha_failover_plan_exists", 1)
        ballooned = {"memory_static_max": 3 * GIB, "memory_dynamic_min": GIB, "memory_dynamic_max": GIB}
        await pool.vm(**ballooned, power_state="Running", resident_on=pool.hosts[1])
        assert not await ask(pool, "ha_failover_plan_exists", 1)


async def test_a_vm_tied_to_its_host_leaves_no_full_plan():
    async with world(hosts=2, background=False) as pool:
        await protected(pool, pool.hosts[0])
        await make_local(pool)
        found = situation(pool.store)
        assert answer(found, 0) is answer(found, 1) is Answer.ALL_BUT_FIXED
        assert most_failures(found) == 0
        assert not await ask(pool, "ha_failover_plan_exists", 0)


async def test_protected_vms_that_are_down_are_started_in_thought():
    async with world(hosts=2, memory=2 * GIB, background=False) as pool:
        await protected(pool)
        assert await ask(pool, "ha_failover_plan_exists", 1)
        await protected(pool, size=3 * GIB)
        assert situation(pool.store).is_placed is False
        assert not await ask(pool, "ha_failover_plan_exists", 0)


async def test_a_hypothetical_choice_of_protected_vms():
    async with world(hosts=2, background=False) as pool:
        vm, other = await pool.vm(), await protected(pool, pool.hosts[0])
        ask_most = "ha_compute_hypothetical_max_host_failures_to_tolerate"
        assert await ask(pool, ask_most, {}) == 2
        assert await ask(pool, ask_most, {vm: "best-effort", other: ""}) == 2
        assert await ask(pool, ask_most, {vm: "restart"}) == 1
        with pytest.raises(ApiError) as caught:
            await ask(pool, ask_most, {vm: "1"})
        assert caught.value.description == ["INVALID_VALUE", "ha_restart_priority", "1"]


async def test_where_vms_would_go():
    async with world(hosts=3, memory=4 * GIB, background=False) as pool:
        one, two = await protected(pool, pool.hosts[0], size=2 * GIB), await protected(pool, pool.hosts[0])
        plan = await ask(pool, "ha_compute_vm_failover_plan", [pool.hosts[0]], [one, two])
        assert {plan[one]["host"], plan[two]["host"]} == set(pool.hosts[1:])
        large = await protected(pool, size=8 * GIB)
        plan = await ask(pool, "ha_compute_vm_failover_plan", [pool.hosts[0]], [large])
        assert plan == {large: {"error_code": "HOST_NOT_ENOUGH_FREE_MEMORY"}}


async def test_a_vm_tied_to_some_hosts_goes_to_one_of_them():
    async with world(hosts=3, background=False) as pool:
        vm = await protected(pool, pool.hosts[0])
        await make_local(pool)
        plan = await ask(pool, "ha_compute_vm_failover_plan", [pool.hosts[0]], [vm])
        assert plan[vm]["host"] in pool.hosts[1:]
        for pbd in list(pool.store.all(PBD)):
            if pbd.host != pool.hosts[0]:
                await pool.set(PBD, pbd.ref, currently_attached=False)
        plan = await ask(pool, "ha_compute_vm_failover_plan", [pool.hosts[0]], [vm])
        assert plan == {vm: {"error_code": "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED"}}


# The arithmetic


def test_packing_puts_the_largest_where_most_is_left():
    guests = [Guest("small", 1), Guest("large", 5), Guest("huge", 9), Guest("middle", 3)]
    placed = pack(guests, {"a": 8, "b": 6})
    assert "huge" not in placed
    assert placed["large"] == "a"
    assert placed["middle"] == "b"


def brute_force(free: dict[str, int], agile: dict[str, tuple[Guest, ...]], failures: int) -> bool:
    for order in permutations(free, failures):
        left, guests = dict(free), dict(agile)
        for failed in order:
            del left[failed]
            lost = guests.pop(failed)
            placed = pack(lost, left)
            if len(placed) < len(lost):
                return False
            for guest in lost:
                left[placed[guest.vm]] -= guest.size
                guests[placed[guest.vm]] = (*guests[placed[guest.vm]], guest)
    return True


@pytest.mark.parametrize("seed", range(60))
def test_plans_are_those_of_trying_every_order(seed: int):
    rng = Random(seed)
    hosts = [f"host{number}" for number in range(rng.randint(2, 4))]
    free = {host: rng.randint(0, 12) for host in hosts}
    agile = {
        host: tuple(Guest(f"{host}-{number}", rng.randint(1, 4)) for number in range(rng.randint(0, 3)))
        for host in hosts
    }
    found = Situation(len(hosts), free, agile, has_fixed=False, is_placed=True)
    has_agile = any(agile.values())
    for failures in range(len(hosts)):
        expected = brute_force(free, agile, failures)
        assert (answer(found, failures) is Answer.ALL) == expected
        if has_agile and planning._surely_survives(free, agile, failures):
            assert expected
    assert (answer(found, len(hosts)) is Answer.ALL) == (not has_agile)


def test_large_pools_get_an_answer_at_once():
    hosts = [f"host{number}" for number in range(64)]
    agile = {host: (Guest(host, 4),) for host in hosts}
    found = Situation(64, dict.fromkeys(hosts, 16), agile, has_fixed=False, is_placed=True)
    most = most_failures(found)
    assert 40 < most < 64
    assert answer(found, most + 1) is Answer.NONE


# What would break the plan


def broken(check: Any, *args: Any) -> bool:
    try:
        check(*args)
    except ApiError as error:
        return error.description == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    return False


async def test_losing_a_host_is_refused_only_where_it_breaks_the_plan():
    async with world(hosts=2, background=False) as pool:
        await protected(pool, pool.hosts[0])
        assert not broken(protection.require_plan_without, pool.store, pool.hosts[1])
        await ha_on(pool, 1)
        assert broken(protection.require_plan_without, pool.store, pool.hosts[1])
        await ha_on(pool, 0)
        assert not broken(protection.require_plan_without, pool.store, pool.hosts[1])
        await ha_on(pool, 1, ha_allow_overcommit=True)
        assert not broken(protection.require_plan_without, pool.store, pool.hosts[1])
        await ha_on(pool, 2, ha_allow_overcommit=False)  # there is no plan for two, so none that could break
        assert not broken(protection.require_plan_without, pool.store, pool.hosts[1])


async def test_a_vm_that_takes_the_room_is_refused():
    async with world(hosts=2, memory=4 * GIB, background=False) as pool:
        await protected(pool, pool.hosts[0], size=2 * GIB)
        await ha_on(pool, 1)
        memory = {"memory_static_max": 3 * GIB, "memory_dynamic_min": 3 * GIB, "memory_dynamic_max": 3 * GIB}
        vm = await pool.vm(**memory)
        assert broken(protection.require_plan_with, pool.store, pool.get(vm), pool.hosts[1])
        small = await pool.vm()
        assert not broken(protection.require_plan_with, pool.store, pool.get(small), pool.hosts[1])
        assert broken(protection.require_plan_protecting, pool.store, pool.get(vm))
        await pool.set(VM, vm, ha_restart_priority="restart")
        assert broken(protection.require_plan_with, pool.store, pool.get(vm), pool.hosts[0])


async def test_how_many_failures_are_to_be_tolerated():
    async with world(hosts=2, background=False) as pool:
        await protected(pool, pool.hosts[0])

        def shown() -> tuple[int, int, bool]:
            found = pool.store.get(Pool, pool.pool)
            return found.ha_host_failures_to_tolerate, found.ha_plan_exists_for, found.ha_overcommitted

        with pytest.raises(ApiError) as caught:
            await ask(pool, "set_ha_host_failures_to_tolerate", pool.pool, -1)
        assert caught.value.description == ["INVALID_VALUE", "ha_host_failures_to_tolerate", "-1"]
        await ask(pool, "set_ha_host_failures_to_tolerate", pool.pool, 1)
        assert shown() == (1, 1, False)
        await ask(pool, "set_ha_host_failures_to_tolerate", pool.pool, 2)
        assert shown() == (2, 1, True)
        await ask(pool, "set_ha_host_failures_to_tolerate", pool.pool, 1)
        await pool.set(Pool, pool.pool, ha_enabled=True)
        with pytest.raises(ApiError) as caught:
            await ask(pool, "set_ha_host_failures_to_tolerate", pool.pool, 2)
        assert caught.value.description == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
        assert shown() == (1, 1, False)
