"""Copies of disks, byte for byte: whole ones, into disks that hold something already, and only what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client import refused
from tests.disks_live.lab import MIB, DiskLab, noise

NULL = "OpaqueRef:NULL"
FULL = noise(1, 4 * MIB)


@pytest.fixture
def other_sr(lab: DiskLab, tmp_path: Path) -> str:
    """Another SR, of the host's own."""
    return str(lab.api.SR.create(lab.host, {"location": str(tmp_path)}, "0", "other", "", "file", "", False, {}))


@pytest.fixture
def source(lab: DiskLab) -> str:
    """A disk with holes."""
    vdi = lab.disk(4 * MIB)
    lab.put_chunks(vdi, (MIB, noise(2, 4096)))
    return vdi


def filled(lab: DiskLab, sr: str = "", size: int = 4 * MIB) -> str:
    vdi = lab.disk(size, sr)
    lab.fill(vdi, FULL)
    return vdi


def test_into_a_disk_that_holds_something(lab: DiskLab, source: str, other_sr: str) -> None:
    for sr in ("", other_sr):
        target = filled(lab, sr, 8 * MIB)
        lab.put_chunks(target, (5 * MIB, b"beyond"))
        assert lab.api.VDI.copy(source, NULL, NULL, target) == target
        content = lab.content(target)
        assert content[: 4 * MIB] == lab.content(source)
        assert content[5 * MIB : 5 * MIB + 6] == b"beyond"
    assert refused(lab.api.VDI.copy, target, NULL, NULL, source) == ["VDI_TOO_SMALL", source, str(8 * MIB)]


def test_only_what_differs(lab: DiskLab) -> None:
    vdi = filled(lab)
    base = lab.api.VDI.snapshot(vdi)
    earlier = lab.api.VDI.copy(base, lab.sr)
    lab.put_chunks(vdi, (MIB, bytes(65536)), (3 * MIB + 5, b"changed"))
    used = int(lab.api.VDI.get_physical_utilisation(earlier))
    assert lab.api.VDI.copy(vdi, NULL, base, earlier) == earlier
    assert lab.content(earlier) == lab.content(vdi)
    assert int(lab.api.VDI.get_physical_utilisation(earlier)) == used
    # A new disk has nothing but the difference.
    part = lab.api.VDI.copy(vdi, lab.sr, base, NULL)
    content, whole = lab.content(part), lab.content(vdi)
    assert content[3 * MIB : 3 * MIB + 65536] == whole[3 * MIB : 3 * MIB + 65536]
    assert content[:MIB] == bytes(MIB)


def test_a_base_in_another_sr_saves_nothing_and_spoils_nothing(lab: DiskLab, source: str, other_sr: str) -> None:
    base = filled(lab, other_sr)
    target = filled(lab)
    assert lab.api.VDI.copy(source, NULL, base, target) == target
    assert lab.content(target) == lab.content(source)


def test_a_copy_onto_itself_changes_nothing(lab: DiskLab, source: str) -> None:
    before = lab.content(source)
    assert lab.api.VDI.copy(source, NULL, NULL, source) == source
    assert lab.content(source) == before
    assert lab.disagreements() == []


def test_read_only_raw_disks_stay_so_when_they_are_cloned(lab: DiskLab) -> None:
    raw = lab.disk(4 * MIB, sm_config={"type": "raw"}, read_only=True)
    clone = lab.api.VDI.clone(raw)
    assert lab.api.VDI.get_read_only(clone)
    lab.api.SR.scan(lab.sr)
    assert lab.api.VDI.get_read_only(clone)
    copy = lab.api.VDI.copy(raw, lab.sr)
    assert not lab.api.VDI.get_read_only(copy)


def test_a_disk_with_the_uuid_of_another_srs(lab: DiskLab, other_sr: str, tmp_path: Path) -> None:
    vdi = filled(lab)
    uuid = lab.uuid(vdi)
    (tmp_path / f"{uuid}.raw").write_bytes(noise(3, MIB))
    lab.api.SR.scan(other_sr)
    (found,) = lab.api.SR.get_VDIs(other_sr)
    assert lab.api.VDI.get_location(found) == uuid
    assert lab.uuid(found) != uuid
    assert lab.content(found) == noise(3, MIB)
    assert lab.content(vdi) == FULL
    snapshot = lab.api.VDI.snapshot(found)
    lab.api.SR.scan(other_sr)
    assert set(lab.api.SR.get_VDIs(other_sr)) == {found, snapshot}
    assert lab.api.VDI.get_snapshot_of(snapshot) == found
    lab.api.VDI.destroy(vdi)
    another = lab.api.VDI.snapshot(found)
    lab.api.SR.scan(other_sr)
    assert set(lab.api.SR.get_VDIs(other_sr)) == {found, snapshot, another}
