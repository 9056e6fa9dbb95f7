"""Taking hosts out of service and back: disabling, emptying, rebooting, and what becomes of dead ones."""

from __future__ import annotations

import asyncio

import pytest

from tests.copies.lab import Lab
from tests.hosts.conftest import settle
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.feature import Feature
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.secret import Secret
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.task import Task
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.operations.hosts.life import start_agents


def host(pool: Lab, ref: str = "") -> Host:
    found: Host = pool.get(Host, ref or pool.slave)
    return found


def is_live(pool: Lab, ref: str = "") -> bool:
    return bool(pool.get(HostMetrics, host(pool, ref).metrics).live)


def simulator(pool: Lab) -> SimulatedHypervisor:
    assert isinstance(pool.services.hypervisor, SimulatedHypervisor)
    return pool.services.hypervisor


async def guest(pool: Lab, on: str = "") -> str:
    """A running guest, on the slave unless said otherwise."""
    vm = await pool.built()
    await pool.set(pool.vm(vm), HVM_boot_policy="", PV_bootloader="pygrub")
    await pool.call("VM.start_on", vm, on or pool.slave, False, False)
    return vm


async def power_off(pool: Lab) -> None:
    await pool.call("host.disable", pool.slave)
    await pool.call("host.shutdown", pool.slave)
    await settle()


# Enabling


async def test_a_disabled_host_takes_no_vms(pool: Lab) -> None:
    vm = await pool.built()
    await pool.call("host.disable", pool.slave)
    assert not host(pool).enabled
    assert await pool.refused("VM.start_on", vm, pool.slave, False, False) == ["HOST_DISABLED", pool.slave]
    assert {"reboot", "shutdown"} <= set(host(pool).allowed_operations)
    await pool.call("host.disable", pool.slave)  # already so
    await pool.call("host.enable", pool.slave)
    await pool.call("host.enable", pool.slave)
    assert not {"reboot", "shutdown"} & set(host(pool).allowed_operations)
    await pool.call("VM.start_on", vm, pool.slave, False, False)


async def test_guests_stay_on_a_disabled_host(pool: Lab) -> None:
    vm = await guest(pool)
    await pool.call("host.disable", pool.slave)
    assert pool.vm(vm).power_state == "Running"


async def test_a_user_disables_no_longer_than_the_agent_runs(pool: Lab) -> None:
    await pool.call("host.disable", pool.slave)
    await pool.call("host.restart_agent", pool.slave)
    await settle()
    assert host(pool).enabled
    await pool.call("host.disable", pool.slave)
    pool.services.hosts.disabled_by_user.clear()  # as a restart of the server does
    await start_agents(pool.services)
    assert host(pool).enabled


async def test_storage_is_plugged_as_an_agent_starts(pool: Lab) -> None:
    (pbd, *_) = [ref for ref in host(pool).PBDs if pool.sr == pool.get(PBD, ref).SR]
    await pool.call("PBD.unplug", pbd)
    await pool.call("host.restart_agent", pool.slave)
    await settle()
    assert pool.get(PBD, pbd).currently_attached


async def test_enabling_too_early(pool: Lab) -> None:
    await pool.call("host.disable", pool.slave)
    pool.services.hosts.starting.add(pool.slave)
    assert await pool.refused("host.enable", pool.slave) == ["HOST_STILL_BOOTING"]
    pool.services.hosts.starting.clear()
    pool.services.hosts.awaiting_reboot.add(pool.slave)
    assert await pool.refused("host.enable", pool.slave) == ["HOST_DISABLED_UNTIL_REBOOT"]


# Emptying


async def test_evacuating_moves_every_guest(pool: Lab) -> None:
    vms = [await guest(pool) for _ in range(3)]
    assert await pool.call("host.get_vms_which_prevent_evacuation", pool.slave) == {}
    await pool.call("host.assert_can_evacuate", pool.slave)
    await pool.call("host.evacuate", pool.slave)
    assert {pool.vm(vm).resident_on for vm in vms} == {pool.master}
    assert host(pool).enabled  # clients disable it first
    assert host(pool).current_operations == {}
    assert pool.task is not None
    assert pool.task.reached == sorted(pool.task.reached)
    assert pool.task.reached[-1] == pytest.approx(1.0)


async def test_an_empty_host_is_evacuated_at_once(pool: Lab) -> None:
    await pool.call("host.disable", pool.master)
    assert await pool.call("host.get_vms_which_prevent_evacuation", pool.slave) == {}
    await pool.call("host.evacuate", pool.slave)


async def test_nowhere_to_go(pool: Lab) -> None:
    vm = await guest(pool)
    await pool.call("host.disable", pool.master)
    found = await pool.call("host.get_vms_which_prevent_evacuation", pool.slave)
    assert found == {vm: ("NO_HOSTS_AVAILABLE", vm)}
    error = await pool.refused("host.assert_can_evacuate", pool.slave)
    assert error == ["CANNOT_EVACUATE_HOST", f"NO_HOSTS_AVAILABLE,{vm}"]
    assert await pool.refused("host.evacuate", pool.slave) == ["NO_HOSTS_AVAILABLE", vm]


async def test_hosts_of_an_older_version_are_no_targets(pool: Lab) -> None:
    vm = await guest(pool)
    master = host(pool, pool.master)
    await pool.set(master, software_version={**master.software_version, "platform_version": "2.4.9"})
    found = await pool.call("host.get_vms_which_prevent_evacuation", pool.slave)
    assert found == {vm: ("NO_HOSTS_AVAILABLE", vm)}


async def test_what_stands_in_the_way(pool: Lab) -> None:
    local, pinned, paused, fine = [await guest(pool) for _ in range(4)]
    pbds = [pool.get(PBD, ref) for ref in host(pool).PBDs]
    unplugged = next(pbd for pbd in pbds if pool.get(SR, pbd.SR).type == "nfs" and pool.sr != pbd.SR)
    other = next(ref for ref in pool.get(SR, unplugged.SR).PBDs if pool.get(PBD, ref).host == pool.master)
    private = unplugged.SR
    await pool.call("PBD.unplug", other)
    (disk,) = pool.disks(local)
    await pool.set(disk, SR=private)
    await pool.set(pool.get(VMMetrics, pool.vm(pinned).metrics), nomigrate=True)
    await pool.call("VM.pause", paused)
    found = await pool.call("host.get_vms_which_prevent_evacuation", pool.slave)
    assert found == {
        local: ("VM_REQUIRES_SR", local, private),
        pinned: ("VM_IS_IMMOBILE", pinned),
        paused: ("VM_BAD_POWER_STATE", paused, "running", "paused"),
    }
    error = await pool.refused("host.evacuate", pool.slave)
    assert tuple(error) in found.values()
    assert pool.vm(fine).resident_on == pool.slave  # nothing moves unless everything can
    assert host(pool).current_operations == {}


async def test_memory_at_the_targets_is_what_counts(pool: Lab) -> None:
    vms = [await guest(pool) for _ in range(3)]
    size = pool.vm(vms[0]).memory_dynamic_min
    metrics = pool.get(HostMetrics, host(pool, pool.master).metrics)
    free = await pool.call("host.compute_free_memory", pool.master)
    await pool.set(metrics, memory_total=metrics.memory_total - free + 2 * size + size // 2)
    found = await pool.call("host.get_vms_which_prevent_evacuation", pool.slave)
    assert list(found.values()) == [("HOST_NOT_ENOUGH_FREE_MEMORY", vm) for vm in found]
    assert len(found) == 1


async def test_with_ha_unprotected_guests_stay(pool: Lab) -> None:
    vm = await guest(pool)
    await pool.set(pool.pool, ha_enabled=True, ha_allow_overcommit=True)
    found = await pool.call("host.get_vms_which_prevent_evacuation", pool.slave)
    assert found == {vm: ("HOST_NOT_ENOUGH_FREE_MEMORY", vm)}


async def test_no_resume_on_a_host_that_is_being_emptied(pool: Lab) -> None:
    await pool.set(host(pool), current_operations={"somebody": "evacuate"})
    vm = await pool.running()
    await pool.call("VM.suspend", vm)
    await pool.call("host.disable", pool.master)
    resuming = asyncio.ensure_future(pool.call("VM.resume_on", vm, pool.slave, False, False))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not resuming.done() or resuming.exception() is not None
    resuming.cancel()
    await asyncio.gather(resuming, return_exceptions=True)


# Power


async def test_only_disabled_hosts_go_down(pool: Lab) -> None:
    assert await pool.refused("host.shutdown", pool.slave) == ["HOST_NOT_DISABLED"]
    assert await pool.refused("host.reboot", pool.slave) == ["HOST_NOT_DISABLED"]


async def test_a_shut_down_host_stays_down(pool: Lab) -> None:
    vm = await guest(pool)
    before = pool.services.clock.now()
    await power_off(pool)
    assert pool.services.clock.now() >= before + 10
    assert not is_live(pool)
    assert list(host(pool).current_operations.values()) == ["shutdown"]
    (task,) = host(pool).current_operations
    assert pool.get(Task, task).status == "pending"
    assert pool.vm(vm).power_state == "Running"  # until somebody says that the host is dead
    assert await pool.refused("host.dmesg", pool.slave) == ["HOST_OFFLINE", pool.slave]
    assert await pool.refused("host.disable", pool.slave) == ["HOST_OFFLINE", pool.slave]
    assert await pool.call("host.compute_free_memory", pool.slave) > 0  # asked of the master


async def test_guests_are_killed_by_a_reboot(pool: Lab) -> None:
    vm = await guest(pool)
    (vbd,) = pool.vm(vm).VBDs
    vdi = pool.get(VBD, vbd).VDI
    boot_time, cpus = host(pool).other_config["boot_time"], host(pool).host_CPUs
    await pool.set(host(pool), display="disable_on_reboot")
    await pool.call("host.disable", pool.slave)
    await pool.call("host.reboot", pool.slave)
    assert "shutdown" in host(pool).current_operations.values()  # for reboots too
    (task,) = [key for key, op in host(pool).current_operations.items() if op == "shutdown"]
    assert await pool.refused("host.enable", pool.slave) == ["HOST_DISABLED_UNTIL_REBOOT"]
    await settle()
    assert is_live(pool)
    assert host(pool).enabled  # whoever disabled it before
    assert host(pool).current_operations == {}
    assert host(pool).display == "disabled"
    assert host(pool).other_config["boot_time"] != boot_time
    assert set(host(pool).host_CPUs).isdisjoint(cpus)
    assert pool.get(Task, task).status == "cancelled"
    assert pool.vm(vm).power_state == "Halted"
    assert not pool.get(VBD, vbd).currently_attached
    assert f"host_{pool.slave}" not in pool.get(VDI, vdi).sm_config
    await pool.call("VM.start_on", vm, pool.slave, False, False)


async def test_the_master_reboots_like_the_others(pool: Lab) -> None:
    vm = await guest(pool, pool.master)
    await pool.call("host.disable", pool.master)
    await pool.call("host.reboot", pool.master)
    await settle()
    assert pool.vm(vm).power_state == "Halted"
    assert host(pool, pool.master).enabled
    assert is_live(pool, pool.master)


async def test_switching_on(pool: Lab) -> None:
    assert await pool.refused("host.power_on", pool.slave) == ["HOST_IS_LIVE", pool.slave]
    await power_off(pool)
    assert await pool.refused("host.power_on", pool.slave) == ["HOST_POWER_ON_MODE_DISABLED"]
    await pool.call("host.set_power_on_mode", pool.slave, "wake-on-lan", {})
    assert "power_on" in host(pool).allowed_operations
    await pool.call("host.power_on", pool.slave)
    await settle()
    assert is_live(pool)
    assert host(pool).enabled
    assert host(pool).current_operations == {}
    assert "power_on" not in host(pool).allowed_operations


async def test_passwords_for_switching_on(pool: Lab) -> None:
    old = await _secret(pool)
    config = {"power_on_ip": "10.1.1.1", "power_on_user": "root", "power_on_password_secret": old}
    await pool.call("host.set_power_on_mode", pool.slave, "DRAC", config)
    assert host(pool).power_on_config == config
    await pool.call("host.set_power_on_mode", pool.slave, "", {})
    assert host(pool).power_on_mode == ""
    assert old not in {secret.uuid for secret in pool.store.all(Secret)}


async def _secret(pool: Lab) -> str:
    async with pool.store.transaction() as tx:
        return tx.create(Secret, value="calvin", other_config={}).uuid


async def test_a_host_that_falls_silent_is_dead_after_ten_minutes(pool: Lab) -> None:
    before = pool.services.clock.now()
    simulator(pool).kill_host(host(pool).uuid)
    await settle()
    assert not is_live(pool)
    assert pool.services.clock.now() >= before + 600


async def test_the_agent_that_is_shut_down_is_the_server(pool: Lab) -> None:
    stopped = asyncio.Event()
    pool.services.stop = stopped.set
    await pool.call("host.shutdown_agent")
    assert not host(pool, pool.master).enabled
    await settle()
    assert stopped.is_set()


# Dead hosts


@pytest.mark.parametrize("message", ["host.declare_dead", "host.destroy"])
async def test_the_living_are_not_declared_dead(pool: Lab, message: str) -> None:
    assert await pool.refused(message, pool.slave) == ["HOST_IS_LIVE", pool.slave]
    await pool.set(pool.get(HostMetrics, host(pool, pool.master).metrics), live=False)
    assert await pool.refused(message, pool.master) == ["HOST_IS_LIVE", pool.master]


async def test_declaring_a_host_dead_frees_its_guests(pool: Lab) -> None:
    vm = await guest(pool)
    await power_off(pool)
    await pool.call("host.declare_dead", pool.slave)
    assert pool.vm(vm).power_state == "Halted"
    assert not host(pool).enabled
    await pool.call("VM.start_on", vm, pool.master, False, False)


async def test_destroying_a_host(pool: Lab) -> None:
    vm = await guest(pool)
    await power_off(pool)
    assert await pool.refused("host.destroy", pool.slave) == ["HOST_HAS_RESIDENT_VMS", pool.slave]
    await pool.call("host.declare_dead", pool.slave)
    await pool.set(pool.pool, ha_enabled=True)
    assert await pool.refused("host.destroy", pool.slave) == ["HA_IS_ENABLED"]
    await pool.set(pool.pool, ha_enabled=False)
    domain = host(pool).control_domain
    cpus = int(pool.get(Pool, pool.pool.ref).cpu_info["cpu_count"])
    await pool.call("host.destroy", pool.slave)
    assert pool.store.find(Host, pool.slave) is None
    assert pool.store.find(VM, domain) is None
    assert pool.vm(vm).power_state == "Halted"
    assert int(pool.get(Pool, pool.pool.ref).cpu_info["cpu_count"]) == cpus // 2
    assert all(domain != console.VM for console in pool.store.all(Console))
    assert all(feature.host != pool.slave for feature in pool.store.all(Feature))
