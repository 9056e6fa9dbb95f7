"""Copies of the database follow what is committed, until somebody ends that, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.client import refused, until
from tests.disaster.lab import SiteLab, site
from xapi_async.objects.copy_format import LEAD, read_lead

FAST = ("--set", "server.speed=200")
"""Pauses between attempts pass in no time."""


@pytest.fixture(params=["files", "nominal"])
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SiteLab]:
    """A pool that keeps disks in files, and one that keeps no disks."""
    with site(tmp_path / "site", "--set", f"server.disks={request.param}") as made:
        yield made


def test_a_copy_follows_over_restarts_and_replugging(pool: SiteLab) -> None:
    sr = pool.lun()
    pool.api.SR.enable_database_replication(sr)
    copy = pool.metadata(sr)
    assert "content_id" not in pool.api.VDI.get_other_config(copy)
    pool.vm("first", sr)
    seen = pool.opened(copy)
    assert seen.pool.get_uuid(pool.pool) == pool.api.pool.get_uuid(pool.pool)
    assert len(seen.VM.get_all()) == len(pool.api.VM.get_all())
    pool.vm("later", sr)
    assert "later" not in {record["name_label"] for record in seen.VM.get_all_records().values()}  # it is as it was
    assert {"first", "later"} <= pool.names(copy)
    for crash in (True, False):
        pool.restart(crash=crash)
        name = f"after a {'crash' if crash else 'stop'}"
        pool.vm(name, sr)
        assert {"first", name} <= pool.names(copy)
    (pbd,) = pool.api.SR.get_PBDs(sr)
    pool.api.PBD.unplug(pbd)
    assert pool.api.VDI.get_VBDs(copy) == []
    held = pool.api.VDI.get_other_config(copy)["content_id"]
    assert pool.api.VDI.get_metadata_latest(copy) is False
    assert refused(pool.api.VDI.open_database, copy)[0] == "COULD_NOT_IMPORT_DATABASE"
    pool.vm("while unplugged", pool.sr)
    pool.api.PBD.plug(pbd)
    assert pool.metadata(sr) == copy
    assert held not in pool.api.VDI.get_other_config(copy).values()
    assert pool.api.VDI.get_metadata_latest(copy) is True
    until(lambda: "while unplugged" in pool.names(copy))
    pool.api.SR.disable_database_replication(sr)
    assert copy not in pool.api.VDI.get_all()
    assert pool.notices() == []


def test_a_copy_of_a_database_in_memory(tmp_path: Path) -> None:
    with site(tmp_path / "site", "--database", "") as pool:
        sr = pool.lun()
        pool.api.SR.enable_database_replication(sr)
        pool.vm("fleeting", sr)
        assert "fleeting" in pool.names(pool.metadata(sr))


def test_storage_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    with site(tmp_path / "site", *FAST) as pool:
        sr = pool.lun()
        pool.api.SR.enable_database_replication(sr)
        folder = tmp_path / "luns" / pool.api.SR.get_uuid(sr)
        gone = folder.rename(tmp_path / "gone")
        pool.api.pool.set_name_label(pool.pool, "unseen")
        until(lambda: pool.notices() == ["METADATA_LUN_BROKEN"])
        (record,) = pool.api.message.get_all_records().values()
        assert (record["cls"], record["priority"]) == ("Pool", "3")
        assert record["obj_uuid"] == pool.api.pool.get_uuid(pool.pool)
        assert pool.uuid(pool.metadata(sr)) in record["body"]
        gone.rename(folder)
        until(lambda: "METADATA_LUN_HEALTHY" in pool.notices())
        assert pool.opened(pool.metadata(sr)).pool.get_name_label(pool.pool) == "unseen"


def test_a_disk_that_cannot_be_written_ends_it_before_it_begins(tmp_path: Path) -> None:
    with site(tmp_path / "site", "--set", "simulator.plugin=true") as pool:
        sr = pool.lun()
        fault = {"operation": "storage.plug", "error": "SR_BACKEND_FAILURE_46", "times": "1"}
        pool.api.host.call_plugin(pool.host, "simulator", "inject-fault", fault)
        assert refused(pool.api.SR.enable_database_replication, sr)[0] == "CANNOT_ENABLE_REDO_LOG"
        assert pool.api.SR.get_VDIs(sr) == []
        pool.api.SR.enable_database_replication(sr)
        assert pool.opened(pool.metadata(sr)).pool.get_all() == [pool.pool]


def test_a_disk_without_a_copy(tmp_path: Path) -> None:
    with site(tmp_path / "site") as pool:
        vdi = pool.disk(type="metadata")
        refusal = refused(pool.api.VDI.open_database, vdi)
        assert refusal[0] == "COULD_NOT_IMPORT_DATABASE"
        assert pool.uuid(vdi) in refusal[1]
        other = pool.disk(type="user")
        assert refused(pool.api.VDI.open_database, other) == ["VDI_INCOMPATIBLE_TYPE", other, "User"]


def test_the_redo_log_is_such_a_copy(tmp_path: Path) -> None:
    with site(tmp_path / "site") as pool:
        pool.api.pool.enable_redo_log(pool.sr)
        vdi = pool.api.pool.get_redo_log_vdi(pool.pool)
        files = list((tmp_path / "luns" / pool.api.SR.get_uuid(pool.sr) / "layers").glob("*.data"))
        assert pools_in(files) == [pool.api.pool.get_uuid(pool.pool)]
        assert refused(pool.api.VDI.open_database, vdi) == ["VDI_INCOMPATIBLE_TYPE", vdi, "Redo log"]
        before = max(file.stat().st_mtime_ns for file in files)
        pool.api.pool.set_name_label(pool.pool, "written without being asked")
        until(lambda: max(file.stat().st_mtime_ns for file in files) > before)
        pool.api.pool.disable_redo_log()
        pool.api.VDI.destroy(vdi)


def test_high_availability_has_such_a_copy(tmp_path: Path) -> None:
    with site(tmp_path / "site") as pool:
        sr = pool.lun()
        pool.api.pool.enable_ha([sr], {})
        pool.api.pool.sync_database()
        layers = tmp_path / "luns" / pool.api.SR.get_uuid(sr) / "layers"
        assert pools_in(layers.glob("*.data")) == [pool.api.pool.get_uuid(pool.pool)]
        (log,) = [vdi for vdi in pool.api.SR.get_VDIs(sr) if pool.api.VDI.get_type(vdi) == "redo_log"]
        pool.api.pool.enable_redo_log(sr)
        assert pool.api.pool.get_redo_log_vdi(pool.pool) == log
        pool.api.pool.disable_ha()  # and the redo log goes on
        pool.api.pool.sync_database()
        assert pool.notices() == []


def pools_in(files: Iterable[Path]) -> list[str]:
    """The uuids of the pools whose databases are in files of disks."""
    leads = (read_lead(file.read_bytes()[:LEAD]) for file in files if file.stat().st_size)
    return [lead.pool_uuid for lead in leads if lead is not None]
