"""Graphics cards, their groups, and virtual GPUs."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.devices import placement
from xapi_async.operations.devices.capacity import require_group_capacity, room_on


def why(rack, card, kind):
    found = room_on(rack.store, rack.store.get(PGPU, card), rack.types[kind])
    return found.description if isinstance(found, ApiError) else found


async def test_room_on_a_card(rack):
    card = rack.cards[0]
    supported = [rack.types[name] for name in ("whole", "half", "quarter")]
    assert why(rack, card, "other") == ["VGPU_TYPE_NOT_SUPPORTED", rack.types["other"], *supported]
    assert (why(rack, card, "whole"), why(rack, card, "half"), why(rack, card, "quarter")) == (1, 2, 4)
    await rack.call("PGPU.remove_enabled_VGPU_types", card, rack.types["half"])
    enabled = [rack.types[name] for name in ("whole", "quarter")]
    assert why(rack, card, "half") == ["VGPU_TYPE_NOT_ENABLED", rack.types["half"], *enabled]
    await rack.vgpu("quarter", resident_on=card)
    await rack.vgpu("quarter", scheduled_to_be_resident_on=card)
    assert why(rack, card, "quarter") == 2
    running = ["VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE", card, rack.types["whole"], rack.types["quarter"]]
    assert why(rack, card, "whole") == running
    for _ in range(2):
        await rack.vgpu("quarter", resident_on=card)
    full = ["PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU", card, rack.types["quarter"]]
    assert why(rack, card, "quarter") == full
    for kind in rack.types:
        assert await rack.call("PGPU.get_remaining_capacity", card, rack.types[kind]) == 0
    assert await rack.call("GPU_group.get_remaining_capacity", rack.group, rack.types["quarter"]) == 12
    assert await rack.call("GPU_group.get_remaining_capacity", rack.group, rack.types["other"]) == 0


async def test_a_whole_card_is_one_guests(rack):
    card = rack.cards[0]
    await rack.vgpu("whole", scheduled_to_be_resident_on=card)
    assert why(rack, card, "whole") == ["PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU", card, rack.types["whole"]]
    other = rack.cards[1]
    await rack.set(PCI, rack.store.get(PGPU, other).PCI, attached_VMs=(await rack.vm("Running", 0),))
    assert why(rack, other, "whole")[0] == "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU"


async def test_the_reason_a_group_gives(rack):
    def reason(kind):
        with pytest.raises(ApiError) as caught:
            require_group_capacity(rack.store, rack.store.get(GPUGroup, rack.group), rack.types[kind])
        return caught.value.description

    assert reason("other")[0] == "VGPU_TYPE_NOT_SUPPORTED"
    await rack.call("PGPU.add_enabled_VGPU_types", rack.cards[0], rack.types["half"])
    for card in rack.cards:
        await rack.call("PGPU.remove_enabled_VGPU_types", card, rack.types["half"])
    assert reason("half")[0] == "VGPU_TYPE_NOT_ENABLED"
    for card in rack.cards[1:]:
        await rack.vgpu("quarter", resident_on=card)
    assert reason("half")[0] == "VGPU_TYPE_NOT_ENABLED"
    await rack.vgpu("whole", scheduled_to_be_resident_on=rack.cards[0])
    assert reason("whole") == ["PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU", rack.cards[0], rack.types["whole"]]
    empty = await rack.call("GPU_group.create", "", "", {})
    with pytest.raises(ApiError) as caught:
        require_group_capacity(rack.store, rack.store.get(GPUGroup, empty), rack.types["half"])
    assert caught.value.description == ["GPU_GROUP_CONTAINS_NO_PGPUS", empty]


async def test_enabling_types(rack):
    card, types = rack.cards[0], rack.types
    supported = [types[name] for name in ("whole", "half", "quarter")]
    unsupported = ["VGPU_TYPE_NOT_SUPPORTED", types["other"], *supported]
    assert await rack.refused("PGPU.add_enabled_VGPU_types", card, types["other"]) == unsupported
    assert await rack.refused("PGPU.set_enabled_VGPU_types", card, (types["other"],)) == unsupported
    vm = await rack.vm()
    await rack.vgpu("half", vm, resident_on=card)
    assert await rack.refused("PGPU.remove_enabled_VGPU_types", card, types["half"]) == ["PGPU_IN_USE_BY_VM", vm]
    assert await rack.refused("PGPU.set_enabled_VGPU_types", card, ()) == ["PGPU_IN_USE_BY_VM", vm]
    for other in rack.cards:
        await rack.call("PGPU.set_enabled_VGPU_types", other, (types["half"],))
    assert rack.store.get(GPUGroup, rack.group).enabled_VGPU_types == (types["half"],)
    await rack.call("PGPU.remove_enabled_VGPU_types", card, types["quarter"])


async def test_moving_a_card_to_another_group(rack):
    card = rack.cards[0]
    other = await rack.call("GPU_group.create", "mine", "", {})
    assert rack.store.get(GPUGroup, other).allocation_algorithm == "depth_first"
    await rack.call("PGPU.set_GPU_group", card, other)
    group = rack.store.get(GPUGroup, other)
    assert group.GPU_types == ("10de/0ff2",)
    assert set(group.supported_VGPU_types) == {rack.types[name] for name in ("whole", "half", "quarter")}
    await rack.set(GPUGroup, rack.group, GPU_types=("8086/0001", "8086/0002"))
    refused = await rack.refused("PGPU.set_GPU_group", card, rack.group)
    assert refused == ["PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", "10de/0ff2", "[8086/0001, 8086/0002]"]
    vm = await rack.vm()
    await rack.vgpu("half", vm, resident_on=card)
    assert await rack.refused("PGPU.set_GPU_group", card, rack.group) == ["PGPU_IN_USE_BY_VM", vm]
    assert await rack.refused("GPU_group.destroy", other) == ["GPU_GROUP_CONTAINS_PGPU", card]


async def test_destroying_a_group(rack):
    group = await rack.call("GPU_group.create", "", "", {})
    vgpu = await rack.call("VGPU.create", await rack.vm(), group, "0", {}, rack.types["half"])
    await rack.set(VGPU, vgpu, currently_attached=True)
    assert await rack.refused("GPU_group.destroy", group) == ["GPU_GROUP_CONTAINS_VGPU", vgpu]
    await rack.set(VGPU, vgpu, currently_attached=False)
    await rack.call("GPU_group.destroy", group)
    assert rack.store.find(VGPU, vgpu) is None


@pytest.mark.parametrize(
    ("before", "enabled", "disabled"),
    [
        ("enabled", "enabled", "disable_on_reboot"),
        ("disable_on_reboot", "enabled", "disable_on_reboot"),
        ("disabled", "enable_on_reboot", "disabled"),
        ("enable_on_reboot", "enable_on_reboot", "disabled"),
    ],
)
async def test_access_of_the_control_domain(rack, before, enabled, disabled):
    card = rack.cards[0]
    for message, after in (("enable", enabled), ("disable", disabled)):
        await rack.set(PGPU, card, dom0_access=before)
        assert await rack.call(f"PGPU.{message}_dom0_access", card) == after
        assert rack.store.get(PGPU, card).dom0_access == after
    await rack.set(Pool, rack.pool, restrictions={})
    assert await rack.refused("PGPU.disable_dom0_access", card) == ["FEATURE_RESTRICTED"]


async def test_creating_a_vgpu(rack):
    vm = await rack.vm()

    def refused(vm=vm, device="0", kind=rack.types["half"]):
        return rack.refused("VGPU.create", vm, "any group", device, {}, kind)

    suspended = await rack.vm("Suspended")
    assert await refused(suspended, "1", "x") == ["VM_BAD_POWER_STATE", suspended, "halted", "suspended"]
    assert await refused(device="1", kind="x") == ["INVALID_DEVICE", "1"]
    assert await refused(kind="x") == ["INVALID_VALUE", "type", "x"]
    vgpu = rack.store.get(VGPU, await rack.call("VGPU.create", vm, rack.group, "0", {}, "OpaqueRef:NULL"))
    assert vgpu.type == rack.types["whole"]
    assert (vgpu.resident_on, vgpu.scheduled_to_be_resident_on) == ("OpaqueRef:NULL", "OpaqueRef:NULL")
    assert await refused() == ["DEVICE_ALREADY_EXISTS", "0"]
    await rack.set(VM, vm, power_state="Running", domid=4)
    assert (await rack.refused("VGPU.destroy", vgpu.ref))[0] == "OPERATION_NOT_ALLOWED"
    await rack.set(VM, vm, power_state="Halted", domid=-1)
    await rack.call("VGPU.destroy", vgpu.ref)
    await rack.set(Pool, rack.pool, restrictions={})
    assert await refused(suspended) == ["FEATURE_RESTRICTED"]


async def test_the_passthrough_type_is_made_when_missing(rack):
    async with rack.store.transaction() as tx:
        tx.delete(tx.get(VGPUType, rack.types["whole"]))
    vgpu = await rack.call("VGPU.create", await rack.vm(), rack.group, "0", {}, "OpaqueRef:NULL")
    made = rack.store.get(VGPUType, rack.store.get(VGPU, vgpu).type)
    assert (made.model_name, made.implementation, made.identifier) == ("passthrough", "passthrough", "0001:passthrough")


async def started(rack, kind, host=0, **given):
    vm = await rack.vm(**given)
    vgpu = await rack.vgpu(kind, vm)
    async with rack.store.transaction() as tx:
        placement.allocate_gpus(tx, vm, rack.hosts[host])
        scheduled = tx.get(VGPU, vgpu).scheduled_to_be_resident_on
        placement.note_gpus_plugged(tx, vm)
    return vm, vgpu, scheduled


@pytest.mark.parametrize(("algorithm", "cards"), [("depth_first", [0, 0, 1]), ("breadth_first", [0, 1, 0])])
async def test_cards_are_filled_or_spread_over(rack, algorithm, cards):
    await rack.set(GPUGroup, rack.group, allocation_algorithm=algorithm)
    chosen = [(await started(rack, "half"))[2] for _ in range(3)]
    assert chosen == [rack.cards[number] for number in cards]


@pytest.mark.parametrize(("algorithm", "first"), [("depth_first", 0), ("breadth_first", 1)])
async def test_hosts_come_in_tiers(rack, algorithm, first):
    await rack.set(GPUGroup, rack.group, allocation_algorithm=algorithm)
    for card in rack.cards[:2]:
        await rack.vgpu("quarter", resident_on=card)
    vm = await rack.vm()
    assert placement.host_tiers(rack.store, vm) is None
    await rack.vgpu("quarter", vm)
    tiers = placement.host_tiers(rack.store, vm)
    assert tiers == [(rack.hosts[first],), (rack.hosts[1 - first],)]


async def test_a_whole_card_goes_to_the_guest_and_comes_back(rack):
    card = rack.store.get(PGPU, rack.cards[0])
    second = await rack.put(PCI, host=rack.hosts[0], pci_id="0000:04:00.1")
    await rack.set(PCI, card.PCI, dependencies=(second,))
    vm, vgpu, scheduled = await started(rack, "whole", other_config={"vgpu_pci": "old"})
    assert scheduled == card.ref
    assert rack.store.get(VM, vm).other_config["vgpu_pci"] == "0/0000:04:00.0,1/0000:04:00.1"
    assert set(rack.store.get(VM, vm).attached_PCIs) == {card.PCI, second}
    running = rack.store.get(VGPU, vgpu)
    assert (running.resident_on, running.currently_attached) == (card.ref, True)
    assert card.resident_VGPUs == (vgpu,)
    assert why(rack, card.ref, "whole")[0] == "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU"
    async with rack.store.transaction() as tx:
        placement.note_devices_halted(tx, vm)
    assert (running.resident_on, running.currently_attached) == ("OpaqueRef:NULL", False)
    assert rack.store.get(VM, vm).attached_PCIs == ()
    assert rack.store.get(PCI, second).scheduled_to_be_attached_to == "OpaqueRef:NULL"
    assert why(rack, card.ref, "whole") == 1


async def test_a_suspended_vm_leaves_its_card(rack):
    vm, vgpu, _ = await started(rack, "half")
    async with rack.store.transaction() as tx:
        placement.note_gpus_suspended(tx, vm)
    left = rack.store.get(VGPU, vgpu)
    assert (left.resident_on, left.currently_attached) == ("OpaqueRef:NULL", True)


async def test_a_start_that_fails_gives_cards_back(rack):
    vm = await rack.vm()
    vgpu = await rack.vgpu("whole", vm)
    async with rack.store.transaction() as tx:
        placement.allocate_gpus(tx, vm, rack.hosts[0])
    pci = rack.store.get(PGPU, rack.store.get(VGPU, vgpu).scheduled_to_be_resident_on).PCI
    assert rack.store.get(PCI, pci).scheduled_to_be_attached_to == vm
    async with rack.store.transaction() as tx:
        placement.release_schedule(tx, vm)
    assert rack.store.get(PCI, pci).scheduled_to_be_attached_to == "OpaqueRef:NULL"
    assert rack.store.get(VGPU, vgpu).scheduled_to_be_resident_on == "OpaqueRef:NULL"


async def test_starts_that_cannot_be(rack):
    def refused(function, *args):
        with pytest.raises(ApiError) as caught:
            function(*args)
        return caught.value.description

    async def allocation(vm):
        async with rack.store.transaction() as tx:
            return refused(placement.allocate_gpus, tx, vm, rack.hosts[0])

    whole, half, paravirtual = await rack.vm(), await rack.vm(), await rack.vm(HVM_boot_policy="")
    for vm, kind in ((whole, "whole"), (half, "half"), (paravirtual, "half")):
        await rack.vgpu(kind, vm)
    assert (await allocation(paravirtual))[0] == "FEATURE_REQUIRES_HVM"
    for card in rack.cards[:2]:
        await rack.vgpu("quarter", resident_on=card)
    assert await allocation(whole) == ["VM_REQUIRES_GPU", whole, rack.group]
    assert await allocation(half) == ["VM_REQUIRES_VGPU", half, rack.group, rack.types["half"]]
    host = rack.hosts[0]
    assert refused(placement.assert_host_has_gpus, rack.store, half, host) == ["VM_REQUIRES_GPU", half, rack.group]
    placement.assert_host_has_gpus(rack.store, half, rack.hosts[1])
    await rack.set(Host, host, chipset_info={"iommu": "false"})
    assert refused(placement.assert_host_has_gpus, rack.store, whole, host) == ["VM_REQUIRES_IOMMU", host]
    assert refused(placement.assert_host_has_gpus, rack.store, half, host)[0] == "VM_REQUIRES_GPU"
    await rack.set(VM, half, platform={"vgpu_manual_setup": "true"})
    async with rack.store.transaction() as tx:
        placement.allocate_gpus(tx, half, host)
    await rack.set(Pool, rack.pool, restrictions={})
    assert await allocation(half) == ["LICENCE_RESTRICTION", "VGPU"]


async def test_functions_of_cards_that_share_themselves(rack):
    card, other = (rack.store.get(PGPU, ref) for ref in rack.cards[:2])
    kind = await rack.put(VGPUType, model_name="S7150 Q", implementation="mxgpu", size=1 << 17, identifier="mx")
    await rack.set(PGPU, card.ref, supported_VGPU_types=(kind,))
    await rack.set(PCI, card.PCI, pci_id="0000:0a:00.0", vendor_id="1002", device_id="692f", class_id="0300")

    def functions(pgpu):
        return {rack.store.get(PCI, ref).pci_id: ref for ref in rack.store.get(PCI, pgpu.PCI).virtual_functions}

    assert functions(card) == {}
    await rack.call("host.mxgpu_vf_setup", rack.hosts[0])
    made = functions(card)
    assert sorted(made) == [f"0000:0a:02.{number}" for number in range(8)]
    assert functions(other) == {}
    one = rack.store.get(PCI, made["0000:0a:02.3"])
    assert (one.host, one.vendor_id, one.device_id, one.class_id) == (rack.hosts[0], "1002", "692f", "0300")
    async with rack.store.transaction() as tx:
        tx.delete(one)
    await rack.call("host.mxgpu_vf_setup", rack.hosts[0])
    again = functions(card)
    assert again.keys() == made.keys()
    assert {address for address in made if again[address] != made[address]} == {"0000:0a:02.3"}
    assert await rack.refused("host.mxgpu_vf_setup", "OpaqueRef:none") == ["HANDLE_INVALID", "host", "OpaqueRef:none"]
