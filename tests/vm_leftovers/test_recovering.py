"""VMs recovered from a copy of a database: after they were lost, or from a dump of another pool's."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
import XenAPI

from tests.live import LiveServer, running
from xapi_async.objects.database import copy_database

DISK = {
    "name_label": "data", "name_description": "", "virtual_size": str(8 << 20), "type": "user", "sharable": False,
    "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": [],
}  # fmt: skip
DEVICE = {
    "userdevice": "0", "bootable": False, "mode": "RW", "type": "Disk", "empty": False, "unpluggable": True,
    "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
}  # fmt: skip


def opened(server: LiveServer, session: str) -> Any:
    """The API as another session sees it."""
    client = XenAPI.Session(server.url)
    client._session = session
    return client.xenapi


def vm_with_disk(api: Any, name: str) -> tuple[str, str]:
    """A VM and its disk."""
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, name)
    api.VM.provision(vm)
    vdi = api.VDI.create({**DISK, "SR": api.pool.get_default_SR(api.pool.get_all()[0])})
    api.VBD.create({**DEVICE, "VM": vm, "VDI": vdi})
    return vm, vdi


def backup(server: LiveServer) -> str:
    target = server.folder / "backup.db"
    copy_database(server.folder / "state.db", target)
    return str(target)


def refusal(call: Any, *args: Any) -> list[str]:
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return caught.value.details


def test_a_destroyed_vm_comes_back_with_its_disk(fresh_server: LiveServer):
    with fresh_server.session() as session:
        api = session.xenapi
        vm, vdi = vm_with_disk(api, "lost")
        snapshot = api.VM.snapshot(vm, "before")
        uuid, snapshot_uuid = api.VM.get_uuid(vm), api.VM.get_uuid(snapshot)
        copy = api.session.create_from_db_file(backup(fresh_server))
        seen = opened(fresh_server, copy)
        for ref in (snapshot, vm):
            api.VM.destroy(ref)
        assert seen.VM.get_by_uuid(uuid) == vm  # the copy still has it
        assert seen.VM.get_SRs_required_for_recovery(vm, session._session) == []
        seen.VM.recover(vm, session._session, False)
        recovered = api.VM.get_by_uuid(uuid)
        assert api.VM.get_name_label(recovered) == "lost"
        (vbd,) = api.VM.get_VBDs(recovered)
        assert api.VBD.get_VDI(vbd) == vdi
        assert [api.VM.get_uuid(one) for one in api.VM.get_snapshots(recovered)] == [snapshot_uuid]
        api.VM.start(recovered, False, False)
        assert refusal(seen.VM.recover, vm, session._session, False)[0] == "VM_BAD_POWER_STATE"


def test_an_older_copy_does_not_replace_what_is_newer(fresh_server: LiveServer):
    with fresh_server.session() as session:
        api = session.xenapi
        vm, _ = vm_with_disk(api, "kept")
        seen = opened(fresh_server, api.session.create_from_db_file(backup(fresh_server)))
        assert refusal(seen.VM.recover, vm, session._session, False) == [
            "VM_TO_IMPORT_IS_NOT_NEWER_VERSION", vm, "0", "0",
        ]  # fmt: skip
        api.VM.set_name_label(vm, "changed since")
        uuid = api.VM.get_uuid(vm)
        seen.VM.recover(vm, session._session, True)
        assert api.VM.get_name_label(api.VM.get_by_uuid(uuid)) == "kept"


def test_an_appliance_comes_back_with_its_vms(fresh_server: LiveServer):
    with fresh_server.session() as session:
        api = session.xenapi
        appliance = api.VM_appliance.create({"name_label": "shop", "name_description": "web and database"})
        vms = [vm_with_disk(api, name)[0] for name in ("web", "database")]
        for vm in vms:
            api.VM.set_appliance(vm, appliance)
        uuid = api.VM_appliance.get_uuid(appliance)
        seen = opened(fresh_server, api.session.create_from_db_file(backup(fresh_server)))
        api.VM_appliance.destroy(appliance)
        for vm in vms:
            api.VM.destroy(vm)
        refused = refusal(seen.VM.recover, vms[0], session._session, False)
        assert refused == ["VM_IS_PART_OF_AN_APPLIANCE", vms[0], appliance]
        seen.VM_appliance.recover(appliance, session._session, False)
        recovered = api.VM_appliance.get_by_uuid(uuid)
        assert api.VM_appliance.get_name_label(recovered) == "shop"
        names = {api.VM.get_name_label(vm) for vm in api.VM_appliance.get_VMs(recovered)}
        assert names == {"web", "database"}
        assert "start" in api.VM_appliance.get_allowed_operations(recovered)


def test_a_session_on_a_copy_only_reads(fresh_server: LiveServer):
    with fresh_server.session() as session:
        api = session.xenapi
        vm, _ = vm_with_disk(api, "seen")
        copy = api.session.create_from_db_file(backup(fresh_server))
        seen = opened(fresh_server, copy)
        record = api.session.get_record(copy)
        assert (record["auth_user_name"], record["auth_user_sid"]) == ("db-from-file", "readonly-sid")
        assert record["is_local_superuser"] is False
        assert refusal(seen.VM.set_name_label, vm, "other")[0] == "RBAC_PERMISSION_DENIED"
        assert refusal(seen.VM.start, vm, False, False)[0] == "RBAC_PERMISSION_DENIED"
        assert refusal(seen.VM.recover, vm, copy, False)[:2] == ["RBAC_PERMISSION_DENIED", "VM.recover"]
        answer: Any = fresh_server.raw().VM.recover(copy, vm, "OpaqueRef:none", False)
        assert answer["ErrorDescription"] == ["SESSION_INVALID", "OpaqueRef:none"]
        task = seen.Async.VM.assert_can_be_recovered(vm, session._session)
        assert seen.task.get_status(task) in ("pending", "success")
        raw = fresh_server.raw()
        raw.session.logout(copy)
        ended: Any = raw.VM.get_all(copy)
        assert ended["ErrorDescription"] == ["SESSION_INVALID", copy]
        assert vm in api.VM.get_all()


def test_files_that_are_no_databases(fresh_server: LiveServer, tmp_path: Path):
    other = tmp_path / "other.xml"
    other.write_text("<letter>Dear all</letter>")
    broken = tmp_path / "broken.xml"
    broken.write_text("<database><table name='VM'><row")
    old = tmp_path / "old.xml"
    old.write_text('<database><manifest><pair key="schema_major_vsn" value="4"/></manifest></database>')
    with fresh_server.session() as session:
        for path in (other, broken, old, tmp_path / "none", tmp_path):
            refused = refusal(session.xenapi.session.create_from_db_file, str(path))
            assert refused[0] == "COULD_NOT_IMPORT_DATABASE"


def row(ref: str, **columns: str) -> str:
    packed = {name: text.replace("%", "%%").replace(" ", "%.") for name, text in columns.items()}
    return (
        f'<row ref="{ref}" __ctime="1" __mtime="2" _ref="{ref}" '
        + " ".join(f"{name}={quoteattr(text)}" for name, text in packed.items())
        + "/>"
    )


def test_a_vm_of_another_pool_out_of_its_dump(fresh_server: LiveServer, tmp_path: Path):
    with fresh_server.session() as session:
        api = session.xenapi
        vdi = vm_with_disk(api, "unused")[1]
        sr = api.VDI.get_SR(vdi)
        rows = {
            "VM": row("OpaqueRef:vm", uuid="11111111-2222-4333-8444-555555555555", name__label="it's 100% new",
                      power_state="Running", VCPUs__max="3", VCPUs__at_startup="2", HVM__boot_policy="BIOS order",
                      other_config=r"(('folder' 'it\'s') ('mac_seed' 'b'))", tags="('a b' 'c')",
                      memory__static_max="268435456", memory__dynamic_max="268435456",
                      memory__dynamic_min="268435456", memory__static_min="134217728"),
            "VBD": row("OpaqueRef:vbd", uuid="11111111-2222-4333-8444-555555555556", VM="OpaqueRef:vm",
                       VDI="OpaqueRef:vdi", userdevice="0", device="xvda", type="Disk", mode="RW", empty="false"),
            "VDI": row("OpaqueRef:vdi", uuid=api.VDI.get_uuid(vdi), SR="OpaqueRef:sr",
                       location=api.VDI.get_location(vdi)),
            "SR": row("OpaqueRef:sr", uuid=api.SR.get_uuid(sr), content_type="user"),
            "no_such_class": row("OpaqueRef:x", y="z"),
        }  # fmt: skip
        tables = "".join(f'<table name="{name}">{text}</table>' for name, text in rows.items())
        dump = tmp_path / "dump.xml"
        dump.write_text(
            f'<?xml version="1.0"?><database><manifest><pair key="schema_major_vsn" value="5"/></manifest>'
            f"{tables}</database>"
        )
        seen = opened(fresh_server, api.session.create_from_db_file(str(dump)))
        assert seen.VM.get_all() == ["OpaqueRef:vm"]
        assert seen.VM.get_VBDs("OpaqueRef:vm") == ["OpaqueRef:vbd"]
        seen.VM.recover("OpaqueRef:vm", session._session, False)
        record = api.VM.get_record(api.VM.get_by_uuid("11111111-2222-4333-8444-555555555555"))
        assert record["name_label"] == "it's 100% new"
        assert (record["VCPUs_max"], record["power_state"], record["tags"]) == ("3", "Halted", ["a b", "c"])
        assert record["other_config"]["folder"] == "it's"
        assert api.VBD.get_VDI(record["VBDs"][0]) == vdi
        for pbd in api.SR.get_PBDs(sr):
            api.VM.destroy(api.VM.get_by_uuid("11111111-2222-4333-8444-555555555555"))
            api.PBD.unplug(pbd)
        refused = refusal(seen.VM.recover, "OpaqueRef:vm", session._session, False)
        assert refused == ["VM_REQUIRES_SR", "OpaqueRef:vm", "OpaqueRef:sr"]


def test_reading_processes_leave_copies_to_the_one_that_has_them(tmp_path: Path):
    with running(tmp_path, "--workers", "2") as server, server.session() as session:
        api = session.xenapi
        vm, _ = vm_with_disk(api, "then")
        seen = opened(server, api.session.create_from_db_file(backup(server)))
        api.VM.set_name_label(vm, "now")
        assert {seen.VM.get_name_label(vm) for _ in range(20)} == {"then"}
        assert {api.VM.get_name_label(vm) for _ in range(20)} == {"now"}
