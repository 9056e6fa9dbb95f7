"""USB devices of hosts and VMs, consoles, and the class that has no objects."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.collector import DELETERS, NEEDS, tidy_now
from xapi_async.operations.devices import placement
from xapi_async.operations.devices.console import delete_consoles, protocols_of, set_consoles
from xapi_async.operations.devices.vusb import delete_vusbs, refresh_vusbs
from xapi_async.operations.orphans import collect


def group_of(rack, number):
    return rack.store.get(PUSB, rack.usbs[number]).USB_group


async def test_giving_a_vm_a_device(rack):
    vm, group = await rack.vm(), group_of(rack, 0)
    ref = await rack.call("VUSB.create", vm, group, {"a": "b"})
    vusb = rack.store.get(VUSB, ref)
    assert (vusb.allowed_operations, vusb.currently_attached, vusb.other_config) == ((), False, {"a": "b"})
    async with rack.store.transaction() as tx:
        refresh_vusbs(tx, vm)
    assert vusb.allowed_operations == ("attach",)
    assert await rack.refused("VUSB.create", vm, group, {}) == ["USB_GROUP_CONFLICT", group]
    await rack.set(VM, vm, ha_restart_priority="restart")
    free = await rack.call("USB_group.create", "", "", {})
    assert (await rack.refused("VUSB.create", vm, free, {}))[0] == "OPERATION_NOT_ALLOWED"
    full = await rack.vm()
    for _ in range(6):
        await rack.call("VUSB.create", full, await rack.call("USB_group.create", "", "", {}), {})
    assert await rack.refused("VUSB.create", full, group, {}) == ["TOO_MANY_VUSBS", "6"]
    async with rack.store.transaction() as tx:
        delete_vusbs(tx, full)
    assert rack.store.get(VM, full).VUSBs == ()
    await rack.set(Pool, rack.pool, restrictions={})
    assert await rack.refused("VUSB.create", vm, group, {}) == ["LICENCE_RESTRICTION", "USB_passthrough"]


async def test_plugged_at_the_start_and_unplugged_while_running(rack):
    vm = await rack.vm()
    ref = await rack.call("VUSB.create", vm, group_of(rack, 0), {})
    placement.assert_host_has_usbs(rack.store, vm, rack.hosts[0])
    with pytest.raises(ApiError) as caught:
        placement.assert_host_has_usbs(rack.store, vm, rack.hosts[1])
    assert caught.value.code == "OPERATION_NOT_ALLOWED"
    await rack.set(VM, vm, power_state="Running", resident_on=rack.hosts[0])
    async with rack.store.transaction() as tx:
        placement.note_usbs_plugged(tx, vm)
    assert (await rack.refused("VUSB.destroy", ref))[0] == "OPERATION_NOT_ALLOWED"
    await rack.call("VUSB.unplug", ref)
    vusb = rack.store.get(VUSB, ref)
    assert (vusb.currently_attached, vusb.current_operations) == (False, {})
    assert vusb.allowed_operations == ("attach", "plug")
    assert await rack.refused("VUSB.unplug", ref) == ["DEVICE_ALREADY_DETACHED", ref]
    await rack.call("VUSB.destroy", ref)


async def test_a_paravirtual_guest_cannot_give_a_device_up(rack):
    vm = await rack.vm("Running", 0, hvm=False)
    ref = await rack.put(VUSB, VM=vm, currently_attached=True)
    assert (await rack.refused("VUSB.unplug", ref))[0] == "INTERNAL_ERROR"
    assert rack.store.get(VUSB, ref).current_operations == {}


async def test_destroying_a_group(rack):
    group, vm = group_of(rack, 0), await rack.vm()
    vusb = await rack.call("VUSB.create", vm, group, {})
    await rack.set(VUSB, vusb, currently_attached=True)
    assert await rack.refused("USB_group.destroy", group) == ["USB_GROUP_CONTAINS_VUSB", vusb]
    await rack.set(VUSB, vusb, currently_attached=False)
    assert await rack.refused("USB_group.destroy", group) == ["USB_GROUP_CONTAINS_PUSB", rack.usbs[0]]
    async with rack.store.transaction() as tx:
        tx.delete(tx.get(PUSB, rack.usbs[0]))
    assert "snapshot" not in rack.store.get(VM, vm).allowed_operations
    await rack.call("USB_group.destroy", group)
    assert rack.store.find(VUSB, vusb) is None
    assert "snapshot" in rack.store.get(VM, vm).allowed_operations


async def test_passing_a_device_through(rack):
    pusb, message = rack.usbs[0], "PUSB.set_passthrough_enabled"
    sr = await rack.put(SR, type="udev")
    vdi = await rack.put(VDI, SR=sr, sm_config={"usb_path": "1-1"})
    await rack.put(VBD, VDI=vdi)
    assert await rack.refused(message, pusb, True) == ["PUSB_VDI_CONFLICT", pusb, vdi]
    async with rack.store.transaction() as tx:
        tx.delete(tx.get(VDI, vdi))
    await rack.call(message, pusb, True)
    assert rack.store.get(PUSB, pusb).passthrough_enabled
    vm = await rack.vm()
    vusb = await rack.call("VUSB.create", vm, group_of(rack, 0), {})
    await rack.set(VUSB, vusb, currently_attached=True)
    assert await rack.refused(message, pusb, False) == ["USB_ALREADY_ATTACHED", pusb, vm]
    await rack.set(VUSB, vusb, currently_attached=False)
    second = await rack.put(VUSB, VM=vm, USB_group=group_of(rack, 0))
    assert (await rack.refused(message, pusb, False))[0] == "INTERNAL_ERROR"
    await rack.call("VUSB.destroy", second)
    await rack.set(SR, sr, type="other")
    assert "snapshot" not in rack.store.get(VM, vm).allowed_operations
    await rack.call(message, pusb, False)
    assert "snapshot" in rack.store.get(VM, vm).allowed_operations
    assert rack.store.find(VUSB, vusb) is None
    assert not rack.store.get(PUSB, pusb).passthrough_enabled
    await rack.call("PUSB.scan", rack.hosts[0])


async def test_consoles_of_a_running_vm(rack):
    vm = await rack.vm("Running", 0)
    async with rack.store.transaction() as tx:
        set_consoles(tx, vm, {"rfb": 5901, "vt100": 9501})
    screen, terminal = (rack.store.get(Console, ref) for ref in rack.store.get(VM, vm).consoles)
    assert screen.location == f"https://10.0.0.1/console?uuid={screen.uuid}"
    assert (screen.protocol, terminal.protocol) == ("rfb", "vt100")
    async with rack.store.transaction() as tx:
        set_consoles(tx, vm, {"rfb": 5901, "vt100": 9501})
    assert rack.store.get(VM, vm).consoles == (screen.ref, terminal.ref)
    await rack.set(VM, vm, resident_on=rack.hosts[1])
    async with rack.store.transaction() as tx:
        set_consoles(tx, vm, {"rfb": 5901})
    (moved,) = rack.store.get(VM, vm).consoles
    assert moved not in (screen.ref, terminal.ref)
    assert rack.store.get(Console, moved).location.startswith("https://10.0.0.2/console?uuid=")
    async with rack.store.transaction() as tx:
        delete_consoles(tx, vm)
    assert rack.store.get(VM, vm).consoles == ()
    await rack.set(Host, rack.hosts[1], address="")
    async with rack.store.transaction() as tx:
        set_consoles(tx, vm, {"rfb": 5901})
    assert rack.store.get(Console, rack.store.get(VM, vm).consoles[0]).location == ""


async def test_which_consoles_a_vm_has(rack):
    vm = rack.store.get(VM, await rack.vm())
    assert protocols_of(vm, is_hvm=True) == ("rfb", "vt100")
    assert protocols_of(vm, is_hvm=True, has_serial_port=False) == ("rfb",)
    assert protocols_of(vm, is_hvm=False) == ("rfb", "vt100")
    await rack.set(VM, vm.ref, other_config={"disable_pv_vnc": ""})
    assert protocols_of(vm, is_hvm=False) == ("vt100",)


@pytest.mark.parametrize(("message", "name"), [("console", "Console"), ("VTPM", "VTPM")])
async def test_what_clients_never_make(rack, message, name):
    assert await rack.refused(f"{message}.create", {}) == ["NOT_IMPLEMENTED", f"{name}.create"]
    assert await rack.refused(f"{message}.destroy", "x") == ["NOT_IMPLEMENTED", f"{name}.destroy"]


async def test_orphans_are_collected(rack):
    vm = await rack.vm()
    orphans = [
        (Console, await rack.put(Console, VM="gone")),
        (VUSB, await rack.put(VUSB, VM=vm, USB_group="gone")),
    ]
    kept = await rack.put(VUSB, VM=await rack.vm(), USB_group=await rack.put(USBGroup))
    await collect(rack.services, NEEDS, DELETERS)
    assert all(rack.store.find(cls, ref) is None for cls, ref in orphans)
    assert rack.store.find(VUSB, kept) is not None
    assert "snapshot" in rack.store.get(VM, vm).allowed_operations


async def test_a_host_that_is_gone_takes_its_cards_and_interfaces_along(rack):
    bond_on = await rack.put(Network)
    master = await rack.put(PIF, host=rack.hosts[0], network=bond_on, device="bond0")
    bond = await rack.put(Bond, master=master)
    async with rack.store.transaction() as tx:
        for host in rack.hosts:
            tx.delete(tx.get(Host, host))
    await collect(rack.services, NEEDS, DELETERS)
    await tidy_now(rack.services)
    assert all(rack.store.find(PGPU, card) is None for card in rack.cards)
    group = rack.store.get(GPUGroup, rack.group)
    assert (group.supported_VGPU_types, group.enabled_VGPU_types) == ((), ())
    assert not list(rack.store.all(VGPUType))
    assert rack.store.find(PIF, master) is None
    assert rack.store.find(Bond, bond) is None
