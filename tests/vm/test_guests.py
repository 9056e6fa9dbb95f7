"""Guests that end by themselves, hosts that die, servers that restart."""

from __future__ import annotations

import asyncio

import pytest

from tests.vm.world import GIB, World, world
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import Domain, DomainConfig, EndReason
from xapi_async.hypervisor.faults import Fault
from xapi_async.hypervisor.settings import SimulatorSettings
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.operations.vm.recovery import recover


@pytest.mark.parametrize(
    ("reason", "field", "action", "state"),
    [
        ("shutdown", "actions_after_shutdown", "destroy", "Halted"),
        ("shutdown", "actions_after_shutdown", "restart", "Running"),
        ("reboot", "actions_after_reboot", "restart", "Running"),
        ("reboot", "actions_after_reboot", "destroy", "Halted"),
        ("crash", "actions_after_crash", "destroy", "Halted"),
        ("crash", "actions_after_crash", "restart", "Running"),
        ("crash", "actions_after_crash", "rename_restart", "Running"),
        ("crash", "actions_after_crash", "coredump_and_destroy", "Halted"),
        ("crash", "actions_after_crash", "coredump_and_restart", "Running"),
        ("crash", "actions_after_crash", "preserve", "Paused"),
    ],
)
async def test_what_follows_when_a_guest_ends(
    pool: World, reason: EndReason, field: str, action: str, state: str
) -> None:
    vm = await pool.vm(ha_restart_priority="restart")
    await pool.start(vm)
    await pool.set(VM, vm, **{field: action})
    host, domid = pool.get(vm).resident_on, pool.get(vm).domid
    pool.simulator.end_guest(pool.get(vm).uuid, reason)
    await pool.settle()
    record = pool.get(vm)
    assert record.power_state == state
    assert record.ha_always_run
    if state == "Running":
        assert (record.resident_on, record.domid > domid) == (host, True)
    if state == "Halted":
        assert (record.resident_on, pool.simulator.domains()) == (NULL_REF, [])


async def test_a_guest_that_ends_while_it_is_shut_down_is_just_halted(pool: World) -> None:
    vm = await pool.vm(actions_after_shutdown="restart")
    await pool.start(vm)
    pool.simulator.end_guest(pool.get(vm).uuid, "shutdown")
    await pool.call("VM.clean_shutdown", vm)
    await pool.settle()
    assert pool.state(vm) == "Halted"


async def test_guests_that_crash_every_now_and_then() -> None:
    settings = SimulatorSettings(crashes_per_hour=1.0)
    async with world(settings=settings) as pool:
        vm = await pool.vm(actions_after_crash="destroy")
        await pool.start(vm)
        await pool.settle()  # the clock of tests lets hours pass at once
        assert pool.state(vm) == "Halted"


async def test_a_bare_guest_reports_nothing(pool: World) -> None:
    vm = await pool.vm(HVM_boot_policy="BIOS order", other_config={"simulated-guest": "bare"})
    await pool.start(vm)
    await pool.settle()
    guest = pool.store.get(VMGuestMetrics, pool.get(vm).guest_metrics)
    assert (guest.PV_drivers_version, guest.os_version, guest.live) == ({"micro": "-1"}, {}, True)
    assert set(pool.get(vm).allowed_operations) == {
        "snapshot", "pause", "hard_shutdown", "hard_reboot", "changing_dynamic_range"
    }  # fmt: skip


async def test_windows_guests_get_viridian(pool: World) -> None:
    vm = await pool.vm(HVM_boot_policy="BIOS order", reference_label="windows-server-2016-64bit")
    await pool.start(vm)
    await pool.settle()
    record = pool.get(vm)
    assert record.platform["viridian"] == "true"
    assert pool.store.get(VMGuestMetrics, record.guest_metrics).os_version["distro"] == "windows"


async def test_hosts_die_and_come_back(pool: World) -> None:
    vm = await pool.vm(affinity=pool.hosts[1])
    await pool.start(vm)
    host = pool.store.get(Host, pool.hosts[1])
    pool.simulator.kill_host(host.uuid)
    await pool.settle()
    assert not pool.store.get(HostMetrics, host.metrics).live
    assert pool.state(vm) == "Running"
    pool.simulator.revive_host(host.uuid)
    await pool.settle()
    assert pool.store.get(HostMetrics, host.metrics).live
    assert pool.state(vm) == "Halted"


async def test_guests_live_through_a_restart_of_the_server(pool: World) -> None:
    running, paused, suspended = await pool.vm(), await pool.vm(), await pool.vm(HVM_boot_policy="BIOS order")
    for vm in (running, paused, suspended):
        await pool.start(vm)
    await pool.call("VM.pause", paused)
    await pool.call("VM.suspend", suspended)
    domid = pool.get(running).domid
    await pool.set(VMMetrics, pool.get(suspended).metrics, hvm=False)  # databases do not keep it
    after = SimulatedHypervisor(pool.services.clock)
    pool.services.hypervisor = after
    await recover(pool.services)
    assert [pool.state(vm) for vm in (running, paused, suspended)] == ["Running", "Paused", "Suspended"]
    taken = after.domain(pool.get(running).uuid)
    assert taken is not None
    assert taken.domid == pool.get(running).domid == domid
    await pool.call("VM.clean_shutdown", running)
    await pool.call("VM.unpause", paused)
    await pool.call("VM.resume", suspended, False, False)
    domids = {pool.get(vm).domid for vm in (paused, suspended)}
    assert [pool.state(vm) for vm in (running, paused, suspended)] == ["Halted", "Running", "Running"]
    assert len(domids) == 2


async def test_what_a_restart_cut_off_is_resolved(pool: World) -> None:
    starting, gone = await pool.vm(), await pool.vm()
    vbd, _ = await pool.disk(starting)
    await pool.set(VM, starting, scheduled_to_be_resident_on=pool.hosts[0])
    await pool.set(VBD, vbd, currently_attached=True)
    await pool.set(VM, gone, power_state="Running", domid=7, resident_on="OpaqueRef:no-such-host")
    await recover(pool.services)
    assert pool.get(starting).scheduled_to_be_resident_on == NULL_REF
    assert not pool.store.get(VBD, vbd).currently_attached
    assert (pool.state(gone), pool.get(gone).domid) == ("Halted", -1)


async def test_a_suspend_that_was_cut_off_did_not_happen(pool: World) -> None:
    vm = await pool.vm()
    await pool.start(vm)
    async with pool.store.transaction() as tx:
        image = tx.create(VDI, SR=pool.sr, type="suspend", managed=True).ref
        tx.set(tx.get(VM, vm), suspend_VDI=image)
    await recover(pool.services)
    assert (pool.state(vm), pool.get(vm).suspend_VDI) == ("Running", NULL_REF)
    assert pool.store.find(VDI, image) is None


async def test_domains_found_after_a_restart() -> None:
    async with world(background=False) as pool:
        vm, elsewhere = await pool.vm(), await pool.vm(power_state="Running")
        host = pool.store.get(Host, pool.hosts[0])
        await pool.set(VM, elsewhere, resident_on=pool.hosts[1])
        found = {"unknown": 4, pool.get(vm).uuid: 5, pool.get(elsewhere).uuid: 6}
        pool.simulator.adopt([_domain(uuid, host.uuid, domid) for uuid, domid in found.items()])
        await recover(pool.services)
        assert [domain.domid for domain in pool.simulator.domains()] == [5]
        assert (pool.state(vm), pool.get(vm).resident_on, pool.get(vm).domid) == ("Running", host.ref, 5)
        assert pool.state(elsewhere) == "Halted"


async def test_a_restart_where_domains_cannot_be_ended() -> None:
    async with world(background=False) as pool:
        vm, lost = await pool.vm(power_state="Suspended"), await pool.vm()
        host = pool.store.get(Host, pool.hosts[0])
        async with pool.store.transaction() as tx:
            image = tx.create(VDI, SR=pool.sr, type="suspend", managed=True).ref
            tx.set(tx.get(VM, vm), suspend_VDI=image)
        pool.simulator.adopt([_domain("unknown", host.uuid, 4), _domain(pool.get(vm).uuid, host.uuid, 5)])
        pool.simulator.adopt([_domain(pool.get(lost).uuid, "no such host", 6)])
        pool.simulator.faults.add(Fault("destroy", "VDI_IO_ERROR", ("trouble",)))
        await recover(pool.services)
        assert len(pool.simulator.domains()) == 3
        assert (pool.state(vm), pool.get(vm).domid, pool.get(vm).suspend_VDI) == ("Running", 5, NULL_REF)
        assert pool.store.find(VDI, image) is None
        assert pool.state(lost) == "Halted"


def _domain(vm: str, host: str, domid: int) -> Domain:
    config = DomainConfig(vm, host, "found", is_hvm=False, vcpus=1, memory=GIB, memory_max=GIB)
    return Domain(config, domid, is_paused=False, started=0.0)


async def test_a_hard_shutdown_preempts_a_clean_one(pool: World) -> None:
    """It has the other's task cancelled, and waits for it."""
    vm = await pool.vm()
    await pool.start(vm)
    stuck, cancelled = asyncio.Event(), []
    await pool.set(VM, vm, current_operations={"theirs": "clean_shutdown"})

    def cancel(task: str) -> None:
        cancelled.append(task)
        stuck.set()

    pool.services.cancel_task = cancel
    shutting = asyncio.create_task(pool.call("VM.hard_shutdown", vm))
    await stuck.wait()
    await pool.settle()
    assert (cancelled, shutting.done(), pool.state(vm)) == (["theirs"], False, "Running")
    mine = {key: value for key, value in pool.get(vm).current_operations.items() if key != "theirs"}
    await pool.set(VM, vm, current_operations=mine)
    await shutting
    assert pool.state(vm) == "Halted"
    assert pool.store.get(VMMetrics, pool.get(vm).metrics).hvm is False
