"""What becomes of a VM's record that an import brings."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.copies.lab import NULL_REF, TEMPLATE, Lab
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.vm_copies.metadata_import import ImportOptions, Step, decide, enter, finish, link

TASK = "OpaqueRef:import"


async def record_of(pool: Lab, vm: str, **changes: Any) -> dict[str, Any]:
    return {**pool.vm(vm).values(), **changes}  # type: ignore[attr-defined]


async def bring(pool: Lab, record: dict[str, Any], refs: dict[str, str] | None = None, **options: Any) -> VM:
    chosen = ImportOptions(TASK, **options)
    async with pool.store.transaction() as tx:
        ref = enter(tx, record, decide(tx, record, chosen), refs or {}, chosen, random.Random(1))
    return pool.vm(ref)


def refused(pool: Lab, record: dict[str, Any], **options: Any) -> list[str]:
    with pytest.raises(ApiError) as caught:
        decide(pool.store, record, ImportOptions(TASK, **options))
    return caught.value.description


async def test_an_import_makes_a_new_vm(pool: Lab):
    source = await pool.built()
    record = await record_of(pool, source, generation_id="1:2", version=4, other_config={"mac_seed": "s", "a": "b"})
    vm = await bring(pool, record)
    assert (vm.uuid != record["uuid"], vm.version, vm.name_label) == (True, 0, "web")
    assert vm.generation_id not in ("", "1:2")
    assert (vm.other_config["mac_seed"] != "s", vm.other_config["a"]) == (True, "b")
    assert vm.other_config["import_task"] == TASK
    assert vm.current_operations == {TASK: "import"}
    assert (vm.power_state, vm.VBDs, vm.appliance) == ("Halted", (), NULL_REF)
    async with pool.store.transaction() as tx:
        finish(tx, [vm.ref], TASK)
    assert (pool.vm(vm.ref).current_operations, "start" in pool.vm(vm.ref).allowed_operations) == ({}, True)


async def test_a_restored_vm_is_who_it_was(pool: Lab):
    source = await pool.built()
    record = await record_of(pool, source, version=1)
    await pool.call("VM.destroy", source)
    vm = await bring(pool, record, full_restore=True)
    assert (vm.uuid, vm.version) == (record["uuid"], 2)
    assert vm.other_config["mac_seed"] == record["other_config"]["mac_seed"]


async def test_restoring_what_is_still_there(pool: Lab):
    source = await pool.running()
    record = await record_of(pool, source, version=0)
    assert refused(pool, record, full_restore=True) == ["VM_BAD_POWER_STATE", source, "Halted", "Running"]
    assert decide(pool.store, record, ImportOptions(TASK, full_restore=True, force=True)).step is Step.KEEP
    await pool.call("VM.hard_shutdown", source)
    assert refused(pool, record, full_restore=True) == ["VM_TO_IMPORT_IS_NOT_NEWER_VERSION", source, "0", "0"]
    disk = pool.disks(source)[0]
    vm = await bring(pool, {**record, "version": 1}, full_restore=True)
    assert pool.store.find(VM, source) is None
    assert (vm.uuid, vm.version, disk.VBDs) == (record["uuid"], 2, ())


async def test_two_vms_of_one_seed(pool: Lab):
    source = await pool.built()
    record = await record_of(pool, source, uuid="00000000-0000-4000-8000-000000000001")
    assert refused(pool, record, full_restore=True) == ["DUPLICATE_VM", pool.vm(source).uuid]
    assert decide(pool.store, record, ImportOptions(TASK)).step is Step.CREATE
    options = ImportOptions(TASK, full_restore=True)
    assert decide(pool.store, record, options, original=pool.vm(source).uuid).step is Step.CREATE


async def test_default_templates_are_those_that_are_here(pool: Lab):
    (template,) = pool.store.by_name(VM, TEMPLATE)
    vm = await bring(pool, await record_of(pool, template))
    assert vm.ref == template


async def test_records_of_old_releases(pool: Lab):
    record = await record_of(pool, await pool.built(), ha_restart_priority="2", memory_dynamic_min=1)
    del record["parent"], record["has_vendor_device"]
    vm = await bring(pool, record)
    assert (vm.ha_restart_priority, vm.order, vm.has_vendor_device) == ("restart", 2, False)
    assert vm.memory_dynamic_min == vm.memory_dynamic_max == vm.memory_target == vm.memory_static_max


async def test_suspended_vms_need_their_memory(pool: Lab):
    vm = await pool.running()
    await pool.call("VM.suspend", vm)
    record = await record_of(pool, vm)
    with pytest.raises(ApiError) as caught:
        await bring(pool, record)
    assert caught.value.description == ["IMPORT_ERROR_FAILED_TO_FIND_OBJECT", record["suspend_VDI"]]
    assert (await bring(pool, record, force=True)).power_state == "Halted"
    image = record["suspend_VDI"]
    made = await bring(pool, record, {image: image})
    assert (made.power_state, made.suspend_VDI) == ("Suspended", image)


async def test_running_vms_need_room(pool: Lab):
    vm = await pool.running()
    record = await record_of(pool, vm)
    for metrics in list(pool.store.all(HostMetrics)):
        await pool.set(metrics, memory_total=0)
    assert refused(pool, record, live=True, host=pool.slave)[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"


async def test_snapshots_find_their_vm(pool: Lab):
    source = await pool.built()
    snapshot = await pool.call("VM.snapshot", source, "before")
    records = {ref: await record_of(pool, ref) for ref in (source, snapshot)}
    refs = {ref: (await bring(pool, record)).ref for ref, record in records.items()}
    async with pool.store.transaction() as tx:
        link(tx, records, refs)
    new = pool.vm(refs[snapshot])
    assert (new.snapshot_of, new.is_a_snapshot, pool.vm(refs[source]).parent) == (refs[source], True, new.ref)
    with pytest.raises(ApiError) as caught:
        async with pool.store.transaction() as tx:
            link(tx, {snapshot: records[snapshot]}, {snapshot: new.ref})
    assert caught.value.description == ["IMPORT_ERROR_FAILED_TO_FIND_OBJECT", source]
