"""Which error comes first when devices are given to VMs, shared and taken away, where several could."""

from __future__ import annotations

import pytest

from tests.climbing import SENTENCE, climb
from tests.devices.conftest import LICENSED
from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.devices import placement

NULL = "OpaqueRef:NULL"


@pytest.mark.parametrize("state", ["Paused", "Running", "Suspended"])
async def test_vgpu_create(rack, state):
    vm = await rack.vm(state, 0)
    existing = await rack.put(VGPU, VM=vm, device="0")
    it = climb(rack, "VGPU.create", VM=vm, GPU_group="any", device="1", other_config={}, type="x")
    await it.pool(restrictions={})
    await it.refused("FEATURE_RESTRICTED")
    await it.pool(restrictions={**LICENSED, "restrict_gpu": "true"})
    await it.refused("FEATURE_RESTRICTED")
    await it.pool(restrictions=LICENSED)
    await it.refused("VM_BAD_POWER_STATE", vm, "halted", state.lower())
    await it.set(VM, vm, power_state="Halted")
    for device in ("1", "", "00", "eth0"):
        it.now(device=device)
        await it.refused("INVALID_DEVICE", device)
    it.now(device="0")
    await it.refused("INVALID_VALUE", "type", "x")
    it.now(type=rack.types["other"])  # whether the group has it is not asked
    await it.refused("DEVICE_ALREADY_EXISTS", "0")
    await it.delete(VGPU, existing)
    made = rack.store.get(VGPU, await it.done())
    assert (made.currently_attached, made.resident_on, made.GPU_group) == (False, NULL, "any")
    assert "snapshot" in rack.store.get(VM, vm).allowed_operations
    assert "checkpoint" not in rack.store.get(VM, vm).allowed_operations


async def test_vusb_create(rack):
    vm, group = await rack.vm(ha_restart_priority="restart"), rack.store.get(PUSB, rack.usbs[0]).USB_group
    own = [await rack.put(VUSB, VM=vm) for _ in range(6)]
    used = await rack.put(VUSB, VM=await rack.vm(), USB_group=group)
    it = climb(rack, "VUSB.create", VM=vm, USB_group=group, other_config={})
    await it.pool(restrictions={})
    await it.refused("LICENCE_RESTRICTION", "USB_passthrough")
    await it.pool(restrictions=LICENSED)
    await it.refused("TOO_MANY_VUSBS", "6")
    await it.delete(VUSB, own[0])
    await it.refused("USB_GROUP_CONFLICT", group)
    await it.delete(VUSB, used)
    await it.refused("OPERATION_NOT_ALLOWED", SENTENCE)
    await it.set(VM, vm, ha_restart_priority="best-effort", power_state="Running")
    assert rack.store.get(VUSB, await it.done()).USB_group == group


async def test_enabling_and_moving_cards(rack):
    card, types = rack.cards[0], rack.types
    supported = [types[name] for name in ("whole", "half", "quarter")]
    vms = [await rack.vm() for _ in range(2)]
    vgpus = [await rack.vgpu("half", vm, resident_on=card) for vm in vms]
    it = climb(rack, "PGPU.set_enabled_VGPU_types", self=card, value=(types["other"], types["whole"]))
    await it.refused("VGPU_TYPE_NOT_SUPPORTED", types["other"], *supported)
    it.now(value=(types["whole"],))
    await it.refused("PGPU_IN_USE_BY_VM", *vms)
    it.now(value=(types["half"], types["whole"], types["half"]))
    await it.done()
    assert set(rack.store.get(PGPU, card).enabled_VGPU_types) == {types["half"], types["whole"]}

    kinds = await rack.put(GPUGroup, GPU_types=("8086/1", "8086/2"))
    it = climb(rack, "PGPU.set_GPU_group", self=card, value=kinds)
    await it.refused("PGPU_IN_USE_BY_VM", *vms)
    for vgpu in vgpus:
        await it.set(VGPU, vgpu, resident_on=NULL)
    await it.refused("PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", "10de/0ff2", "[8086/1, 8086/2]")
    it.now(value=await rack.put(GPUGroup, GPU_types=("8086/1", "10de/0ff2")))
    for other in rack.cards:
        it.now(self=other)
        await it.done()
    former = rack.store.get(GPUGroup, rack.group)
    assert (former.GPU_types, former.supported_VGPU_types, former.enabled_VGPU_types) == (("10de/0ff2",), (), ())


async def test_destroying_groups(rack):
    card = rack.cards[0]
    attached = await rack.vgpu("half", currently_attached=True)
    it = climb(rack, "GPU_group.destroy", self=rack.group)
    await it.refused("GPU_GROUP_CONTAINS_VGPU", attached)
    await it.set(VGPU, attached, currently_attached=False)
    await it.refused("GPU_GROUP_CONTAINS_PGPU", *rack.store.get(GPUGroup, rack.group).PGPUs)
    empty = await rack.put(GPUGroup)
    for other in rack.cards:
        await it.set(PGPU, other, GPU_group=empty)
    vm = rack.store.get(VGPU, attached).VM
    await it.done()
    assert rack.store.find(VGPU, attached) is None
    assert "checkpoint" not in rack.store.get(VM, vm).allowed_operations  # it is halted
    assert rack.store.get(VM, vm).VGPUs == ()
    assert rack.store.get(PGPU, card).GPU_group == empty


async def test_a_disk_is_the_hosts_or_a_vms(rack):
    pusb, vm = rack.usbs[0], await rack.vm()
    first, second = [await rack.put(SR, type=kind) for kind in ("udev", "udev")]
    other = await rack.put(SR, type="iso")
    disks = [await rack.put(VDI, SR=sr, sm_config={"usb_path": "1-1"}) for sr in (first, second, other)]
    elsewhere = await rack.put(VDI, SR=first, sm_config={"usb_path": "2-2"})
    vbds = [await rack.put(VBD, VDI=disk) for disk in disks]
    it = climb(rack, "PUSB.set_passthrough_enabled", self=pusb, value=True)
    await it.pool(restrictions={})  # no licence is asked for
    conflicts = []
    for _ in range(2):
        with pytest.raises(ApiError) as caught:
            await it.done()
        code, device, disk = caught.value.description
        assert (code, device) == ("PUSB_VDI_CONFLICT", pusb)
        conflicts.append(disk)
        await it.delete(VBD, vbds[disks.index(disk)])
        await it.delete(VDI, disk)
    assert set(conflicts) == {disks[0], disks[1]}
    await it.done()
    assert rack.store.get(PUSB, pusb).passthrough_enabled
    assert rack.store.find(VDI, elsewhere) is not None

    group = rack.store.get(PUSB, pusb).USB_group
    vusbs = [await rack.put(VUSB, VM=vm, USB_group=group, currently_attached=True) for _ in range(2)]
    it.now(value=False)
    await it.refused("INTERNAL_ERROR", SENTENCE)
    await it.delete(VUSB, vusbs[1])
    await it.refused("USB_ALREADY_ATTACHED", pusb, vm)


async def test_a_host_for_a_vm_with_cards(rack):
    """VM.start_on: the IOMMU before the card, and that before USB devices."""
    host, vm = rack.hosts[0], await rack.vm()
    vgpu = await rack.vgpu("whole", vm)
    await rack.set(Host, host, chipset_info={"iommu": "false"})
    for card in rack.cards[:2]:
        await rack.vgpu("quarter", resident_on=card)

    def error() -> list[str] | None:
        try:
            placement.assert_host_has_gpus(rack.store, vm, host)
        except ApiError as refusal:
            return refusal.description
        return None

    assert error() == ["VM_REQUIRES_IOMMU", host]
    await rack.set(Host, host, chipset_info={})
    assert error() == ["VM_REQUIRES_IOMMU", host]
    await rack.set(Host, host, chipset_info={"iommu": "true"})
    assert error() == ["VM_REQUIRES_GPU", vm, rack.group]
    await rack.set(VGPU, vgpu, type=rack.types["quarter"])
    assert error() is None
    await rack.set(VGPU, vgpu, compatibility_metadata={"nvidia": "b25l"})
    assert error() is None  # the cards say nothing of it
    for card in rack.cards[:2]:
        await rack.set(PGPU, card, compatibility_metadata={"nvidia": "dHdv"})
    assert error() == ["VM_REQUIRES_GPU", vm, rack.group]


async def test_a_card_without_its_device_record(rack):
    vm = await rack.vm()
    await rack.vgpu("whole", vm)
    for card in rack.cards[:2]:
        await rack.set(PGPU, card, PCI="OpaqueRef:gone")
    async with rack.store.transaction() as tx:
        with pytest.raises(ApiError) as caught:
            placement.allocate_gpus(tx, vm, rack.hosts[0])
    assert caught.value.description == ["VM_REQUIRES_GPU", vm, rack.group]
