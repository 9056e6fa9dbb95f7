"""Copies, snapshots and schedules as clients of a real server see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.client import ended, until
from tests.live import LiveServer, running


def provisioned(api: Any, name: str) -> str:
    (template,) = api.VM.get_by_name_label("Debian Stretch 9.0")
    vm = api.VM.clone(template, name)
    sr = api.SR.get_uuid(api.pool.get_default_SR(api.pool.get_all()[0]))
    api.VM.remove_from_other_config(vm, "disks")
    disk = f'<disk bootable="true" device="0" size="8388608" sr="{sr}" type="system"/>'
    api.VM.add_to_other_config(vm, "disks", f"<provision>{disk}</provision>")
    api.VM.provision(vm)
    return str(vm)


def test_snapshot_and_revert(fresh_server: LiveServer) -> None:
    with fresh_server.session() as session:
        api = session.xenapi
        vm = provisioned(api, "web")
        snapshot = api.VM.snapshot(vm, "before")
        api.VM.set_name_label(vm, "changed")
        api.VM.start(vm, False, False)
        api.VM.revert(snapshot)
        record = api.VM.get_record(vm)
        assert (record["name_label"], record["power_state"], record["parent"]) == ("web", "Halted", snapshot)
        (vbd,) = record["VBDs"]
        assert api.VDI.get_snapshots(api.VBD.get_VDI(vbd)) == [api.VBD.get_VDI(api.VM.get_VBDs(snapshot)[0])]
        fresh_server.kill()
    fresh_server.start()
    with fresh_server.session() as session:
        api = session.xenapi
        assert api.VM.get_snapshots(vm) == [snapshot]
        api.VM.revert(snapshot)
        clone = api.VM.clone(snapshot, "again")
        assert api.VM.get_is_a_template(clone)


def test_an_asynchronous_clone_shows_its_parts_as_tasks(fresh_server: LiveServer) -> None:
    with fresh_server.session() as session:
        api = session.xenapi
        vm = provisioned(api, "web")
        token = api.event_from(["task"], "", 0.0)["token"]
        task = api.Async.VM.clone(vm, "twin")
        record = ended(api, task)
        assert (record["status"], record["progress"]) == ("success", 1.0)
        (twin,) = api.VM.get_by_name_label("twin")
        assert api.task.get_result(task) == f"<value>{twin}</value>"
        assert api.task.get_subtasks(task) == []
        assert api.event_from(["task"], token, 0.0)["events"]


def test_appliances_and_schedules(fresh_server: LiveServer) -> None:
    with fresh_server.session() as session:
        api = session.xenapi
        appliance = api.VM_appliance.create({"name_label": "shop", "name_description": ""})
        vms = [provisioned(api, f"vm{number}") for number in range(2)]
        for number, vm in enumerate(vms):
            api.VM.set_order(vm, str(number))
            api.VM.set_appliance(vm, appliance)
        api.VM_appliance.start(appliance, False)
        assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}
        schedule = api.VMSS.create(
            {
                "name_label": "nightly",
                "name_description": "",
                "enabled": True,
                "type": "snapshot",
                "retained_snapshots": "1",
                "frequency": "daily",
                "schedule": {"hour": "3"},
            }
        )
        api.VM.set_snapshot_schedule(vms[0], schedule)
        for _ in range(2):
            assert "SUCCEEDED" in api.VMSS.snapshot_now(schedule)
        assert len(api.VM.get_snapshots(vms[0])) == 1
        names = [message["name"] for message in api.message.get_all_records().values() if message["cls"] == "VMSS"]
        assert names == ["VMSS_SNAPSHOT_SUCCEEDED"] * 2
        api.VM_appliance.hard_shutdown(appliance)
        assert {api.VM.get_power_state(vm) for vm in vms} == {"Halted"}
        assert api.VM_appliance.get_allowed_operations(appliance) == ["start"]


def test_a_cancelled_copy_leaves_nothing(tmp_path: Path) -> None:
    slow = {"XAPI_SERVER_DISKS": "nominal", "XAPI_STORAGE_COPY_RATE": "1000000"}
    with running(tmp_path, environment=slow) as server, server.session() as session:
        api = session.xenapi
        vm = provisioned(api, "web")
        (vbd,) = api.VM.get_VBDs(vm)
        before = len(api.VM.get_all()), len(api.VDI.get_all())
        task = api.Async.VM.copy(vm, "never", "OpaqueRef:NULL")
        until(lambda: api.VDI.get_current_operations(api.VBD.get_VDI(vbd)))
        assert [api.task.get_name_label(part) for part in api.task.get_subtasks(task)] == ["Async.VDI.copy"]
        api.task.cancel(task)
        record = ended(api, task)
        assert (record["status"], record["error_info"]) == ("cancelled", [])
        assert (len(api.VM.get_all()), len(api.VDI.get_all())) == before
        assert api.VM.get_current_operations(vm) == {}
        assert "clone" in api.VM.get_allowed_operations(vm)
