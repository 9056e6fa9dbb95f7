"""A medium that cannot be read, written or made durable: what clients are told, and that nothing is lost by it."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import PATIENCE, refused, until
from tests.disks_live.lab import MIB, DiskLab, blocks, disk_lab, noise

NONE = ("OpaqueRef:NULL", "OpaqueRef:NULL")
INDEX, DATA, LOG = "disks.json.new", ".data", ".log"


class FaultyLab(DiskLab):
    """A server whose calls of the system can be made to fail. faults: the file that says which."""

    faults: Path

    @contextmanager
    def failing(self, call: str, ending: str, number: int = errno.EIO) -> Iterator[None]:
        new = self.faults.with_suffix(".new")
        new.write_text(json.dumps({call: [ending, number]}))
        new.replace(self.faults)
        try:
            yield
        finally:
            self.faults.unlink()

    def seen(self) -> dict[str, Any]:
        """Every record of storage, but for how full things are, and whether an SR is to be scanned."""
        shown = {}
        for cls in (self.api.VDI, self.api.VBD, self.api.SR):
            for ref, record in cls.get_all_records().items():
                shown[ref] = {key: value for key, value in record.items() if key != "physical_utilisation"}
                shown[ref]["other_config"].pop("dirty", None)
        return shown


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyLab]:
    folder = tmp_path_factory.mktemp("faulty")
    places = (str(Path(__file__).parent / "faults"), *filter(None, [os.environ.get("PYTHONPATH")]))
    environment = {"PYTHONPATH": os.pathsep.join(places), "FAULTS": str(folder / "faults.json")}
    with disk_lab(folder, environment=environment) as lab:
        faulty = FaultyLab(lab.server, lab.session)
        faulty.faults = folder / "faults.json"
        yield faulty


@pytest.fixture
def disk(lab: FaultyLab) -> Iterator[str]:
    """A tracked disk with a snapshot, that holds something."""
    vdi = lab.disk(4 * MIB)
    lab.fill(vdi, noise(1, 4 * MIB))
    lab.api.VDI.enable_cbt(vdi)
    snapshot = lab.api.VDI.snapshot(vdi)
    lab.put_chunks(vdi, (0, noise(2, MIB)))
    yield vdi
    assert lab.content(vdi) == noise(2, MIB) + noise(1, 4 * MIB)[MIB:]
    assert lab.content(snapshot) == noise(1, 4 * MIB)
    lab.put_chunks(vdi, (0, b"it can be written"))
    lab.api.SR.scan(lab.sr)
    for one in (snapshot, vdi):
        lab.api.VDI.destroy(one)
    until(lambda: lab.disagreements() == [])


CHANGES: list[tuple[str, Callable[[Any, str, str], Any], str]] = [
    ("create", lambda lab, vdi, snapshot: lab.disk(MIB), "78"),
    ("destroy", lambda lab, vdi, snapshot: lab.api.VDI.destroy(snapshot), "80"),
    ("clone", lambda lab, vdi, snapshot: lab.api.VDI.clone(vdi, {}), "81"),
    ("snapshot", lambda lab, vdi, snapshot: lab.api.VDI.snapshot(vdi, {}), "82"),
    ("resize", lambda lab, vdi, snapshot: lab.api.VDI.resize(vdi, str(8 * MIB)), "110"),
    ("disable_cbt", lambda lab, vdi, snapshot: lab.api.VDI.disable_cbt(vdi), "458"),
    ("data_destroy", lambda lab, vdi, snapshot: lab.api.VDI.data_destroy(snapshot), "80"),
    ("copy", lambda lab, vdi, snapshot: lab.api.VDI.copy(snapshot, lab.sr, *NONE), "78"),
]


@pytest.mark.parametrize(("name", "change", "number"), CHANGES)
def test_a_change_that_cannot_be_noted_does_not_happen(
    lab: FaultyLab, disk: str, name: str, change: Callable[[Any, str, str], Any], number: str
) -> None:
    (snapshot,) = lab.api.VDI.get_snapshots(disk)
    for fault, code in ((errno.EIO, number), (errno.ENOSPC, "44"), (errno.EROFS, number)):
        before = lab.seen()
        with lab.failing("fsync", INDEX, fault):
            failure = refused(change, lab, disk, snapshot)
        assert failure[0] == f"SR_BACKEND_FAILURE_{code}", (name, failure)
        assert (len(failure), failure[1], bool(failure[2]), failure[3]) == (4, "", True, "")
        assert lab.seen() == before
        assert lab.disagreements() == []


def test_tracking_that_cannot_be_noted_is_not_begun(lab: FaultyLab, disk: str) -> None:
    lab.api.VDI.disable_cbt(disk)
    with lab.failing("fsync", INDEX):
        assert refused(lab.api.VDI.enable_cbt, disk)[0] == "SR_BACKEND_FAILURE_457"
    assert not lab.api.VDI.get_cbt_enabled(disk)
    assert lab.disagreements() == []


def test_what_cannot_be_made_durable_is_not_snapshotted(lab: FaultyLab, disk: str) -> None:
    target = lab.disk(4 * MIB)
    where, task = urlsplit(lab.server.url), lab.task()
    path = lab.path("import_raw_vdi", vdi=target, task_id=task)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {4 * MIB}\r\n\r\n".encode())
        connection.sendall(noise(8, 2 * MIB))
        until(lambda: b"\0" * MIB not in lab.content(target)[:MIB])  # it is being written
        before = lab.seen()
        with lab.failing("fdatasync", DATA):
            assert refused(lab.api.VDI.snapshot, target, {})[0] == "SR_BACKEND_FAILURE_82"
        assert lab.seen() == before
        connection.sendall(noise(9, 2 * MIB))
    assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
    until(lambda: not lab.api.VDI.get_VBDs(target))
    lab.api.VDI.destroy(target)


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_what_cannot_be_written_fails_its_task(lab: FaultyLab, disk: str, call: str) -> None:
    target = lab.disk(4 * MIB)
    lab.fill(target, noise(3, 4 * MIB))
    before = lab.seen()
    with lab.failing(call, DATA):
        task = lab.task()
        assert lab.send(lab.path("import_raw_vdi", vdi=target, task_id=task), noise(4, MIB)).status == 200
        assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
        assert refused(lab.api.VDI.copy, disk, lab.sr, *NONE)[0] == "VDI_IO_ERROR"
        assert refused(lab.api.VDI.copy, disk, "OpaqueRef:NULL", "OpaqueRef:NULL", target)[0] == "VDI_IO_ERROR"
    after = lab.seen()
    for one in (before, after):
        one[target].pop("other_config")  # what it holds has another name
        one[disk].pop("other_config")
    assert after == before
    lab.fill(target, noise(5, 4 * MIB))
    assert lab.content(target) == noise(5, 4 * MIB)
    lab.api.VDI.destroy(target)


def test_what_cannot_be_read_fails_whatever_reads_it(lab: FaultyLab, disk: str) -> None:
    raw = lab.disk(4 * MIB, sm_config={"type": "raw"})
    lab.fill(raw, noise(6, 4 * MIB))
    sound = set(lab.api.VDI.get_all())
    with lab.failing("preadv", DATA):
        assert refused(lab.api.VDI.copy, disk, lab.sr, *NONE)[0] == "VDI_IO_ERROR"
        assert refused(lab.api.VDI.clone, raw, {})[0] == "VDI_IO_ERROR"
        assert refused(lab.api.VDI.checksum, disk)[0] == "VDI_IO_ERROR"
        for kind in ("raw", "vhd"):
            task = lab.task()
            lab.request("GET", lab.path("export_raw_vdi", vdi=disk, format=kind, task_id=task))
            assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
        # What reads nothing goes on.
        snapshot = lab.api.VDI.snapshot(disk)
        lab.api.VDI.destroy(snapshot)
    assert set(lab.api.VDI.get_all()) == sound
    clone = lab.api.VDI.clone(raw)
    assert lab.content(clone) == noise(6, 4 * MIB)
    for one in (raw, clone):
        lab.api.VDI.destroy(one)


def test_a_log_of_changes_that_fails(lab: FaultyLab, disk: str) -> None:
    (first,) = lab.api.VDI.get_snapshots(disk)
    with lab.failing("fdatasync", LOG):
        task = lab.task()
        path = lab.path("import_raw_vdi", vdi=disk, task_id=task, chunked="1")
        body = (2 * MIB).to_bytes(8, "little") + (16).to_bytes(4, "little") + bytes(16) + bytes(12)
        assert lab.send(path, body).status == 200
        assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
    # It may claim too much, and never too little.
    assert lab.api.VDI.list_changed_blocks(first, disk)


def test_a_log_of_changes_that_cannot_be_begun(lab: FaultyLab, disk: str) -> None:
    (first,) = lab.api.VDI.get_snapshots(disk)
    assert told(lab, disk) == []
    with lab.failing("fsync", "layers"):
        second = lab.api.VDI.snapshot(disk)
    assert lab.api.VDI.get_cbt_enabled(disk) is False
    assert told(lab, disk) == [("VDI_CBT_SNAPSHOT_FAILED", "3")]
    # What was logged until then is the snapshot's.
    assert lab.api.VDI.get_cbt_enabled(second) is True
    assert blocks(lab.api.VDI.list_changed_blocks(first, second)) == set(range(16))
    assert refused(lab.api.VDI.list_changed_blocks, second, disk)[0] == "SR_BACKEND_FAILURE_460"
    lab.api.VDI.enable_cbt(disk)
    lab.api.VDI.destroy(second)


@pytest.mark.parametrize("how", ["upload", "plug", "start"])
@pytest.mark.parametrize("damage", ["gone", "too long", "unreadable"])
def test_a_log_of_changes_that_does_not_fit_the_disk(lab: FaultyLab, how: str, damage: str) -> None:
    vdi = lab.disk(4 * MIB)
    vm = lab.running_vm()
    vbd = lab.device(vm, vdi)
    lab.api.VDI.enable_cbt(vdi)
    first = lab.api.VDI.snapshot(vdi)
    lab.put_chunks(vdi, (0, b"noted"))
    assert lab.api.VDI.get_cbt_enabled(vdi) is True
    with spoilt(lab, vdi, damage):
        if how == "upload":
            lab.fill(vdi, noise(7, 4 * MIB))
        elif how == "plug":
            until(lambda: "plug" in lab.api.VBD.get_allowed_operations(vbd))
            lab.api.VBD.plug(vbd)
        lab.api.VM.hard_shutdown(vm)
        if how == "start":
            lab.api.VM.start(vm, False, False)
            lab.api.VM.hard_shutdown(vm)
    assert lab.api.VDI.get_cbt_enabled(vdi) is False
    assert told(lab, vdi) == [("VDI_CBT_METADATA_INCONSISTENT", "3")]
    assert refused(lab.api.VDI.list_changed_blocks, first, vdi)[0] == "SR_BACKEND_FAILURE_460"
    # It can be begun anew.
    lab.api.VDI.enable_cbt(vdi)
    second = lab.api.VDI.snapshot(vdi)
    lab.put_chunks(vdi, (MIB, b"noted again"))
    assert blocks(lab.api.VDI.list_changed_blocks(second, vdi)) == {16}
    lab.api.VM.destroy(vm)
    for one in (first, second, vdi):
        lab.api.VDI.destroy(one)
    until(lambda: lab.disagreements() == [])


@contextmanager
def spoilt(lab: FaultyLab, vdi: str, damage: str) -> Iterator[None]:
    """The log of a disk damaged."""
    index = json.loads((lab.folder() / "disks.json").read_text())
    log = lab.folder() / "layers" / f"{index['disks'][lab.uuid(vdi)]['log']}.log"
    if damage == "unreadable":
        with lab.failing("preadv", log.name):
            yield
        return
    if damage == "gone":
        log.unlink()
    else:
        log.write_bytes(bytes(4096))
    yield


def told(lab: FaultyLab, vdi: str) -> list[tuple[str, str]]:
    """The names and priorities of the messages about a disk."""
    records = lab.api.message.get("VDI", lab.uuid(vdi), "19700101T00:00:00Z").values()
    return [(record["name"], record["priority"]) for record in records]


def test_a_log_of_changes_that_is_gone(tmp_path: Path) -> None:
    with disk_lab(tmp_path) as lab:
        vdi = lab.disk(4 * MIB)
        lab.api.VDI.enable_cbt(vdi)
        first = lab.api.VDI.snapshot(vdi)
        for path in (lab.folder() / "layers").glob("*.log"):
            path.unlink()
        lab.server.kill()
        lab.server.start()
        with lab.server.session() as session:
            lab = DiskLab(lab.server, session)
            assert refused(lab.api.VDI.list_changed_blocks, first, vdi)[0] == "SR_BACKEND_FAILURE_459"
            lab.api.VDI.disable_cbt(vdi)
            lab.fill(vdi, noise(7, 4 * MIB))
            for one in (first, vdi):
                lab.api.VDI.destroy(one)
            assert lab.disagreements() == []
