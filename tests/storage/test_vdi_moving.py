"""Moving disks of VMs to other storage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.storage.conftest import LICENCE, Lab
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM

LICENSED = {**LICENCE, "restrict_storage_xen_motion": "false"}


@pytest.fixture
async def movable(lab: Lab) -> Any:
    """A pool in which disks can be moved, with a disk of a halted VM."""
    await lab.put(PIF, host=lab.hosts[0], management=True)
    await lab.set(Pool, lab.pool.ref, restrictions=LICENSED)
    vdi = await lab.vdi(await lab.sr(), name_label="n", other_config={"a": "b", "config-drive": "yes"}, tags=("t",))
    vm = await lab.vm()
    return vm, vdi, await lab.vbd(vm, vdi)


async def test_a_moved_disk(lab: Lab, movable: tuple[str, str, str]) -> None:
    _, vdi, vbd = movable
    target = await lab.sr("nfs")
    snapshot = await lab.call("VDI.snapshot", vdi, {})
    made = await lab.call("VDI.pool_migrate", vdi, target, {})
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
