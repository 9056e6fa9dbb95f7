"""Cloning, provisioning, copying and destroying VMs."""

from __future__ import annotations

import pytest

from tests.copies.lab import GIB, NULL_REF, TEMPLATE, Lab, disk_xml
from xapi_async.datamodel.classes.blob import Blob
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vif_metrics import VIFMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError


async def test_a_template_s_clone_is_a_template_of_its_owner_s_own(pool: Lab):
    (template,) = pool.store.by_name(VM, TEMPLATE)
    vm = pool.vm(await pool.call("VM.clone", template, "web"))
    assert (vm.name_label, vm.is_a_template, vm.is_default_template) == ("web", True, False)
    assert "default_template" not in vm.other_config
    assert vm.other_config["base_template_name"] == TEMPLATE
    assert vm.other_config["disks"] == pool.vm(template).other_config["disks"]
    assert vm.other_config["mac_seed"] != pool.vm(template).other_config.get("mac_seed")
    assert (vm.power_state, vm.domid, vm.parent, vm.snapshot_of) == ("Halted", -1, NULL_REF, NULL_REF)
    assert vm.current_operations == {}
    assert "destroy" in vm.allowed_operations
    assert pool.vm(template).current_operations == {}
    metrics = pool.store.get(VMMetrics, vm.metrics)
    assert metrics.VCPUs_utilisation == {0: 0.0}


async def test_provisioning_makes_the_disks_that_were_wished_for(pool: Lab):
    (template,) = pool.store.by_name(VM, TEMPLATE)
    vm = await pool.call("VM.clone", template, "web")
    sr = pool.store.get(SR, pool.sr).uuid
    await pool.wish(vm, disk_xml("0", sr) + disk_xml("1", sr, size=2 * GIB, bootable="yes", kind="user"))
    await pool.call("VM.provision", vm)
    made = pool.vm(vm)
    assert not made.is_a_template
    assert "disks" not in made.other_config
    assert pool.store.get(VMMetrics, made.metrics).install_time.startswith("2018")
    first, second = (pool.store.get(VBD, ref) for ref in made.VBDs)
    assert (first.userdevice, first.bootable, first.unpluggable, first.mode) == ("0", True, False, "RW")
    assert (second.userdevice, second.bootable, second.unpluggable) == ("1", False, True)
    assert first.other_config == {"owner": ""}
    disks = pool.disks(vm)
    assert [(disk.virtual_size, disk.type, disk.name_label) for disk in disks] == [
        (GIB, "system", "0"),
        (2 * GIB, "user", "1"),
    ]
    assert disks[0].sm_config["vmhint"] == made.uuid
    assert all(not host.current_operations for host in pool.store.all(Host))
    assert "start" in made.allowed_operations


async def test_a_template_without_wishes_is_provisioned_too(pool: Lab):
    (template,) = pool.store.by_name(VM, "Other install media")
    vm = await pool.call("VM.clone", template, "bare")
    await pool.call("VM.provision", vm)
    assert not pool.vm(vm).is_a_template
    assert await pool.refused("VM.provision", vm) == ["PROVISION_ONLY_ALLOWED_ON_TEMPLATE"]


async def test_provisioning_without_a_choice_of_storage_fails_and_leaves_no_template(pool: Lab):
    (template,) = pool.store.by_name(VM, TEMPLATE)
    vm = await pool.call("VM.clone", template, "web")
    assert await pool.refused("VM.provision", vm) == ["UUID_INVALID", "SR", ""]
    assert not pool.vm(vm).is_a_template
    assert "disks" in pool.vm(vm).other_config


@pytest.mark.parametrize(
    "text",
    [
        "<provision><disk device='0' size='1'/></provision>",
        "<provision><disk device='0' size='much' sr='' bootable='true'/></provision>",
        "<provision>",
        "<other/>",
        "<!DOCTYPE p [<!ENTITY a 'b'>]><provision/>",
        "<provision><disk device='0' size='1' sr='' bootable='true'><disk/></disk></provision>",
    ],
)
async def test_wishes_that_cannot_be_understood(pool: Lab, text: str):
    (template,) = pool.store.by_name(VM, TEMPLATE)
    vm = await pool.call("VM.clone", template, "web")
    await pool.set(pool.vm(vm), other_config={**pool.vm(vm).other_config, "disks": text})
    assert (await pool.refused("VM.provision", vm))[0] == "INTERNAL_ERROR"
    assert pool.vm(vm).is_a_template


async def test_scripts_of_templates_are_refused_and_their_disks_go_again(pool: Lab):
    (template,) = pool.store.by_name(VM, TEMPLATE)
    vm = await pool.call("VM.clone", template, "web")
    await pool.wish(vm, disk_xml("0", pool.store.get(SR, pool.sr).uuid))
    before = len(list(pool.store.all(VDI)))
    await pool.set(pool.vm(vm), other_config={**pool.vm(vm).other_config, "postinstall": "/bin/sh"})
    assert (await pool.refused("VM.provision", vm))[0] == "PERMISSION_DENIED"
    assert pool.vm(vm).VBDs == ()
    assert len(list(pool.store.all(VDI))) == before


async def test_a_clone_has_its_own_disks_and_addresses(pool: Lab):
    source = await pool.built(disks=2)
    vif = await pool.interface(source, MAC="aa:bb:cc:00:00:01")
    clone = pool.vm(await pool.call("VM.clone", source, "web"))
    mine, theirs = pool.disks(clone.ref), pool.disks(source)
    assert [disk.virtual_size for disk in mine] == [disk.virtual_size for disk in theirs]
    assert not {disk.ref for disk in mine} & {disk.ref for disk in theirs}
    assert [disk.is_a_snapshot for disk in mine] == [False, False]
    (copy,) = (pool.store.get(VIF, ref) for ref in clone.VIFs)
    assert copy.network == pool.store.get(VIF, vif).network
    assert (copy.MAC != "aa:bb:cc:00:00:01", copy.MAC_autogenerated) == (True, True)
    assert clone.name_label == pool.vm(source).name_label
    assert pool.task is not None
    assert pool.task.reached[-1] == 1.0


async def test_a_copy_goes_where_it_is_told(pool: Lab):
    source = await pool.built()
    other = next(sr.ref for sr in pool.store.all(SR) if sr.shared and sr.content_type != "iso" and sr.ref != pool.sr)
    (disk,) = pool.disks(await pool.call("VM.copy", source, "there", other))
    assert other == disk.SR
    (disk,) = pool.disks(await pool.call("VM.copy", source, "here", NULL_REF))
    assert pool.sr == disk.SR
    isos = next(sr.ref for sr in pool.store.all(SR) if sr.content_type == "iso")
    assert (await pool.refused("VM.copy", source, "nowhere", isos))[0] == "OPERATION_NOT_ALLOWED"


async def test_a_clone_that_fails_half_way_leaves_nothing(pool: Lab):
    source = await pool.built(disks=3)
    vms, disks = len(list(pool.store.all(VM))), len(list(pool.store.all(VDI)))
    last = pool.disks(source)[-1]
    await pool.set(last, managed=False)
    assert await pool.refused("VM.clone", source, "half") == ["VDI_NOT_MANAGED", last.ref]
    assert len(list(pool.store.all(VM))) == vms
    left = [vdi for vdi in pool.store.all(VDI) if vdi.managed or vdi.ref == last.ref]
    assert len(left) == disks
    assert pool.vm(source).current_operations == {}


async def test_a_cancelled_clone_leaves_nothing(pool: Lab, monkeypatch: pytest.MonkeyPatch):
    source = await pool.built(disks=2)
    vms = len(list(pool.store.all(VM)))
    from xapi_async.operations.vm_copies import disks

    original = disks.call

    async def cancelling(ctx, message, *args):
        made = await original(ctx, message, *args)
        if pool.task is not None and message == "VDI.clone":
            pool.task.cancelled = True
        return made

    monkeypatch.setattr(disks, "call", cancelling)
    with pytest.raises(ApiError) as caught:
        await pool.call("VM.clone", source, "never")
    assert pool.task is not None
    assert caught.value.description == ["TASK_CANCELLED", pool.task.ref]
    assert len(list(pool.store.all(VM))) == vms
    assert len([vdi for vdi in pool.store.all(VDI) if vdi.managed and pool.sr == vdi.SR]) == 2


async def test_suspended_vms_are_cloned_only_where_the_pool_says_so(pool: Lab):
    source = await pool.running()
    await pool.call("VM.suspend", source)
    assert await pool.refused("VM.clone", source, "x") == ["VM_BAD_POWER_STATE", source, "halted", "suspended"]
    await pool.set(pool.store.get(Pool, pool.pool.ref), other_config={"allow_clone_suspended_vm": "true"})
    clone = pool.vm(await pool.call("VM.clone", source, "x"))
    assert clone.power_state == "Suspended"
    assert clone.suspend_VDI not in (NULL_REF, pool.vm(source).suspend_VDI)
    second = pool.vm(await pool.call("VM.csvm", source))
    assert (second.name_label, second.power_state) == ("web-cloned-suspended", "Suspended")
    await pool.call("VM.resume", clone.ref, False, False)
    assert pool.vm(clone.ref).power_state == "Running"


async def test_destroying_a_vm_keeps_its_disks(pool: Lab):
    vm = await pool.built()
    await pool.interface(vm)
    blob = await pool.call("VM.create_new_blob", vm, "notes", "", False)
    disk = pool.disks(vm)[0].ref
    counts = {cls: len(list(pool.store.all(cls))) for cls in (VBDMetrics, VIFMetrics, VMMetrics)}
    await pool.call("VM.destroy", vm)
    assert pool.store.find(VM, vm) is None
    assert pool.store.find(Blob, blob) is None
    assert pool.store.get(VDI, disk).VBDs == ()
    assert {cls: len(list(pool.store.all(cls))) for cls in counts} == {cls: n - 1 for cls, n in counts.items()}


async def test_what_may_not_be_destroyed(pool: Lab):
    (template,) = pool.store.by_name(VM, TEMPLATE)
    assert await pool.refused("VM.destroy", template) == ["VM_IS_TEMPLATE", template, "destroy"]
    dom0 = pool.store.get(Host, pool.master).control_domain
    assert (await pool.refused("VM.destroy", dom0))[0] == "VM_BAD_POWER_STATE"
    vm = await pool.running()
    assert await pool.refused("VM.destroy", vm) == ["VM_BAD_POWER_STATE", vm, "halted, suspended", "running"]
