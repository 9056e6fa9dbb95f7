"""Moving disks of VMs to other storage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.storage.conftest import GIB, LICENCE, Lab
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF

LICENSED = {**LICENCE, "restrict_storage_xen_motion": "false"}


@pytest.fixture
async def movable(lab: Lab) -> Any:
    """A pool in which disks can be moved, with a disk of a halted VM."""
    await lab.put(PIF, host=lab.hosts[0], management=True)
    for ref in lab.hosts:
        host = lab.store.get(Host, ref)
        await lab.set(Host, ref, virtual_hardware_platform_versions=(0,))
        await lab.set(HostMetrics, host.metrics, memory_total=GIB)
    await lab.set(Pool, lab.pool.ref, restrictions=LICENSED)
    vdi = await lab.vdi(await lab.sr(), name_label="n", other_config={"a": "b", "config-drive": "yes"}, tags=("t",))
    vm = await lab.vm(VCPUs_max=1, VCPUs_at_startup=1)
    return vm, vdi, await lab.vbd(vm, vdi)


async def test_a_moved_disk(lab: Lab, movable: tuple[str, str, str]) -> None:
    _, vdi, vbd = movable
    target = await lab.sr("nfs")
    snapshot = await lab.call("VDI.snapshot", vdi, {})
    made = await lab.call("VDI.pool_migrate", vdi, target, {})
    vm = lab.store.get(VM, lab.get_vbd(vbd).VM)
    assert (vm.scheduled_to_be_resident_on, vm.current_operations) == (NULL_REF, {})
    assert all(host.current_operations == {} for host in lab.store.all(Host))
    found = lab.get_vdi(made)
    assert (found.SR, found.name_label) == (target, "n")
    assert {key: value for key, value in found.other_config.items() if key != "content_id"} == {"config-drive": "yes"}
    assert "base_mirror" in found.sm_config
    assert made == lab.get_vbd(vbd).VDI
    assert lab.store.find(VDI, vdi) is None
    assert lab.store.find(VDI, snapshot) is None
    assert [lab.get_vdi(ref).SR for ref in found.snapshots] == [target]
    assert found.current_operations == {}
    # What is a snapshot of what, the storage knows too.
    before = [lab.get_vdi(ref).values() for ref in found.snapshots]
    await lab.call("SR.scan", target)
    assert [lab.get_vdi(ref).values() for ref in lab.get_vdi(made).snapshots] == before


async def test_a_disk_that_is_there_already(lab: Lab, movable: tuple[str, str, str]) -> None:
    _, vdi, _ = movable
    assert await lab.call("VDI.pool_migrate", vdi, lab.get_vdi(vdi).SR, {}) == vdi


async def test_where_the_vm_could_not_go_on(lab: Lab, movable: tuple[str, str, str]) -> None:
    vm, vdi, vbd = movable
    elsewhere = await lab.sr("ext", host=1)
    assert await lab.refused("VDI.pool_migrate", vdi, elsewhere, {}) == ["NO_HOSTS_AVAILABLE"]
    await lab.set(VM, vm, VCPUs_max=0)
    assert await lab.refused("VDI.pool_migrate", vdi, await lab.sr("nfs"), {}) == ["NO_HOSTS_AVAILABLE"]
    running = await lab.vm("Running")
    await lab.set(VBD, vbd, VM=running)
    assert await lab.refused("VDI.pool_migrate", vdi, elsewhere, {}) == ["VM_REQUIRES_SR", running, elsewhere]
    assert lab.get_sr(elsewhere).VDIs == ()
    assert vdi == lab.get_vbd(vbd).VDI


async def test_what_keeps_a_disk_where_it_is(lab: Lab, movable: tuple[str, str, str]) -> None:
    vm, vdi, vbd = movable
    target, odd = await lab.sr("nfs"), await lab.sr("iso")
    assert await lab.refused("VDI.pool_migrate", vdi, odd, {}) == ["SR_DOES_NOT_SUPPORT_MIGRATION", odd]
    await lab.set(VDI, vdi, cbt_enabled=True)
    assert await lab.refused("VDI.pool_migrate", vdi, target, {}) == ["VDI_CBT_ENABLED", vdi]
    await lab.set(VDI, vdi, cbt_enabled=False)
    await lab.set(Pool, lab.pool.ref, restrictions=LICENCE)
    assert (await lab.refused("VDI.pool_migrate", vdi, target, {}))[0] == "LICENCE_RESTRICTION"
    await lab.set(PIF, next(iter(lab.store.all(PIF))).ref, management=False)
    assert await lab.refused("VDI.pool_migrate", vdi, target, {}) == ["HOST_HAS_NO_MANAGEMENT_IP"]
    await lab.set(VM, vm, power_state="Paused")
    assert (await lab.refused("VDI.pool_migrate", vdi, target, {}))[0] == "VM_BAD_POWER_STATE"
    await lab.call("VBD.destroy", vbd)
    assert await lab.refused("VDI.pool_migrate", vdi, target, {}) == ["VDI_NEEDS_VM_FOR_MIGRATE", vdi]
    assert lab.get_vdi(vdi).current_operations == {}
