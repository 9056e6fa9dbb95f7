"""Switching high availability on and off, and what it does when hosts fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.copies.lab import Lab
from tests.support import FakeClock
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.operations.pools.ha_monitor import Watch, look
from xapi_async.operations.vm.states import force_reset


def shown(pool: Lab) -> Pool:
    return pool.store.get(Pool, pool.pool.ref)


class Kept:
    """Messages as they were posted."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def post(self, name: str, *rest: Any) -> str:
        self.names.append(name)
        return ""


def messages(pool: Lab) -> list[str]:
    kept = Kept()
    pool.services.messages = kept  # type: ignore[assignment]
    return kept.names


async def enable(pool: Lab, srs: Sequence[str] = (), **configuration: str) -> None:
    await pool.call("pool.enable_ha", tuple(srs), configuration)


async def test_on_and_off(pool: Lab):
    assert shown(pool).allowed_operations == ("ha_enable",)
    assert await pool.refused("pool.disable_ha") == ["HA_NOT_ENABLED"]
    await enable(pool, [pool.sr], timeout="30")
    assert shown(pool).ha_enabled
    assert shown(pool).allowed_operations == ("ha_disable",)
    assert shown(pool).ha_configuration == {"timeout": "30"}
    assert shown(pool).ha_cluster_stack == "xhad"
    (statefile,) = shown(pool).ha_statefiles
    disk = pool.get(VDI, statefile)
    assert (disk.type, disk.SR, disk.sharable, disk.virtual_size >= 266240) == ("ha_statefile", pool.sr, True, True)
    assert "destroy" not in disk.allowed_operations
    for host in pool.store.all(Host):
        assert host.ha_statefiles == (statefile,)
        assert len(host.ha_network_peers) == 2
    assert pool.task is not None
    assert pool.task.reached[-1] == 1.0
    assert await pool.refused("pool.enable_ha", (), {}) == ["HA_IS_ENABLED"]
    assert await pool.refused("VDI.destroy", statefile) == ["HA_IS_ENABLED"]

    await pool.call("pool.disable_ha")
    assert not shown(pool).ha_enabled
    assert shown(pool).allowed_operations == ("ha_enable",)
    assert shown(pool).ha_statefiles == (statefile,)
    assert shown(pool).ha_configuration == {"timeout": "30"}
    assert all(host.ha_statefiles == () for host in pool.store.all(Host))
    assert "destroy" in pool.get(VDI, statefile).allowed_operations

    await enable(pool, [pool.sr])  # the disks are used again
    assert shown(pool).ha_statefiles == (statefile,)
    assert sum(vdi.type == "redo_log" for vdi in pool.store.all(VDI)) == 1


async def test_an_sr_is_found_where_none_is_named(pool: Lab):
    await enable(pool)
    (statefile,) = shown(pool).ha_statefiles
    assert pool.get(SR, pool.get(VDI, statefile).SR).shared


async def test_what_keeps_it_from_being_switched_on(pool: Lab):
    """Each is looked at before the next."""
    local = next(sr for sr in pool.store.all(SR) if not sr.shared and sr.PBDs and sr.content_type == "user")
    iso = next(sr for sr in pool.store.all(SR) if sr.content_type == "iso" and len(sr.PBDs) == 2)
    assert await pool.refused("pool.enable_ha", (local.ref,), {}) == ["SR_HAS_NO_PBDS", local.ref]
    assert await pool.refused("pool.enable_ha", (iso.ref,), {}) == ["INCOMPATIBLE_STATEFILE_SR", "iso"]
    metrics = pool.get(HostMetrics, pool.get(Host, pool.slave).metrics)
    await pool.set(metrics, live=False)
    assert await pool.refused("pool.enable_ha", (iso.ref,), {}) == ["HOST_OFFLINE", pool.slave]
    pif = next(pif for pif in pool.store.all(PIF) if pif.physical)
    await pool.set(pif, disallow_unplug=True, currently_attached=False)
    assert await pool.refused("pool.enable_ha", (iso.ref,), {}) == ["REQUIRED_PIF_IS_UNPLUGGED", pif.ref]
    await pool.restrict(enable_xha="false")
    assert await pool.refused("pool.enable_ha", (iso.ref,), {}) == ["LICENCE_RESTRICTION", "HA"]
    host = pool.get(Host, pool.slave)
    await pool.set(host, software_version={**host.software_version, "platform_version": "2.4.0"})
    assert await pool.refused("pool.enable_ha", (iso.ref,), {}) == ["NOT_SUPPORTED_DURING_UPGRADE"]
    assert shown(pool).allowed_operations == ("ha_enable",)


async def test_no_sr_can_hold_the_state(pool: Lab):
    for pbd in list(pool.store.all(PBD)):
        await pool.set(pbd, currently_attached=False)
    assert await pool.refused("pool.enable_ha", (), {}) == ["CANNOT_CREATE_STATE_FILE"]


async def test_a_failure_leaves_it_off(pool: Lab):
    for timeout in ("soon", "9"):
        assert (await pool.refused("pool.enable_ha", (), {"timeout": timeout}))[0] == "INTERNAL_ERROR"
    pool.services.hypervisor.kill_host(pool.get(Host, pool.slave).uuid)  # type: ignore[attr-defined]
    assert await pool.refused("pool.enable_ha", (), {}) == ["HA_FAILED_TO_FORM_LIVESET"]
    assert not shown(pool).ha_enabled
    assert all(host.ha_statefiles == () for host in pool.store.all(Host))


async def test_interfaces_that_could_be_unplugged_are_only_told_of(pool: Lab):
    names = messages(pool)
    pif = next(pif for pif in pool.store.all(PIF) if pif.physical and not pif.management)
    await pool.set(pif, ip_configuration_mode="DHCP")
    await enable(pool)
    assert names == ["IP_CONFIGURED_PIF_CAN_UNPLUG"]


# Failures


async def protected_vm(pool: Lab, name: str, host: str, priority: str = "restart", order: int = 0) -> str:
    vm = await pool.built(name)
    await pool.set(pool.vm(vm), HVM_boot_policy="", PV_bootloader="pygrub", order=order)
    await pool.call("VM.set_ha_restart_priority", vm, priority)
    await pool.call("VM.start_on", vm, host, False, False)
    return vm


async def fail(pool: Lab, host: str) -> None:
    pool.services.hypervisor.kill_host(pool.get(Host, host).uuid)  # type: ignore[attr-defined]


class Steady(FakeClock):
    """A clock that only the test advances, as others wait for hosts by the pool's."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def look_for(pool: Lab, watch: Watch, seconds: float) -> None:
    """Have the monitor look every 20 seconds."""
    for _ in range(int(seconds // 20)):
        STEADY.time += 20
        await look(replace(pool.services, clock=STEADY), watch)


STEADY = Steady()


async def test_protected_vms_start_elsewhere_after_the_timeout(pool: Lab):
    names, watch = messages(pool), Watch()
    vm = await protected_vm(pool, "protected", pool.slave)
    modest = await protected_vm(pool, "modest", pool.slave, "best-effort")
    other = await protected_vm(pool, "other", pool.slave, "")
    assert pool.vm(vm).ha_always_run
    await enable(pool)
    await pool.call("pool.set_ha_host_failures_to_tolerate", pool.pool.ref, 1)
    assert shown(pool).ha_plan_exists_for == 1
    await look_for(pool, watch, 20)
    names.clear()
    await fail(pool, pool.slave)
    await look_for(pool, watch, 60)
    assert pool.vm(vm).resident_on == pool.slave
    await look_for(pool, watch, 40)
    assert [pool.vm(each).power_state for each in (vm, modest, other)] == ["Running", "Running", "Halted"]
    assert pool.vm(vm).resident_on == pool.vm(modest).resident_on == pool.master
    assert not pool.get(HostMetrics, pool.get(Host, pool.slave).metrics).live
    assert names[:3] == ["HA_HOST_FAILED", "HA_POOL_DROP_IN_PLAN_EXISTS_FOR", "HA_POOL_OVERCOMMITTED"]
    assert shown(pool).ha_overcommitted
    assert names.count("HA_HOST_FAILED") == 1


async def test_vms_are_restarted_by_their_order(pool: Lab):
    watch, started = Watch(), []
    orders = {await protected_vm(pool, f"vm{order}", pool.slave, order=order): order for order in (2, 0, 1)}

    def seen(changes: Any) -> None:
        started.extend(
            orders[change.ref]
            for change in changes
            if change.ref in orders and change.entity.power_state == "Running" and orders[change.ref] not in started
        )

    await enable(pool)
    await fail(pool, pool.slave)
    await look_for(pool, watch, 60)
    pool.store.listen(seen)
    await look_for(pool, watch, 20)
    assert started == [0, 1, 2]


async def test_nothing_is_restarted_while_that_is_held_back(pool: Lab):
    watch = Watch()
    vm = await protected_vm(pool, "protected", pool.slave)
    await enable(pool)
    pool.services.clock = STEADY
    await pool.call("pool.ha_prevent_restarts_for", 300)
    await fail(pool, pool.slave)
    await look_for(pool, watch, 120)
    assert pool.vm(vm).power_state == "Halted"
    await pool.call("pool.ha_prevent_restarts_for", 0)
    assert pool.services.pool.wake.is_set()
    await look_for(pool, watch, 20)
    assert pool.vm(vm).power_state == "Running"


async def test_a_vm_that_cannot_be_restarted_is_told_of_once(pool: Lab):
    names, watch = messages(pool), Watch()
    vm = await protected_vm(pool, "protected", pool.slave)
    await enable(pool)
    await pool.set(pool.get(Host, pool.master), enabled=False)
    await fail(pool, pool.slave)
    await look_for(pool, watch, 400)
    assert pool.vm(vm).power_state == "Halted"
    assert names.count("HA_PROTECTED_VM_RESTART_FAILED") == 1
    await pool.set(pool.get(Host, pool.master), enabled=True)
    await look_for(pool, watch, 140)
    assert pool.vm(vm).power_state == "Running"


async def test_a_protected_vm_that_ended_by_itself_is_started_again(pool: Lab):
    watch = Watch()
    vm = await protected_vm(pool, "protected", pool.slave)
    await enable(pool)
    await pool.services.hypervisor.destroy(pool.vm(vm).uuid)
    async with pool.store.transaction() as tx:
        force_reset(tx, vm, "Halted")
    await look_for(pool, watch, 20)
    assert pool.vm(vm).power_state == "Running"
    await pool.call("VM.hard_shutdown", vm)
    await look_for(pool, watch, 20)
    assert pool.vm(vm).power_state == "Halted"


async def test_with_it_off_nothing_is_restarted(pool: Lab):
    watch = Watch()
    vm = await protected_vm(pool, "protected", pool.slave)
    await fail(pool, pool.slave)
    await look_for(pool, watch, 200)
    assert pool.vm(vm).power_state == "Running"
    await asyncio.sleep(0)
    assert pool.store.get(VM, vm).resident_on == pool.slave


async def test_what_would_break_the_plan_is_refused(pool: Lab):
    await protected_vm(pool, "protected", pool.slave)
    await enable(pool)
    await pool.call("pool.set_ha_host_failures_to_tolerate", pool.pool.ref, 1)
    large = await pool.built("large")
    free = pool.get(HostMetrics, pool.get(Host, pool.master).metrics).memory_total // 2
    sizes = dict.fromkeys(("memory_static_max", "memory_dynamic_max", "memory_dynamic_min"), free)
    await pool.set(pool.vm(large), HVM_boot_policy="", PV_bootloader="pygrub", **sizes)
    await pool.call("VM.start_on", large, pool.master, False, False)
    await pool.call("VM.set_ha_restart_priority", large, "best-effort")
    other = await pool.built("other")
    await pool.set(pool.vm(other), HVM_boot_policy="", PV_bootloader="pygrub", **sizes, ha_restart_priority="restart")
    error = ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    assert await pool.refused("VM.start_on", other, pool.slave, False, False) == error
    assert pool.vm(other).power_state == "Halted"
    await pool.set(shown(pool), ha_allow_overcommit=True)
    await pool.call("VM.start_on", other, pool.slave, False, False)


async def test_a_host_that_comes_back_counts_again(pool: Lab):
    names, watch = messages(pool), Watch()
    await enable(pool)
    (statefile,) = shown(pool).ha_statefiles
    await fail(pool, pool.slave)
    await look_for(pool, watch, 100)
    master, slave = pool.get(Host, pool.master), pool.get(Host, pool.slave)
    assert (slave.ha_statefiles, slave.ha_network_peers) == ((), ())
    assert (master.ha_statefiles, master.ha_network_peers) == ((statefile,), (master.uuid,))
    pool.services.hypervisor.revive_host(slave.uuid)  # type: ignore[attr-defined]
    await look_for(pool, watch, 40)
    assert pool.get(HostMetrics, slave.metrics).live
    assert pool.get(Host, pool.slave).ha_statefiles == (statefile,)
    assert len(pool.get(Host, pool.master).ha_network_peers) == 2
    assert names.count("HA_HOST_WAS_FENCED") == 1


async def test_another_host_takes_over_from_a_failed_master(pool: Lab):
    names, watch = messages(pool), Watch()
    vm = await protected_vm(pool, "protected", pool.master)
    await enable(pool)
    await fail(pool, pool.master)
    await look_for(pool, watch, 100)
    assert shown(pool).master == pool.slave
    assert names.count("POOL_MASTER_TRANSITION") == 1
    assert pool.vm(vm).resident_on == pool.slave


async def test_a_host_taken_out_in_an_emergency_stays_out(pool: Lab):
    watch = Watch()
    await enable(pool)
    await pool.call("host.emergency_ha_disable", False)
    assert await pool.refused("host.emergency_ha_disable", False) == ["HA_NOT_ENABLED"]
    await look_for(pool, watch, 40)
    assert pool.get(Host, pool.master).ha_statefiles == ()
    assert pool.get(Host, pool.slave).ha_network_peers == (pool.get(Host, pool.slave).uuid,)
    await pool.call("pool.disable_ha")
    await enable(pool)
    await look_for(pool, watch, 40)
    assert pool.get(Host, pool.master).ha_statefiles == shown(pool).ha_statefiles
