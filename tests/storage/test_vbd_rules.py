"""When which operation is allowed on a block device: every state of device and VM, stated anew."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.storage.conftest import Lab
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.enums import VBD_OPERATIONS
from xapi_async.operations.storage import vbd_rules

ALL = set(vbd_rules.OPERATIONS)
HOTPLUG = {"plug", "unplug", "unplug_force"}
PAUSES = {"pause", "unpause"}


def refusals(lab: Lab, vbd: str) -> dict[str, list[str]]:
    found = lab.get_vbd(vbd)
    errors = {op: vbd_rules.check(lab.store, found, op) for op in sorted(ALL)}
    return {op: error.description for op, error in errors.items() if error is not None}


def expected_refusal(op: str, state: str, vbd: VBD, vm: VM) -> list[str] | None:
    """What the rules say of a device with nothing going on, in a paravirtual guest."""
    attached = vbd.currently_attached or vbd.reserved
    if op in ("unplug", "unplug_force") and not vbd.unpluggable:
        return ["VBD_NOT_UNPLUGGABLE", vbd.ref]
    if op in ("insert", "eject"):
        if vbd.type != "CD":
            return ["VBD_NOT_REMOVABLE_MEDIA", vbd.ref]
        if op == "eject" and vbd.empty:
            return ["VBD_IS_EMPTY", vbd.ref]
        if op == "insert" and not vbd.empty:
            return ["VBD_NOT_EMPTY", vbd.ref]
        return ["VM_BAD_POWER_STATE", vm.ref, "halted, running", "suspended"] if state == "Suspended" else None
    if state != "Running" and (op in HOTPLUG or (op in PAUSES and state != "Paused")):
        return ["VM_BAD_POWER_STATE", vm.ref, "running", state.lower()]
    if state == "Running" and op == "plug" and attached:
        return ["DEVICE_ALREADY_ATTACHED", vbd.ref]
    if state == "Running" and op in ("unplug", "unplug_force") and not attached:
        return ["DEVICE_ALREADY_DETACHED", vbd.ref]
    return None


def test_every_operation_has_a_rule() -> None:
    assert set(VBD_OPERATIONS.values) == ALL


@pytest.mark.parametrize("state", ["Halted", "Paused", "Running", "Suspended"])
@pytest.mark.parametrize("kind", ["Disk", "CD", "Floppy"])
async def test_every_quiet_state(lab: Lab, state: str, kind: str) -> None:
    vdi = await lab.vdi(await lab.sr())
    vm = await lab.vm(state)
    vbd = await lab.attached(vm, vdi, type=kind)
    flags = itertools.product((False, True), repeat=4)
    for attached, reserved, empty, unpluggable in flags:
        given: dict[str, Any] = {"currently_attached": attached, "reserved": reserved}
        given |= {"empty": empty, "VDI": "OpaqueRef:NULL" if empty else vdi, "unpluggable": unpluggable}
        await lab.set(VBD, vbd, **given)
        found, owner = lab.get_vbd(vbd), lab.store.get(VM, vm)
        expected = {op: expected_refusal(op, state, found, owner) for op in ALL}
        assert refusals(lab, vbd) == {op: error for op, error in expected.items() if error is not None}, given


@pytest.mark.parametrize("running", sorted(ALL))
async def test_while_something_goes_on(lab: Lab, running: str) -> None:
    vbd = await lab.attached(await lab.vm("Running"), await lab.vdi(await lab.sr()), type="CD", mode="RO")
    await lab.set(VBD, vbd, current_operations={"t": running})
    free = {
        "pause": PAUSES,
        "unpause": PAUSES,
        "attach": {"unpause"},
    }.get(running, set())
    busy = ["OTHER_OPERATION_IN_PROGRESS", "VBD", vbd, running]
    assert refusals(lab, vbd) == dict.fromkeys(ALL - free, busy)


@pytest.mark.parametrize("running", ["clean_shutdown", "hard_shutdown", "suspend", "pause", "start"])
async def test_while_the_vm_is_busy(lab: Lab, running: str) -> None:
    vm = await lab.vm("Running")
    vbd = await lab.attached(vm, await lab.vdi(await lab.sr()))
    await lab.set(VM, vm, current_operations={"t": running})
    found = refusals(lab, vbd)
    assert ("unplug" in found) == (running != "start")
    assert "unplug_force" not in found
    assert found["plug"] == ["DEVICE_ALREADY_ATTACHED", vbd]


HVM_GUESTS: list[tuple[dict[str, Any] | None, str | None]] = [
    (None, "VM_MISSING_PV_DRIVERS"),
    ({"hotplug": "yes"}, None),
    ({"hotplug": "no"}, "OPERATION_NOT_ALLOWED"),
    ({"hotplug": "unspecified", "PV_drivers_detected": True}, None),
    ({"hotplug": "unspecified"}, "VM_MISSING_PV_DRIVERS"),
    ({"hotplug": "unspecified", "PV_drivers_version": {"major": "7", "minor": "4"}}, None),
]


@pytest.mark.parametrize(("metrics", "code"), HVM_GUESTS)
@pytest.mark.parametrize("kind", ["Disk", "CD"])
async def test_fully_virtualised_guests(lab: Lab, metrics: dict[str, Any] | None, code: str | None, kind: str) -> None:
    vm = await lab.vm("Running", hvm=True)
    if metrics is not None:
        await lab.with_drivers(vm, **metrics)
    vbd = await lab.attached(vm, await lab.vdi(await lab.sr()), type=kind)
    found = {op: error[0] for op, error in refusals(lab, vbd).items()}
    expected = code or ("OPERATION_NOT_ALLOWED" if kind == "CD" else None)
    assert (found.get("unplug"), found.get("unplug_force")) == (expected, expected)
    assert found["plug"] == "DEVICE_ALREADY_ATTACHED"
    assert "attach" not in found


async def test_a_hidden_disk(lab: Lab) -> None:
    vdi = await lab.vdi(await lab.sr())
    vbd = await lab.vbd(await lab.vm(), vdi)
    await lab.set(VDI, vdi, managed=False)
    found = refusals(lab, vbd)
    assert found["attach"] == ["VDI_NOT_MANAGED", vbd]
    assert set(found) == ALL


@pytest.mark.parametrize("running", ["copy", "mirror", "clone"])
async def test_while_the_disk_is_busy(lab: Lab, running: str) -> None:
    vdi = await lab.vdi(await lab.sr())
    vbd = await lab.vbd(await lab.vm("Running"), vdi)
    await lab.set(VDI, vdi, current_operations={"t": running})
    busy = ["OTHER_OPERATION_IN_PROGRESS", "VDI", vdi, "clone"]
    found = refusals(lab, vbd)
    assert [found.get(op) for op in ("attach", "plug")] == ([busy] * 2 if running == "clone" else [None] * 2)


@pytest.mark.parametrize("mode", ["RO", "RW"])
@pytest.mark.parametrize("other_mode", ["RO", "RW"])
@pytest.mark.parametrize("sharable", [False, True])
@pytest.mark.parametrize("who", ["attached", "reserved", "busy", "idle", "suspended", "control domain"])
@pytest.mark.parametrize("ours", ["guest", "system domain"])
async def test_sharing(lab: Lab, mode: str, other_mode: str, sharable: bool, who: str, ours: str) -> None:
    vdi = await lab.vdi(await lab.sr("nfs"), sharable=sharable)
    other = await lab.vm("Suspended" if who == "suspended" else "Running", is_control_domain=who == "control domain")
    given: dict[str, Any] = {"currently_attached": who in ("attached", "suspended", "control domain")}
    given |= {"reserved": who == "reserved", "current_operations": {"t": "attach"} if who == "busy" else {}}
    await lab.attached(other, vdi, mode=other_mode, **given)
    vm = await lab.vm("Running", other_config={"is_system_domain": "true"} if ours == "system domain" else {})
    vbd = await lab.vbd(vm, vdi, mode=mode)
    counts = who in ("attached", "reserved", "busy") and not sharable and ours == "guest"
    clash = counts and "RW" in (mode, other_mode)
    for operation in ("attach", "plug", "insert"):
        error = vbd_rules.check_sharing(lab.store, lab.get_vbd(vbd), operation)
        assert (error.description if error else None) == (["VDI_IN_USE", vdi] if clash else None)
    assert "plug" in lab.get_vbd(vbd).allowed_operations


async def test_a_disk_that_cannot_be_written(lab: Lab) -> None:
    vdi = await lab.vdi(await lab.sr())
    vbd = await lab.vbd(await lab.vm(), vdi)
    await lab.set(VDI, vdi, read_only=True)
    assert await lab.refused("VBD.assert_attachable", vbd) == ["VDI_READONLY", vdi]
