"""Starting and stopping VMs together."""

from __future__ import annotations

from tests.copies.lab import NULL_REF, Lab
from xapi_async.datamodel.classes.vm_appliance import VMAppliance
from xapi_async.hypervisor.faults import Fault

ALL = ("start", "clean_shutdown", "hard_shutdown", "shutdown")


async def appliance_of(pool: Lab, *orders: int, delay: int = 0) -> tuple[str, list[str]]:
    appliance = await pool.call("VM_appliance.create", {"name_label": "shop", "name_description": ""})
    vms = []
    for order in orders:
        vm = await pool.built(f"vm{len(vms)}")
        await pool.set(pool.vm(vm), HVM_boot_policy="", order=order, start_delay=delay)
        await pool.call("VM.set_appliance", vm, appliance)
        vms.append(vm)
    return appliance, vms


def allowed(pool: Lab, appliance: str) -> tuple[str, ...]:
    return pool.store.get(VMAppliance, appliance).allowed_operations


async def test_an_empty_appliance_can_do_nothing(pool: Lab):
    appliance, _ = await appliance_of(pool)
    assert allowed(pool, appliance) == ()
    assert (await pool.refused("VM_appliance.start", appliance, False))[0] == "OPERATION_NOT_ALLOWED"


async def test_what_is_allowed_follows_the_members(pool: Lab):
    appliance, vms = await appliance_of(pool, 0, 0)
    assert allowed(pool, appliance) == ("start",)
    await pool.call("VM.start", vms[0], False, False)
    assert allowed(pool, appliance) == ALL
    await pool.call("VM.start", vms[1], False, False)
    assert allowed(pool, appliance) == ALL[1:]
    await pool.call("VM.pause", vms[0])
    await pool.call("VM.pause", vms[1])
    assert allowed(pool, appliance) == ("hard_shutdown", "shutdown")
    for vm in vms:
        await pool.call("VM.set_appliance", vm, NULL_REF)
    assert allowed(pool, appliance) == ()


async def test_vms_start_by_order_and_stop_the_other_way_round(pool: Lab):
    appliance, vms = await appliance_of(pool, 2, -1, 0)
    seen: list[tuple[str, str]] = []

    def look(changes):
        for change in changes:
            state = getattr(change.entity, "power_state", None)
            if change.ref in vms and state and (change.ref, state) not in seen:
                seen.append((change.ref, state))

    pool.store.listen(look)
    await pool.call("VM_appliance.start", appliance, False)
    assert [ref for ref, state in seen if state == "Running"] == [vms[1], vms[2], vms[0]]
    seen.clear()
    await pool.call("VM_appliance.hard_shutdown", appliance)
    assert [ref for ref, state in seen if state == "Halted"] == [vms[0], vms[2], vms[1]]
    assert pool.store.get(VMAppliance, appliance).current_operations == {}


async def test_delays_hold_back_the_next_order(pool: Lab):
    appliance, _ = await appliance_of(pool, 0, 1, delay=30)
    clock = pool.services.clock
    await pool.call("VM_appliance.start", appliance, False)
    assert clock.slept.count(30) == 2  # type: ignore[attr-defined]


async def test_a_paused_start(pool: Lab):
    appliance, vms = await appliance_of(pool, 0, 0)
    await pool.call("VM_appliance.start", appliance, True)
    assert [pool.vm(vm).power_state for vm in vms] == ["Paused", "Paused"]


async def test_failures_do_not_keep_the_others_from_starting(pool: Lab):
    appliance, vms = await appliance_of(pool, 0, 1)
    uuid = pool.vm(vms[0]).uuid
    pool.services.hypervisor.faults.add(Fault("start", "BOOTLOADER_FAILED", ("{vm}", "no"), vm=uuid))  # type: ignore[attr-defined]
    assert await pool.refused("VM_appliance.start", appliance, False) == [
        "OPERATION_PARTIALLY_FAILED",
        "VM_appliance.start",
        vms[0],
    ]
    assert [pool.vm(vm).power_state for vm in vms] == ["Halted", "Running"]
    await pool.call("VM_appliance.clean_shutdown", appliance)
    assert pool.vm(vms[1]).power_state == "Halted"


async def test_a_suspended_member_does_not_start(pool: Lab):
    appliance, vms = await appliance_of(pool, 0, 0)
    await pool.call("VM.start", vms[0], False, False)
    await pool.call("VM.suspend", vms[0])
    assert (await pool.refused("VM_appliance.start", appliance, False))[1:] == ["VM_appliance.start", vms[0]]
    await pool.call("VM_appliance.shutdown", appliance)
    assert {pool.vm(vm).power_state for vm in vms} == {"Halted"}


async def test_vms_outlive_their_appliance(pool: Lab):
    appliance, (vm,) = await appliance_of(pool, 0)
    assert await pool.refused("VM.set_is_a_template", vm, True) == ["VM_IS_PART_OF_AN_APPLIANCE", vm, appliance]
    await pool.call("VM.destroy", (await appliance_of(pool, 0))[1][0])
    await pool.call("VM_appliance.destroy", appliance)
    assert pool.vm(vm).appliance == NULL_REF


async def test_storage_needed_for_recovery(pool: Lab):
    from xapi_async.datamodel.classes.pbd import PBD

    appliance, (vm,) = await appliance_of(pool, 0)
    assert await pool.call("VM_appliance.get_SRs_required_for_recovery", appliance, NULL_REF) == ()
    for pbd in [pbd for pbd in pool.store.all(PBD) if pool.sr == pbd.SR]:
        await pool.set(pbd, currently_attached=False)
    assert await pool.call("VM_appliance.get_SRs_required_for_recovery", appliance, NULL_REF) == (pool.sr,)
    assert await pool.refused("VM_appliance.assert_can_be_recovered", appliance, NULL_REF) == [
        "VM_REQUIRES_SR",
        vm,
        pool.sr,
    ]
