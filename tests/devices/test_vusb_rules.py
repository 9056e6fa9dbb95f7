"""What may be done with a VUSB when: every case, what it is called, and that the calls do as they say."""

from __future__ import annotations

import itertools

import pytest

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.devices.vusb import OPERATIONS, RULES, check, refresh_vusbs
from xapi_async.operations.vm import states

STATES = ("Halted", "Paused", "Running", "Suspended")
BLOCKING = ("clean_shutdown", "hard_shutdown", "suspend", "pause")
OTHERS = ("snapshot", "clean_reboot", "start")


def expected(vm: VM, vusb: VUSB, operation: str) -> list[str] | None:
    """The error as the API has it; of OPERATION_NOT_ALLOWED, whose parameter is a sentence, only the code."""
    for current in vusb.current_operations.values():
        return ["OTHER_OPERATION_IN_PROGRESS", "VUSB", vusb.ref, current]
    if operation == "attach":
        return None
    if vm.power_state != "Running":
        return ["VM_BAD_POWER_STATE", vm.ref, "running", vm.power_state.lower()]
    if operation == "plug" and vusb.currently_attached:
        return ["DEVICE_ALREADY_ATTACHED", vusb.ref]
    if operation == "unplug" and not vusb.currently_attached:
        return ["DEVICE_ALREADY_DETACHED", vusb.ref]
    return ["OPERATION_NOT_ALLOWED"] if set(vm.current_operations.values()) & set(BLOCKING) else None


def shown(error: ApiError | None) -> list[str] | None:
    if error is None or error.code != "OPERATION_NOT_ALLOWED":
        return error and error.description
    return [error.code]


@pytest.mark.parametrize("state", STATES)
async def test_every_case_and_that_unplug_does_as_it_says(rack, state):
    vm_ref = await rack.vm(state)
    ref = await rack.put(VUSB, VM=vm_ref)
    vm, vusb = rack.store.get(VM, vm_ref), rack.store.get(VUSB, ref)
    for attached, busy, vm_busy in itertools.product((False, True), ("", *OPERATIONS), ("", *BLOCKING, *OTHERS)):
        case = (state, attached, busy, vm_busy)
        await rack.set(VM, vm_ref, current_operations={"t": vm_busy} if vm_busy else {})
        await rack.set(VUSB, ref, currently_attached=attached, current_operations={"t": busy} if busy else {})
        errors = {operation: expected(vm, vusb, operation) for operation in OPERATIONS}
        for operation in OPERATIONS:
            assert shown(check(rack.store, vusb, operation)) == errors[operation], (*case, operation)
        async with rack.store.transaction() as tx:
            refresh_vusbs(tx, vm_ref)
        assert vusb.allowed_operations == tuple(name for name in OPERATIONS if errors[name] is None), case
        if busy:
            continue  # a call would wait for that
        if errors["unplug"] is None:
            await rack.call("VUSB.unplug", ref)
        else:
            assert (await rack.refused("VUSB.unplug", ref))[: len(errors["unplug"])] == errors["unplug"], case
        assert vusb.currently_attached == (attached and errors["unplug"] is not None), case


async def test_what_is_shown_follows_the_vm(rack):
    vm = await rack.vm("Running", 0)
    ref = await rack.put(VUSB, VM=vm, currently_attached=True)
    vusb = rack.store.get(VUSB, ref)
    for change, allowed in (
        (lambda tx: states.note_paused(tx, vm, is_paused=True, now=0.0), ("attach",)),
        (lambda tx: states.note_paused(tx, vm, is_paused=False, now=0.0), ("attach", "unplug")),
        (lambda tx: states.become_halted(tx, vm), ("attach",)),
    ):
        async with rack.store.transaction() as tx:
            change(tx)
        assert vusb.allowed_operations == allowed
    assert (vusb.currently_attached, vusb.current_operations) == (False, {})


def test_the_rules_show_all_operations():
    assert RULES.shown == OPERATIONS == ("attach", "plug", "unplug")
