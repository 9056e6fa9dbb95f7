"""Giving disks and CDs to VMs and taking them away."""

from __future__ import annotations

import pytest

from tests.storage.conftest import Lab
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER, NULL_REF
from xapi_async.operations.storage.device_names import free_disks, guest_name
from xapi_async.operations.storage.vbd_records import mark_attached, mark_detached


async def refused(lab: Lab, vm: str, vdi: str = NULL_REF, **given: object) -> list[str]:
    with pytest.raises(ApiError) as caught:
        await lab.vbd(vm, vdi, **given)
    return caught.value.description


async def test_a_new_device(lab: Lab) -> None:
    vdi = await lab.vdi(await lab.sr(), sm_config={"backend-kind": "vbd3"})
    vbd = lab.get_vbd(await lab.vbd(await lab.vm(), vdi, other_config={"a": "b"}))
    assert (vbd.userdevice, vbd.device, vbd.currently_attached, vbd.reserved) == ("0", "", False, False)
    assert vbd.other_config == {"a": "b", "backend-kind": "vbd3"}
    metrics = lab.store.get(VBDMetrics, vbd.metrics)
    assert (metrics.io_read_kbs, metrics.io_write_kbs, metrics.last_updated) == (0.0, 0.0, NEVER)


async def test_what_a_device_cannot_be(lab: Lab) -> None:
    sr, vm = await lab.sr(), await lab.vm()
    vdi = await lab.vdi(sr)
    assert await refused(lab, vm, "OpaqueRef:none") == ["HANDLE_INVALID", "VDI", "OpaqueRef:none"]
    assert await refused(lab, vm, vdi, type="CD", mode="RW") == ["VBD_CDS_MUST_BE_READONLY"]
    assert await refused(lab, vm, type="CD", mode="RW") == ["VBD_CDS_MUST_BE_READONLY"]
    assert await refused(lab, vm) == ["VBD_NOT_REMOVABLE_MEDIA", "in constructor"]
    await lab.set(VDI, vdi, read_only=True)
    assert await refused(lab, vm, vdi, userdevice="odd") == ["VDI_READONLY", vdi]
    await lab.set(VDI, vdi, read_only=False)
    await lab.set(VM, vm, current_operations={"t": "pool_migrate"})
    busy = ["OTHER_OPERATION_IN_PROGRESS", "VM", vm, "pool_migrate"]
    assert await refused(lab, vm, vdi, userdevice="odd") == busy
    await lab.set(VM, vm, current_operations={}, ha_always_run=True, ha_restart_priority="restart")
    await lab.set(Pool, lab.pool.ref, ha_enabled=True)
    assert await refused(lab, vm, vdi, userdevice="odd") == ["INVALID_DEVICE", "odd"]
    assert await refused(lab, vm, vdi) == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    await lab.vbd(vm, await lab.vdi(await lab.sr("nfs")))
    await lab.set(VDI, vdi, type="redo_log")
    assert await refused(lab, vm, vdi, type="CD", mode="RW") == ["VDI_INCOMPATIBLE_TYPE", vdi, "Redo log"]


@pytest.mark.parametrize("name", ["0", "15", "1000", "-1", "9" * 5000, "sda", "xvdp", "hdb3"])
async def test_positions_that_are_taken(lab: Lab, name: str) -> None:
    vbd = await lab.vbd(await lab.vm(), type="CD", mode="RO", userdevice=name)
    assert lab.get_vbd(vbd).userdevice == name
    vm = lab.get_vbd(vbd).VM
    assert len(free_disks(lab.store, lab.store.get(VM, vm))) >= 254


@pytest.mark.parametrize("name", ["fda", "xvdq", "xvdaa", "", "XVDA", "d0p1", "autodetected", "\u0663", "xvda\u0663"])
async def test_positions_that_are_not(lab: Lab, name: str) -> None:
    assert await refused(lab, await lab.vm(), type="CD", mode="RO", userdevice=name) == ["INVALID_DEVICE", name]


CLASHES = [
    ("0", {"0", "xvda", "hda"}, {"sda", "1", "hdb"}),
    ("hda", {"0", "hda"}, {"xvda", "sda"}),
    ("xvda", {"0", "xvda"}, {"hda", "sda"}),
    ("5", {"xvdf", "5"}, {"hdf", "sdf"}),
]


@pytest.mark.parametrize(("first", "clashing", "free"), CLASHES)
async def test_clashes(lab: Lab, first: str, clashing: set[str], free: set[str]) -> None:
    cd = {"type": "CD", "mode": "RO"}
    for name in sorted(clashing | free):
        vm = await lab.vm()
        await lab.vbd(vm, userdevice=first, **cd)
        if name in free:
            await lab.vbd(vm, userdevice=name, **cd)
        else:
            assert await refused(lab, vm, userdevice=name, **cd) == ["DEVICE_ALREADY_EXISTS", name]


async def test_the_lowest_free_position(lab: Lab) -> None:
    cd = {"type": "CD", "mode": "RO"}
    vm = await lab.vm(hvm=True)
    await lab.vbd(vm, userdevice="1", **cd)
    made = [lab.get_vbd(await lab.vbd(vm, **cd)).userdevice for _ in range(3)]
    assert made == ["0", "2", "3"]
    pv = await lab.vm()
    await lab.vbd(pv, userdevice="hda", **cd)
    assert await refused(lab, pv, **cd) == ["DEVICE_ALREADY_EXISTS", "0"]
    sr = await lab.sr()
    floppies = {"type": "Floppy", "mode": "RO"}
    floppy = await lab.vbd(vm, await lab.vdi(sr), **floppies)
    assert lab.get_vbd(floppy).userdevice == "fda"
    assert await refused(lab, pv, await lab.vdi(sr), **floppies) == ["INVALID_DEVICE", "autodetect"]


async def test_how_many_disks_there_can_be(lab: Lab) -> None:
    assert len(free_disks(lab.store, lab.store.get(VM, await lab.vm(hvm=True)))) == 255
    domain = next(vm for vm in lab.store.all(VM) if vm.is_control_domain)
    assert free_disks(lab.store, domain)[-1] == "255"


@pytest.mark.parametrize(
    ("position", "name"),
    [("0", "xvda"), ("3", "xvdd"), ("26", "xvdaa"), ("hdb", "xvdb"), ("sdc", "sdc"), ("fda", "fda"), ("odd", None)],
)
@pytest.mark.parametrize("hvm", [False, True])
def test_names_in_the_guest(position: str, name: str | None, hvm: bool) -> None:
    assert guest_name(position, hvm=hvm) == name


async def test_plugging_and_unplugging(lab: Lab) -> None:
    sr, vm = await lab.sr(), await lab.vm("Running")
    vdi = await lab.vdi(sr, other_config={"content_id": "old"})
    vbd = await lab.vbd(vm, vdi)
    await lab.call("VBD.plug", vbd)
    found = lab.get_vbd(vbd)
    assert (found.device, found.currently_attached, found.current_operations) == ("xvda", True, {})
    assert "unplug" in found.allowed_operations
    assert "content_id" not in lab.get_vdi(vdi).other_config
    assert lab.get_vdi(vdi).sm_config[f"host_{lab.hosts[0]}"] == "RW"
    assert "destroy" not in lab.get_vdi(vdi).allowed_operations
    assert (await lab.refused("VBD.destroy", vbd))[0] == "OPERATION_NOT_ALLOWED"
    assert await lab.refused("VDI.destroy", vdi) == ["VDI_IN_USE", vdi, "destroy"]
    other = await lab.vbd(await lab.vm("Running"), vdi)
    assert await lab.refused("VBD.plug", other) == ["VDI_IN_USE", vdi]
    await lab.call("VBD.unplug", vbd)
    assert lab.get_vbd(vbd).device == "xvda"
    assert "plug" in lab.get_vbd(vbd).allowed_operations
    assert "destroy" in lab.get_vdi(vdi).allowed_operations
    assert lab.get_vdi(vdi).other_config["content_id"] != "old"
    await lab.call("VBD.plug", vbd)
    await lab.call("VBD.unplug_force", vbd)
    await lab.call("VBD.destroy", vbd)
    assert lab.store.find(VDI, vdi) is not None


async def test_plugging_where_it_cannot_be(lab: Lab) -> None:
    sr = await lab.sr(host=1)
    vdi, vm = await lab.vdi(sr), await lab.vm("Running")
    vbd = await lab.vbd(vm, vdi)
    assert await lab.refused("VBD.plug", vbd) == ["SR_NOT_ATTACHED", sr]
    assert not lab.get_vbd(vbd).currently_attached
    halted = await lab.vbd(await lab.vm(), vdi)
    owner = lab.get_vbd(halted).VM
    assert await lab.refused("VBD.plug", halted) == ["VM_BAD_POWER_STATE", owner, "running", "halted"]
    hvm = await lab.vm("Running", hvm=True)
    await lab.with_drivers(hvm)
    read_only = await lab.vbd(hvm, vdi, mode="RO")
    assert await lab.refused("VBD.plug", read_only) == ["DISK_VBD_MUST_BE_READWRITE_FOR_HVM", read_only]
    await lab.set(HostMetrics, next(iter(lab.store.all(HostMetrics))).ref, live=False)
    assert await lab.refused("VBD.plug", vbd) == ["HOST_OFFLINE", lab.hosts[0]]


@pytest.mark.parametrize("state", ["Halted", "Running"])
@pytest.mark.parametrize("hvm", [False, True])
async def test_changing_the_medium(lab: Lab, state: str, hvm: bool) -> None:
    iso = await lab.vdi(await lab.sr("iso"))
    vm = await lab.vm(state, hvm=hvm)
    drive = await lab.vbd(vm, type="CD", mode="RO")
    if hvm and state == "Running":
        await lab.set(VBD, drive, currently_attached=True, device="xvda")
    await lab.call("VBD.insert", drive, iso)
    found = lab.get_vbd(drive)
    assert (found.VDI, found.empty, found.currently_attached) == (iso, False, state == "Running")
    assert await lab.refused("VBD.insert", drive, iso) == ["VBD_NOT_EMPTY", drive]
    await lab.call("VBD.eject", drive)
    found = lab.get_vbd(drive)
    assert (found.VDI, found.empty, found.currently_attached) == (NULL_REF, True, hvm and state == "Running")
    assert await lab.refused("VBD.eject", drive) == ["VBD_IS_EMPTY", drive]
    await lab.set(VDI, iso, managed=False)
    assert await lab.refused("VBD.insert", drive, iso) == ["VDI_NOT_MANAGED", iso]
    await lab.set(VBD, drive, empty=False)
    assert await lab.refused("VBD.insert", drive, "OpaqueRef:none") == ["HANDLE_INVALID", "VDI", "OpaqueRef:none"]


async def test_media_of_suspended_vms_and_of_disks(lab: Lab) -> None:
    vdi = await lab.vdi(await lab.sr())
    vm = await lab.vm("Suspended")
    drive = await lab.vbd(vm, type="CD", mode="RO")
    state = ["VM_BAD_POWER_STATE", vm, "halted, running", "suspended"]
    assert await lab.refused("VBD.insert", drive, vdi) == state
    disk = await lab.vbd(vm, vdi)
    for message, args in (("VBD.insert", (vdi,)), ("VBD.eject", ())):
        assert await lab.refused(message, disk, *args) == ["VBD_NOT_REMOVABLE_MEDIA", disk]


async def test_other_messages(lab: Lab) -> None:
    sr = await lab.sr()
    vdi, vm = await lab.vdi(sr), await lab.vm("Running")
    vbd = await lab.vbd(vm, vdi)
    assert await lab.refused("VBD.set_mode", vbd, "RO") == ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    assert await lab.refused("VBD.pause", vbd) == ["SR_OPERATION_NOT_SUPPORTED", sr]
    assert await lab.refused("VBD.unpause", vbd, "") == ["SR_OPERATION_NOT_SUPPORTED", sr]
    await lab.call("VBD.assert_attachable", vbd)
    halted = await lab.vbd(await lab.vm(), vdi)
    await lab.call("VBD.set_mode", halted, "RO")
    assert lab.get_vbd(halted).mode == "RO"


async def test_a_starting_and_stopping_vm(lab: Lab) -> None:
    vm = await lab.vm()
    disk = await lab.vbd(vm, await lab.vdi(await lab.sr()), userdevice="3")
    drive = await lab.vbd(vm, type="CD", mode="RO")
    async with lab.store.transaction() as tx:
        mark_attached(tx, vm)
    assert (lab.get_vbd(disk).device, lab.get_vbd(disk).currently_attached) == ("xvdd", True)
    assert not lab.get_vbd(drive).currently_attached
    await lab.set(VBD, disk, current_operations={"t": "attach"})
    async with lab.store.transaction() as tx:
        mark_detached(tx, vm)
    found = lab.get_vbd(disk)
    assert (found.device, found.currently_attached, found.current_operations) == ("xvdd", False, {})
    await lab.set(VBD, disk, userdevice="odd")
    with pytest.raises(ApiError) as caught:
        async with lab.store.transaction() as tx:
            mark_attached(tx, vm)
    assert caught.value.description == ["ILLEGAL_VBD_DEVICE", disk, "odd"]
