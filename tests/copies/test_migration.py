"""Moving VMs between hosts of a pool, and their disks between storage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.copies.lab import NULL_REF, Lab
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.hypervisor.faults import Fault


def elsewhere(pool: Lab, vm: str) -> str:
    return pool.slave if pool.vm(vm).resident_on == pool.master else pool.master


def other_sr(pool: Lab) -> str:
    return next(sr.ref for sr in pool.store.all(SR) if sr.shared and sr.content_type != "iso" and sr.ref != pool.sr)


async def dest(pool: Lab, host: str) -> dict[str, str]:
    network = next(net for net in pool.store.all(Network) if any(_is_on(pool, pif, host) for pif in net.PIFs))
    made: dict[str, str] = await pool.call("host.migrate_receive", host, network.ref, {})
    return made


def _is_on(pool: Lab, pif: str, host: str) -> bool:
    found = pool.store.get(PIF, pif)
    return found.host == host and bool(found.IP)


async def send(pool: Lab, vm: str, host: str, vdis: dict[str, str], **options: str) -> Any:
    return await pool.call("VM.migrate_send", vm, await dest(pool, host), True, vdis, {}, options, {})


async def send_refused(pool: Lab, vm: str, host: str, vdis: dict[str, str], **options: str) -> list[str]:
    return await pool.refused("VM.migrate_send", vm, await dest(pool, host), True, vdis, {}, options, {})


async def test_a_running_vm_moves(pool: Lab):
    vm = await pool.running()
    before, target = pool.vm(vm), elsewhere(pool, vm)
    metrics = before.metrics
    await pool.call("VM.pool_migrate", vm, target, {"live": "true"})
    moved = pool.vm(vm)
    assert (moved.power_state, moved.resident_on, moved.scheduled_to_be_resident_on) == ("Running", target, NULL_REF)
    assert moved.metrics == metrics
    address = pool.store.get(Host, target).address
    assert all(address in pool.store.get(Console, ref).location for ref in moved.consoles)
    assert pool.disks(vm)[0].sm_config.get(f"host_{target}") == "RW"
    assert not pool.store.get(Host, target).current_operations
    assert moved.current_operations == {}
    await pool.call("VM.hard_shutdown", vm)
    assert not [key for key in pool.disks(vm)[0].sm_config if key.startswith("host_")]


async def test_what_keeps_a_vm_from_moving(pool: Lab):
    vm = await pool.running()
    target = elsewhere(pool, vm)
    host = pool.store.get(Host, target)
    await pool.set(host, enabled=False)
    assert await pool.refused("VM.pool_migrate", vm, target, {}) == ["HOST_DISABLED", target]
    await pool.set(host, enabled=True, current_operations={"OpaqueRef:1": "evacuate"})
    assert await pool.refused("VM.pool_migrate", vm, target, {}) == [
        "OTHER_OPERATION_IN_PROGRESS",
        "host",
        target,
        "evacuate",
    ]
    await pool.set(host, current_operations={})
    await pool.restrict(restrict_xen_motion="true")
    assert await pool.refused("VM.pool_migrate", vm, target, {}) == ["LICENCE_RESTRICTION", "Xen_motion"]
    await pool.restrict(restrict_xen_motion="false")
    await pool.set(host, cpu_info={**host.cpu_info, "vendor": "Other"})
    assert (await pool.refused("VM.pool_migrate", vm, target, {}))[:3] == ["VM_INCOMPATIBLE_WITH_THIS_HOST", vm, target]
    await pool.call("VM.pool_migrate", vm, target, {"force": "true"})
    assert pool.vm(vm).resident_on == target
    await pool.call("VM.hard_shutdown", vm)
    assert await pool.refused("VM.pool_migrate", vm, target, {}) == ["VM_BAD_POWER_STATE", vm, "running", "halted"]


async def test_a_move_that_fails_leaves_the_vm_where_it_is(pool: Lab):
    vm = await pool.running()
    source, target = pool.vm(vm).resident_on, elsewhere(pool, vm)
    pool.services.hypervisor.faults.add(Fault("migrate", "VM_MIGRATE_FAILED", ("{vm}", "a", "b", "c"), times=1))  # type: ignore[attr-defined]
    assert (await pool.refused("VM.pool_migrate", vm, target, {}))[:2] == ["VM_MIGRATE_FAILED", vm]
    moved = pool.vm(vm)
    assert (moved.power_state, moved.resident_on, moved.current_operations) == ("Running", source, {})
    assert [key for key in pool.disks(vm)[0].sm_config if key.startswith("host_")] == [f"host_{source}"]


async def test_a_full_host_takes_no_more(pool: Lab):
    vm = await pool.running()
    target = elsewhere(pool, vm)
    metrics = pool.store.get(HostMetrics, pool.store.get(Host, target).metrics)
    await pool.set(metrics, memory_total=0)
    assert (await pool.refused("VM.pool_migrate", vm, target, {}))[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"


async def test_disks_move_along_with_a_running_vm(pool: Lab):
    vm = await pool.running(disks=2)
    snapshot = await pool.call("VM.snapshot", vm, "before")
    old, kept = pool.disks(vm)
    old_snapshots = [disk.ref for disk in pool.disks(snapshot)]
    target, sr = elsewhere(pool, vm), other_sr(pool)
    assert await send(pool, vm, target, {old.ref: sr, kept.ref: pool.sr}) == vm
    new, same = pool.disks(vm)
    assert (new.SR, new.virtual_size, new.name_label, same.ref) == (sr, old.virtual_size, old.name_label, kept.ref)
    assert pool.store.find(VDI, old.ref) is None
    assert pool.vm(vm).resident_on == target
    assert new.sm_config.get(f"host_{target}") == "RW"
    first, second = pool.disks(snapshot)
    assert (first.SR, first.is_a_snapshot, first.snapshot_of) == (sr, True, new.ref)
    assert second.ref == old_snapshots[1]
    assert not [vdi for vdi in pool.store.all(VDI) if vdi.managed and sr == vdi.SR and not vdi.VBDs]


async def test_disks_of_a_halted_vm_move(pool: Lab):
    vm = await pool.built()
    (old,) = pool.disks(vm)
    await send(pool, vm, pool.slave, {old.ref: other_sr(pool)})
    (new,) = pool.disks(vm)
    assert (new.SR, pool.vm(vm).power_state, pool.vm(vm).current_operations) == (other_sr(pool), "Halted", {})
    vbd = pool.store.get(VBD, pool.vm(vm).VBDs[0])
    assert (vbd.VDI, vbd.currently_attached) == (new.ref, False)


async def test_what_keeps_disks_from_moving(pool: Lab):
    vm = await pool.built()
    (disk,) = pool.disks(vm)
    there = {disk.ref: other_sr(pool)}
    assert await send_refused(pool, vm, pool.slave, {}) == ["VDI_NOT_IN_MAP", disk.ref]
    assert (await send_refused(pool, vm, pool.slave, there, copy="true"))[0] == "OPERATION_NOT_ALLOWED"
    await pool.set(disk, on_boot="reset")
    assert await send_refused(pool, vm, pool.slave, there) == [
        "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",
        disk.ref,
    ]
    await pool.set(disk, on_boot="persist", cbt_enabled=True)
    assert await send_refused(pool, vm, pool.slave, there) == ["VDI_CBT_ENABLED", disk.ref]
    await pool.set(disk, cbt_enabled=False)
    isos = next(sr.ref for sr in pool.store.all(SR) if sr.content_type == "iso")
    assert await send_refused(pool, vm, pool.slave, {disk.ref: isos}) == ["SR_DOES_NOT_SUPPORT_MIGRATION", isos]
    where = await dest(pool, pool.slave)
    await pool.restrict(restrict_storage_xen_motion="true")
    assert await pool.refused("VM.migrate_send", vm, where, True, there, {}, {}, {}) == [
        "LICENCE_RESTRICTION",
        "Storage_motion",
    ]


async def test_a_move_of_disks_that_fails_leaves_no_new_ones(pool: Lab):
    vm = await pool.running()
    (old,) = pool.disks(vm)
    pool.services.hypervisor.faults.add(Fault("migrate", "INTERNAL_ERROR", ("no",), times=1))  # type: ignore[attr-defined]
    await send_refused(pool, vm, elsewhere(pool, vm), {old.ref: other_sr(pool)})
    assert [disk.ref for disk in pool.disks(vm)] == [old.ref]
    assert not [vdi for vdi in pool.store.all(VDI) if other_sr(pool) == vdi.SR and vdi.managed]
    assert pool.vm(vm).power_state == "Running"


@pytest.mark.parametrize(
    ("mode", "code"), [("None", "PIF_HAS_NO_NETWORK_CONFIGURATION"), ("DHCP", "INTERFACE_HAS_NO_IP")]
)
async def test_a_receiving_host_needs_an_address(pool: Lab, mode: str, code: str):
    pif = next(pif for pif in pool.store.all(PIF) if pif.host == pool.slave and pif.IP)
    await pool.set(pif, IP="", ip_configuration_mode=mode)
    assert await pool.refused("host.migrate_receive", pool.slave, pif.network, {}) == [code, pif.ref]
    async with pool.store.transaction() as tx:
        bare = tx.create(Network, bridge="xapi9").ref
    assert await pool.refused("host.migrate_receive", pool.slave, bare, {}) == [
        "HOST_CANNOT_ATTACH_NETWORK",
        pool.slave,
        bare,
    ]
