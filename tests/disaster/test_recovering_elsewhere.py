"""One pool is lost, another one recovers its VMs from the storage that it left."""

from __future__ import annotations

from pathlib import Path

from tests.client import refused, until
from tests.disaster.lab import LUN, site
from tests.disks_live.lab import MIB, noise

NOBODY = "OpaqueRef:NULL"


def test_a_vm_of_a_pool_that_was_lost(tmp_path: Path) -> None:
    with site(tmp_path / "a") as a:
        sr = a.lun()
        pool_uuid, sr_uuid = a.api.pool.get_uuid(a.pool), a.api.SR.get_uuid(sr)
        a.api.SR.enable_database_replication(sr)
        assert a.api.pool.get_metadata_VDIs(a.pool) == [a.metadata(sr)]
        assert a.api.VDI.read_database_pool_uuid(a.metadata(sr)) == ""  # it is no other pool's
        vm, vdi = a.vm("shop", sr)
        a.fill(vdi, noise(1, 4 * MIB))
        assert "shop" in a.names(a.metadata(sr))
        vm_uuid, vdi_uuid = a.api.VM.get_uuid(vm), a.uuid(vdi)
        a.server.kill()
    with site(tmp_path / "b") as b:
        theirs = b.attach(sr_uuid)
        copy = b.metadata(theirs)
        record = b.api.VDI.get_record(copy)
        assert (record["metadata_of_pool"], record["metadata_latest"]) == (a.pool, True)
        assert b.api.VDI.read_database_pool_uuid(copy) == pool_uuid
        b.api.SR.scan(theirs)
        assert b.api.VDI.get_metadata_of_pool(copy) == a.pool
        assert b.api.VDI.get_VBDs(copy) == []  # nobody writes to it here
        seen = b.opened(copy)
        assert seen.pool.get_all() == [a.pool]
        here = b.session._session
        found = seen.VM.get_by_uuid(vm_uuid)
        assert seen.VM.get_SRs_required_for_recovery(found, here) == []
        seen.VM.assert_can_be_recovered(found, here)
        seen.VM.recover(found, here, False)
        recovered = b.api.VM.get_by_uuid(vm_uuid)
        (vbd,) = b.api.VM.get_VBDs(recovered)
        disk = b.api.VBD.get_VDI(vbd)
        assert b.uuid(disk) == vdi_uuid
        assert b.content(disk) == noise(1, 4 * MIB)
        b.api.VM.start(recovered, False, False)
        assert b.api.VM.get_power_state(recovered) == "Running"
        b.api.VM.hard_shutdown(recovered)
        b.restart(crash=True)
        until(lambda: b.api.VDI.read_database_pool_uuid(copy) == pool_uuid)
        seen, here = b.opened(copy), b.session._session
        (pbd,) = b.api.SR.get_PBDs(theirs)
        b.api.PBD.unplug(pbd)
        assert b.api.VDI.read_database_pool_uuid(copy) == ""
        assert b.api.VDI.get_metadata_latest(copy) is False
        assert refused(b.api.VDI.open_database, copy)[0] == "COULD_NOT_IMPORT_DATABASE"
        assert refused(seen.VM.recover, found, here, True)[:2] == ["VM_REQUIRES_SR", found]


def test_an_appliance_by_a_recovery_task(tmp_path: Path) -> None:
    with site(tmp_path / "a") as a:
        sr = a.lun()
        a.api.SR.set_name_label(sr, "Shop LUN")
        sr_uuid = a.api.SR.get_uuid(sr)
        appliance = a.api.VM_appliance.create({"name_label": "shop", "name_description": ""})
        for name in ("web", "database"):
            a.api.VM.set_appliance(a.vm(name, sr)[0], appliance)
        uuid = a.api.VM_appliance.get_uuid(appliance)
        a.api.SR.enable_database_replication(sr)
        a.server.kill()
    with site(tmp_path / "b") as b:
        plain = b.api.SR.probe(b.host, LUN, "lvmoiscsi", {})
        assert "pool_metadata_detected" not in plain
        probed = b.api.SR.probe(b.host, LUN, "lvmoiscsi", {"metadata": "true"})
        for line in ("name_label>Shop LUN<", "name_description>Reachable from both<", "pool_metadata_detected>true<"):
            assert line in probed
        task = b.api.DR_task.create("lvmoiscsi", LUN, [sr_uuid])
        (theirs,) = b.api.DR_task.get_introduced_SRs(task)
        assert b.api.SR.get_name_label(theirs) == "Shop LUN"
        seen, here = b.opened(b.metadata(theirs)), b.session._session
        found = seen.VM_appliance.get_by_uuid(uuid)
        assert seen.VM_appliance.get_SRs_required_for_recovery(found, here) == []
        seen.VM_appliance.recover(found, here, False)
        recovered = b.api.VM_appliance.get_by_uuid(uuid)
        b.api.VM_appliance.start(recovered, False)
        states = {
            b.api.VM.get_name_label(vm): b.api.VM.get_power_state(vm) for vm in b.api.VM_appliance.get_VMs(recovered)
        }
        assert states == {"web": "Running", "database": "Running"}
        assert b.api.SR.get_introduced_by(theirs) == NOBODY
        b.api.DR_task.destroy(task)
        assert theirs in b.api.SR.get_all()


def test_the_latest_of_two_copies(tmp_path: Path) -> None:
    with site(tmp_path / "a") as a:
        old, new = a.lun("old"), a.lun("new")
        uuids = [a.api.SR.get_uuid(sr) for sr in (old, new)]
        for sr in (old, new):
            a.api.SR.enable_database_replication(sr)
        (pbd,) = a.api.SR.get_PBDs(old)
        a.api.PBD.unplug(pbd)
        a.vm("since", new)
        a.server.stop()
    with site(tmp_path / "b") as b:
        old, new = (b.attach(uuid) for uuid in uuids)
        latest = {sr: b.api.VDI.get_metadata_latest(b.metadata(sr)) for sr in (old, new)}
        assert latest == {old: False, new: True}
        assert "since" in b.names(b.metadata(new))
        assert "since" not in b.names(b.metadata(old))
        for pbd in b.api.SR.get_PBDs(new):
            b.api.PBD.unplug(pbd)
        assert b.api.VDI.get_metadata_latest(b.metadata(old)) is True
