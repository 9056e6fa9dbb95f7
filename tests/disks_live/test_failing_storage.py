"""Storage that fails: full, vanished, damaged, or refusing to be written; and what it must not take along."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.client import refused
from tests.disks_live.lab import MIB, DiskLab, disagreements, disk_lab, noise


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(lab: DiskLab, small: Path) -> None:
    api = lab.api
    sr = api.SR.create(lab.host, {"location": str(small)}, "0", "small", "", "file", "", False, {})
    kept = lab.disk(2 * MIB, sr)
    lab.fill(kept, noise(1, 2 * MIB))
    large, task = lab.disk(64 * MIB, sr), lab.task()
    assert lab.send(lab.path("import_raw_vdi", vdi=large, task_id=task), noise(2, 16 * MIB)).status == 200
    assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
    with suppress(OSError):
        (small / "rest").write_bytes(bytes(16 * MIB))
    before = set(api.SR.get_VDIs(sr))
    assert refused(api.VDI.snapshot, kept, {})[0] == "SR_BACKEND_FAILURE_44"
    assert refused(lab.disk, MIB, sr)[0] == "SR_BACKEND_FAILURE_44"
    assert set(api.SR.get_VDIs(sr)) == before
    assert lab.content(kept) == noise(1, 2 * MIB)
    (small / "rest").unlink()
    api.VDI.destroy(large)
    snapshot = api.VDI.snapshot(kept)
    lab.put_chunks(kept, (0, b"again"))
    assert lab.content(kept)[:5] == b"again"
    assert lab.content(snapshot) == noise(1, 2 * MIB)
    assert disagreements(small, [api.VDI.get_record(vdi) for vdi in api.SR.get_VDIs(sr)]) == []
    api.PBD.unplug(api.SR.get_PBDs(sr)[0])
    api.SR.forget(sr)


def test_a_file_that_vanished(lab: DiskLab) -> None:
    lost, sound = lab.disk(), lab.disk()
    before = set(os.listdir(lab.folder() / "layers"))
    lab.fill(lost, noise(3, 8 * MIB))
    for name in set(os.listdir(lab.folder() / "layers")) - before:
        (lab.folder() / "layers" / name).unlink()
    lab.fill(sound, noise(4, 8 * MIB))
    task = lab.task()
    assert lab.request("GET", lab.path("export_raw_vdi", vdi=lost, task_id=task)).status == 500
    assert lab.outcome(task)["error_info"][0] == "SR_BACKEND_FAILURE_46"
    vm = lab.running_vm()
    vbd = lab.device(vm, lost)
    assert refused(lab.api.VBD.plug, vbd)[0] == "SR_BACKEND_FAILURE_46"
    lab.api.VM.hard_shutdown(vm)
    assert refused(lab.api.VM.start, vm, False, False)[0] == "SR_BACKEND_FAILURE_46"
    lab.api.SR.scan(lab.sr)
    assert lab.content(sound) == noise(4, 8 * MIB)
    lab.api.VDI.destroy(lost)
    lab.api.VM.start(vm, False, False)
    lab.api.VM.hard_shutdown(vm)
    assert lab.disagreements() == []


def test_an_image_that_ends_early(lab: DiskLab, tmp_path: Path) -> None:
    source, target, task = lab.disk(), lab.disk(), lab.task()
    lab.fill(source, noise(5, 8 * MIB))
    lab.fill(target, noise(6, 2 * MIB))
    half = lab.content(source, "vhd")[: 3 * MIB]
    assert lab.send(lab.path("import_raw_vdi", vdi=target, format="vhd", task_id=task), half).status == 200
    assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
    assert len(lab.content(target)) == 8 * MIB
    # The same as a file put there by hand: what is missing cannot be read, and is not made up.
    sr = lab.api.SR.create(lab.host, {"location": str(tmp_path)}, "0", "x", "", "file", "", False, {})
    (tmp_path / "half.vhd").write_bytes(half)
    lab.api.SR.scan(sr)
    for vdi in lab.api.SR.get_VDIs(sr):
        task = lab.task()
        lab.request("GET", lab.path("export_raw_vdi", vdi=vdi, task_id=task))
        assert lab.outcome(task)["status"] == "failure"
    assert lab.content(source) == noise(5, 8 * MIB)


def test_a_medium_that_refuses_writes(tmp_path: Path) -> None:
    with disk_lab(tmp_path) as lab:
        vdi = lab.disk(64 * MIB)
        lab.fill(vdi, noise(7, MIB))
        assert lab.server.process is not None
        resource.prlimit(lab.server.process.pid, resource.RLIMIT_FSIZE, (32 * MIB, resource.RLIM_INFINITY))
        task = lab.task()
        path = lab.path("import_raw_vdi", vdi=vdi, chunked="1", task_id=task)
        body = (48 * MIB).to_bytes(8, "little") + MIB.to_bytes(4, "little") + noise(8, MIB) + bytes(12)
        assert lab.send(path, body).status == 200
        assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
        other = lab.disk(64 * MIB)
        lab.fill(other, noise(9, MIB))
        assert lab.content(vdi)[:MIB] == noise(7, MIB)
        # A copy that cannot be written goes again.
        resource.prlimit(lab.server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        lab.put_chunks(vdi, (48 * MIB, noise(8, MIB)))
        before = set(lab.api.VDI.get_all())
        resource.prlimit(lab.server.process.pid, resource.RLIMIT_FSIZE, (32 * MIB, resource.RLIM_INFINITY))
        assert refused(lab.api.VDI.copy, vdi, lab.sr, "OpaqueRef:NULL", "OpaqueRef:NULL")[0] == "VDI_IO_ERROR"
        assert set(lab.api.VDI.get_all()) == before
        assert lab.disagreements() == []


def test_a_folder_that_is_not_there_when_the_server_starts(tmp_path: Path) -> None:
    place = tmp_path / "share"
    place.mkdir()
    with disk_lab(tmp_path) as lab:
        sr = lab.api.SR.create(lab.host, {"location": str(place)}, "0", "share", "", "file", "", False, {})
        vdi = lab.disk(2 * MIB, sr)
        lab.fill(vdi, noise(10, 2 * MIB))
        shutil.move(place, tmp_path / "away")
        assert refused(lab.api.SR.scan, sr)[0] == "SR_BACKEND_FAILURE_47"
        lab.server.stop()
        lab.server.start()
        with lab.server.session() as session:
            lab = DiskLab(lab.server, session)
            (pbd,) = lab.api.SR.get_PBDs(sr)
            assert not lab.api.PBD.get_currently_attached(pbd)
            names = [message["name"] for message in lab.api.message.get_all_records().values()]
            assert "PBD_PLUG_FAILED_ON_SERVER_START" in names
            assert refused(lab.api.PBD.plug, pbd)[0] == "SR_BACKEND_FAILURE_47"
            assert lab.api.VDI.get_SR(vdi) == sr
            shutil.move(tmp_path / "away", place)
            lab.api.PBD.plug(pbd)
            assert lab.content(vdi) == noise(10, 2 * MIB)
            lab.content(lab.disk())
