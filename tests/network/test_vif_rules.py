"""What may be done with a VIF when: every case, what it is called, and that the calls do as they say."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.network.conftest import Lab
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.marking import refresh
from xapi_async.operations.networking.vif_rules import OPERATIONS, RULES, check

STATES = ("Halted", "Paused", "Running", "Suspended")
BLOCKING = ("clean_shutdown", "hard_shutdown", "suspend", "pause")
OTHERS = ("snapshot", "clean_reboot", "pool_migrate", "start")
PLUGGED: tuple[dict[str, bool], ...] = ({}, {"currently_attached": True}, {"reserved": True})

ABLE = {"can_use_hotplug_vif": "yes"}
SILENT = {"can_use_hotplug_vif": "unspecified"}
NO_DRIVERS, UNABLE = "VM_MISSING_PV_DRIVERS", "OPERATION_NOT_ALLOWED"

GUESTS: dict[str, tuple[bool, dict[str, Any] | None, str | None]] = {
    # is it HVM, what it reports, what keeps it from hotplugging
    "paravirtual": (False, None, None),
    "paravirtual and unable": (False, {"can_use_hotplug_vif": "no"}, None),
    "without an agent": (True, None, NO_DRIVERS),
    "able": (True, ABLE, None),
    "unable": (True, {"can_use_hotplug_vif": "no"}, UNABLE),
    "unable with drivers": (True, {"can_use_hotplug_vif": "no", "PV_drivers_detected": True}, UNABLE),
    "silent": (True, SILENT, NO_DRIVERS),
    "silent with drivers": (True, {**SILENT, "PV_drivers_detected": True}, None),
    "silent with versions": (True, {**SILENT, "PV_drivers_version": {"major": "7", "minor": "1"}}, None),
    "silent with half a version": (True, {**SILENT, "PV_drivers_version": {"major": "7"}}, NO_DRIVERS),
    "silent with odd versions": (True, {**SILENT, "PV_drivers_version": {"major": "7", "minor": "x"}}, NO_DRIVERS),
}


def expected(vm: VM, vif: VIF, guest: str, operation: str) -> list[str] | None:
    """The error as the API has it; of OPERATION_NOT_ALLOWED, whose parameter is a sentence, only the code."""
    for current in vif.current_operations.values():
        return ["OTHER_OPERATION_IN_PROGRESS", "VIF", vif.ref, current]
    if operation == "attach":
        return None
    if vm.power_state != "Running":
        return ["VM_BAD_POWER_STATE", vm.ref, "running", vm.power_state.lower()]
    plugged = vif.currently_attached or vif.reserved
    if plugged and operation == "plug":
        return ["DEVICE_ALREADY_ATTACHED", vif.ref]
    if not plugged and operation == "unplug":
        return ["DEVICE_ALREADY_DETACHED", vif.ref]
    if set(vm.current_operations.values()) & set(BLOCKING):
        return ["OPERATION_NOT_ALLOWED"]
    trouble = GUESTS[guest][2]
    return [trouble, *([vm.ref] if trouble == NO_DRIVERS else [])] if trouble else None


def shown(error: ApiError | None) -> list[str] | None:
    if error is None or error.code != "OPERATION_NOT_ALLOWED":
        return error and error.description
    (text,) = error.params
    assert text
    return [error.code]


async def answer(lab: Lab, message: str, vif: str) -> list[str] | None:
    try:
        await lab.call(message, vif)
    except ApiError as error:
        return shown(error)
    return None


@pytest.mark.parametrize("guest", GUESTS)
async def test_every_case(lab, guest):
    hvm, reported, _ = GUESTS[guest]
    network = await lab.network()
    for state in STATES:
        vm_ref = await lab.vm(state, 0 if state in ("Running", "Paused") else None, hvm=hvm)
        if reported is not None:
            await lab.set(VM, vm_ref, guest_metrics=await lab.put(VMGuestMetrics, **reported))
        ref = await lab.vif(vm_ref, network)
        vm, vif = lab.store.get(VM, vm_ref), lab.store.get(VIF, ref)
        for plugged, busy, vm_busy in itertools.product(PLUGGED, ("", *OPERATIONS), ("", *BLOCKING, *OTHERS)):
            flags = {"currently_attached": False, "reserved": False, **plugged}
            await lab.set(VM, vm_ref, current_operations={"t": vm_busy} if vm_busy else {})
            await lab.set(VIF, ref, **flags, current_operations={"t": busy} if busy else {})
            case = (state, plugged, busy, vm_busy)
            errors = {operation: expected(vm, vif, guest, operation) for operation in OPERATIONS}
            for operation in OPERATIONS:
                assert shown(check(lab.store, vif, operation)) == errors[operation], (*case, operation)
            async with lab.store.transaction() as tx:
                refresh(tx, RULES, ref)
            assert vif.allowed_operations == tuple(name for name in OPERATIONS if errors[name] is None), case


@pytest.mark.parametrize("guest", GUESTS)
async def test_the_calls_do_what_the_rules_say(lab, guest):
    hvm, reported, _ = GUESTS[guest]
    network = await lab.network()
    for state in STATES:
        vm_ref = await lab.vm(state, 0 if state in ("Running", "Paused") else None, hvm=hvm)
        if reported is not None:
            await lab.set(VM, vm_ref, guest_metrics=await lab.put(VMGuestMetrics, **reported))
        ref = await lab.vif(vm_ref, network)
        vm, vif = lab.store.get(VM, vm_ref), lab.store.get(VIF, ref)
        for attached, vm_busy in itertools.product((False, True), ("", "suspend", "snapshot")):
            await lab.set(VM, vm_ref, current_operations={"t": vm_busy} if vm_busy else {})
            for message, operation in (("plug", "plug"), ("unplug", "unplug"), ("unplug_force", "unplug")):
                await lab.set(VIF, ref, currently_attached=attached)
                case, wanted = (state, attached, vm_busy, message), expected(vm, vif, guest, operation)
                assert await answer(lab, f"VIF.{message}", ref) == wanted, case
                done = attached if wanted else operation == "plug"
                assert (vif.currently_attached, vif.current_operations) == (done, {}), case
                allowed = [name for name in OPERATIONS if expected(vm, vif, guest, name) is None]
                if wanted is None:
                    assert list(vif.allowed_operations) == allowed, case


@pytest.mark.parametrize(
    ("state", "hvm", "reported", "attached", "allowed"),
    [
        *((state, False, None, attached, ["attach"]) for state in STATES if state != "Running" for attached in (0, 1)),
        ("Running", False, None, 0, ["attach", "plug"]),
        ("Running", True, ABLE, 0, ["attach", "plug"]),
        ("Running", False, None, 1, ["attach", "unplug"]),
        ("Running", True, ABLE, 1, ["attach", "unplug"]),
        ("Running", True, None, 0, ["attach"]),
        ("Running", True, None, 1, ["attach"]),
    ],
)
async def test_what_is_shown_when_nothing_is_under_way(lab, state, hvm, reported, attached, allowed):
    vm = await lab.vm(state, hvm=hvm)
    if reported is not None:
        await lab.set(VM, vm, guest_metrics=await lab.put(VMGuestMetrics, **reported))
    vif = await lab.vif(vm)
    await lab.set(VIF, vif, currently_attached=bool(attached))
    async with lab.store.transaction() as tx:
        refresh(tx, RULES, vif)
    assert list(lab.store.get(VIF, vif).allowed_operations) == allowed


async def test_a_vif_that_stays_busy_is_given_up_after_two_hours(lab):
    vm = await lab.vm("Running", 0)
    vif = await lab.vif(vm)
    await lab.set(VIF, vif, current_operations={"other": "attach"})
    start = lab.services.clock.now()
    refused = await lab.refused("VIF.plug", vif)
    assert refused == ["OTHER_OPERATION_IN_PROGRESS", "VIF", vif, "attach"]
    assert lab.services.clock.now() - start == pytest.approx(7200)


async def test_waiting_for_a_busy_vif_can_be_cancelled(lab):
    vm = await lab.vm("Running", 0)
    vif = await lab.vif(vm)
    await lab.set(VIF, vif, current_operations={"other": "attach"})
    lab.ctx.task.cancelled = True
    assert await lab.refused("VIF.plug", vif) == ["TASK_CANCELLED", lab.ctx.task.ref]


def test_the_rules_show_all_operations():
    assert RULES.shown == OPERATIONS
