"""Starting, stopping, suspending and rebooting VMs, and what their records show of it."""

from __future__ import annotations

import pytest

from tests.vm.world import GIB, World
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.faults import Fault


async def test_a_started_vm_has_a_host_devices_consoles_and_a_reporting_guest(pool: World) -> None:
    vm = await pool.vm()
    vbd, _ = await pool.disk(vm)
    vif = await pool.interface(vm)
    await pool.start(vm)
    await pool.settle()
    record = pool.get(vm)
    assert (record.power_state, record.scheduled_to_be_resident_on) == ("Running", NULL_REF)
    assert record.resident_on in pool.hosts
    assert record.domid > 0
    assert record.bios_strings["bios-vendor"] == "Xen"
    assert record.last_boot_CPU_flags == {"vendor": "GenuineIntel", "features": "0f-0f"}
    disk, interface = pool.store.get(VBD, vbd), pool.store.get(VIF, vif)
    assert (disk.currently_attached, disk.device, disk.current_operations) == (True, "xvda", {})
    assert (interface.currently_attached, interface.current_operations) == (True, {})
    consoles = {pool.store.get(Console, ref).protocol for ref in record.consoles}
    assert consoles == {"rfb", "vt100"}
    guest = pool.store.get(VMGuestMetrics, record.guest_metrics)
    assert guest.os_version["distro"] == "debian"
    assert guest.PV_drivers_detected
    assert "0/ip" in guest.networks
    metrics = pool.store.get(VMMetrics, record.metrics)
    assert (metrics.VCPUs_number, metrics.memory_actual, metrics.hvm) == (1, GIB, False)
    assert metrics.start_time != "19700101T00:00:00Z"
    assert record.current_operations == {}
    assert pool.store.get(Host, record.resident_on).current_operations == {}
    assert set(record.allowed_operations) == {
        *("snapshot", "checkpoint", "pause", "clean_shutdown", "clean_reboot", "hard_shutdown", "hard_reboot"),
        *("suspend", "changing_VCPUs_live", "pool_migrate", "migrate_send", "changing_dynamic_range"),
    }


async def test_a_clean_shutdown_leaves_nothing_attached(pool: World) -> None:
    vm = await pool.vm(ha_restart_priority="restart")
    vbd, _ = await pool.disk(vm)
    vif = await pool.interface(vm)
    await pool.start(vm)
    assert pool.get(vm).ha_always_run
    await pool.call("VM.clean_shutdown", vm)
    record = pool.get(vm)
    assert (record.power_state, record.domid, record.resident_on) == ("Halted", -1, NULL_REF)
    assert not record.ha_always_run
    assert not record.consoles
    assert record.guest_metrics != NULL_REF
    assert not pool.store.get(VBD, vbd).currently_attached
    assert not pool.store.get(VIF, vif).currently_attached
    assert "start" in record.allowed_operations


async def test_pausing_and_unpausing(pool: World) -> None:
    vm = await pool.vm()
    await pool.call("VM.start", vm, True, False)
    assert pool.state(vm) == "Paused"
    assert set(pool.get(vm).allowed_operations) == {"snapshot", "checkpoint", "unpause", "hard_shutdown", "hard_reboot"}
    await pool.call("VM.unpause", vm)
    assert pool.state(vm) == "Running"
    await pool.call("VM.pause", vm)
    assert pool.state(vm) == "Paused"


@pytest.mark.parametrize("message", ["VM.clean_reboot", "VM.hard_reboot"])
async def test_a_reboot_changes_the_domain_but_not_the_host(pool: World, message: str) -> None:
    vm = await pool.vm()
    await pool.start(vm)
    before = pool.get(vm)
    host, domid = before.resident_on, before.domid
    await pool.call(message, vm)
    await pool.settle()
    after = pool.get(vm)
    assert (after.power_state, after.resident_on) == ("Running", host)
    assert after.domid > domid


async def test_suspending_and_resuming(pool: World) -> None:
    vm = await pool.vm()
    vbd, _ = await pool.disk(vm)
    await pool.start(vm)
    started = pool.store.get(VMMetrics, pool.get(vm).metrics).start_time
    await pool.call("VM.suspend", vm)
    record = pool.get(vm)
    assert (record.power_state, record.resident_on, record.domid) == ("Suspended", NULL_REF, -1)
    assert pool.store.get(VBD, vbd).currently_attached
    image = pool.store.get(VDI, record.suspend_VDI)
    assert (image.type, image.virtual_size) == ("suspend", GIB * 126 // 100 + 104857600)
    assert set(record.allowed_operations) == {
        *("snapshot", "checkpoint", "resume", "resume_on", "hard_shutdown", "export", "destroy", "migrate_send"),
    }
    await pool.call("VM.resume", vm, False, False)
    record = pool.get(vm)
    assert (record.power_state, record.suspend_VDI) == ("Running", NULL_REF)
    assert pool.store.find(VDI, image.ref) is None
    assert pool.store.get(VMMetrics, record.metrics).start_time == started


async def test_a_hard_shutdown_of_a_suspended_vm_discards_its_memory(pool: World) -> None:
    vm = await pool.vm()
    await pool.start(vm)
    await pool.call("VM.suspend", vm)
    image = pool.get(vm).suspend_VDI
    await pool.call("VM.hard_shutdown", vm)
    assert (pool.state(vm), pool.get(vm).suspend_VDI) == ("Halted", NULL_REF)
    assert pool.store.find(VDI, image) is None


async def test_resuming_without_an_image_halts_the_vm(pool: World) -> None:
    vm = await pool.vm()
    await pool.start(vm)
    await pool.call("VM.suspend", vm)
    await pool.set(VM, vm, suspend_VDI=NULL_REF)
    with pytest.raises(ApiError) as raised:
        await pool.call("VM.resume", vm, False, False)
    assert raised.value.description == ["VM_HAS_NO_SUSPEND_VDI", "VM", vm]
    assert pool.state(vm) == "Halted"


async def test_shutdown_forces_a_guest_that_does_not_listen(pool: World) -> None:
    vm = await pool.vm(other_config={"simulated-guest": "deaf"})
    await pool.start(vm)
    with pytest.raises(ApiError) as raised:
        await pool.call("VM.clean_shutdown", vm)
    assert raised.value.description == ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT"]
    assert pool.state(vm) == "Running"
    await pool.call("VM.shutdown", vm)
    assert pool.state(vm) == "Halted"


async def test_a_start_that_fails_leaves_the_vm_as_it_was(pool: World) -> None:
    vm = await pool.vm()
    vbd, _ = await pool.disk(vm)
    pool.simulator.faults.add(Fault("start", "BOOTLOADER_FAILED", ("{vm}", "no kernel"), times=1))
    with pytest.raises(ApiError) as raised:
        await pool.start(vm)
    assert raised.value.description == ["BOOTLOADER_FAILED", vm, "no kernel"]
    record = pool.get(vm)
    assert (record.power_state, record.scheduled_to_be_resident_on, record.domid) == ("Halted", NULL_REF, -1)
    assert not pool.store.get(VBD, vbd).currently_attached
    assert pool.simulator.domains() == []
    await pool.start(vm)
    assert pool.state(vm) == "Running"


async def test_a_suspend_that_fails_leaves_the_guest_running(pool: World) -> None:
    vm = await pool.vm()
    await pool.start(vm)
    pool.simulator.faults.add(Fault("suspend", "VDI_IO_ERROR", ("disk full",)))
    with pytest.raises(ApiError, match="VDI_IO_ERROR"):
        await pool.call("VM.suspend", vm)
    assert (pool.state(vm), pool.get(vm).suspend_VDI) == ("Running", NULL_REF)
    assert not [vdi for vdi in pool.store.all(VDI) if vdi.type == "suspend"]


async def test_a_disk_in_use_keeps_another_vm_from_starting(pool: World) -> None:
    first, second = await pool.vm(), await pool.vm()
    _, vdi = await pool.disk(first)
    async with pool.store.transaction() as tx:
        tx.create(VBD, VM=second, VDI=vdi, userdevice="0", mode="RW", type="Disk")
    await pool.start(first)
    with pytest.raises(ApiError) as raised:
        await pool.start(second)
    assert raised.value.description == ["VDI_IN_USE", vdi]


async def test_a_vm_on_a_dead_host_can_be_reset(pool: World) -> None:
    vm = await pool.vm(affinity=pool.hosts[1])
    await pool.start(vm)
    host = pool.get(vm).resident_on
    assert host == pool.hosts[1]
    with pytest.raises(ApiError) as raised:
        await pool.call("VM.power_state_reset", vm)
    assert raised.value.description == ["HOST_IS_LIVE", host]
    pool.simulator.kill_host(pool.store.get(Host, host).uuid)
    await pool.settle()
    with pytest.raises(ApiError) as raised:
        await pool.call("VM.clean_shutdown", vm)
    assert raised.value.description == ["HOST_OFFLINE", host]
    await pool.call("VM.power_state_reset", vm)
    assert pool.state(vm) == "Halted"


async def test_delays_are_waited_for(pool: World) -> None:
    vm = await pool.vm(start_delay=7, shutdown_delay=9)
    clock = pool.services.clock
    before = clock.now()
    await pool.start(vm)
    assert clock.now() - before == 7
    await pool.call("VM.clean_shutdown", vm)
    assert clock.now() - before == 16
    await pool.call("VM.start_on", vm, pool.hosts[0], False, False)
    assert clock.now() - before == 30
