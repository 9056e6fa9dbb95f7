"""Disks in a folder: what is written is read back, whatever snapshots, clones, merges and crashes come between."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path

import pytest

from xapi_async.storage.disk_folder import ChainTooLongError, DiskFolder, NoSuchDiskError, NotTrackedError
from xapi_async.storage.index import DiskEntry
from xapi_async.storage.layers import BLOCK, OwnLayer
from xapi_async.storage.merging import find_pair, merge

SIZE = 64 * BLOCK


def folder_at(path: Path) -> DiskFolder:
    names = itertools.count()
    return DiskFolder(path, lambda: f"{next(names)}-{os.urandom(4).hex()}")


@pytest.fixture
def folder(tmp_path: Path) -> DiskFolder:
    folder = folder_at(tmp_path)
    folder.create("a", DiskEntry(SIZE, ""))
    return folder


def content(folder: DiskFolder, uuid: str) -> bytes:
    with folder.viewed(uuid) as view:
        buffer = bytearray(view.size)
        view.read_into(0, memoryview(buffer))
        return bytes(buffer)


def write(folder: DiskFolder, uuid: str, offset: int, data: bytes) -> None:
    with folder.opened(uuid) as disk:
        disk.write(offset, data)


def merge_all(folder: DiskFolder) -> None:
    while pair := find_pair(folder):
        merge(folder, pair)


def files(folder: DiskFolder) -> set[str]:
    return {path.name for path in (folder.path / "layers").iterdir()}


def test_an_empty_disk_takes_no_space_and_reads_as_zeros(folder: DiskFolder) -> None:
    assert content(folder, "a") == bytes(SIZE)
    assert folder.utilisation("a") == 0
    write(folder, "a", 0, bytes(SIZE))
    assert folder.utilisation("a") == 0


def test_a_snapshot_stays_as_it_was(folder: DiskFolder) -> None:
    write(folder, "a", 100, b"before")
    folder.snapshot("a", "s", {})
    write(folder, "a", 102, b"after")
    assert content(folder, "s")[100:110] == b"before\0\0\0\0"
    assert content(folder, "a")[100:110] == b"beafter\0\0\0"


def test_zeros_cover_what_a_snapshot_holds(folder: DiskFolder) -> None:
    write(folder, "a", 0, b"x" * (3 * BLOCK))
    folder.snapshot("a", "s", {})
    with folder.opened("a") as disk:
        disk.write_zeros(10, 3 * BLOCK - 20)
    assert content(folder, "a")[: 3 * BLOCK] == b"x" * 10 + bytes(3 * BLOCK - 20) + b"x" * 10
    assert content(folder, "s")[: 3 * BLOCK] == b"x" * (3 * BLOCK)


def test_any_order_of_operations_gives_what_plain_memory_gives(tmp_path: Path) -> None:
    """Random writes, snapshots, removals, merges and restarts, against a model in memory."""
    rng = random.Random(7)
    folder = folder_at(tmp_path)
    folder.create("0", DiskEntry(SIZE, ""))
    model = {"0": bytearray(SIZE)}
    for step in range(1, 400):
        uuid = rng.choice(sorted(model))
        match rng.randrange(9):
            case 0 | 1 | 2 | 3:
                offset = rng.randrange(SIZE)
                length = min(SIZE - offset, rng.choice((1, 511, BLOCK, 5 * BLOCK)))
                data = bytes(length) if rng.random() < 0.3 else rng.randbytes(length)
                write(folder, uuid, offset, data)
                model[uuid][offset : offset + length] = data
            case 4 | 5:
                if len(model) < 8:
                    folder.snapshot(uuid, str(step), {})
                    model[str(step)] = bytearray(model[uuid])
            case 6:
                if len(model) > 2:
                    folder.destroy(uuid)
                    del model[uuid]
            case 7:
                if pair := find_pair(folder):
                    merge(folder, pair)
            case 8:
                folder = folder_at(tmp_path)
        check = rng.choice(sorted(model))
        assert content(folder, check) == model[check], step
    for uuid in sorted(model)[1:]:
        folder.destroy(uuid)
    merge_all(folder)
    assert len(folder.index.layers) <= 1


@pytest.mark.parametrize(("before", "after"), [(40, 2), (2, 40)])
def test_layers_of_destroyed_snapshots_are_merged(folder: DiskFolder, before: int, after: int) -> None:
    write(folder, "a", 0, b"1" * (before * BLOCK))
    folder.snapshot("a", "s", {})
    write(folder, "a", BLOCK, b"2" * (after * BLOCK))
    expected = content(folder, "a")
    folder.destroy("s")
    assert len(folder.index.layers) == 2
    merge_all(folder)
    assert len(folder.index.layers) == 1
    assert len(files(folder)) == 2
    assert content(folder, "a") == expected
    assert content(folder_at(folder.path), "a") == expected


def test_a_view_stays_as_it_was_through_writes_and_merges(folder: DiskFolder) -> None:
    write(folder, "a", 0, b"1" * (4 * BLOCK))
    folder.snapshot("a", "s", {})
    write(folder, "a", 0, b"2" * BLOCK)
    expected = content(folder, "a")
    with folder.viewed("a") as view:
        folder.destroy("s")
        merge_all(folder)
        write(folder, "a", 0, b"3" * (4 * BLOCK))
        merge_all(folder)
        buffer = bytearray(SIZE)
        view.read_into(0, memoryview(buffer))
        assert bytes(buffer) == expected
    merge_all(folder)
    assert content(folder, "a")[: 4 * BLOCK] == b"3" * (4 * BLOCK)
    assert len(folder.index.layers) == 1


def test_an_interrupted_merge_changes_nothing(folder: DiskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "a", 0, b"1" * (9 * BLOCK))
    folder.snapshot("a", "s", {})
    write(folder, "a", 4 * BLOCK, b"2" * (9 * BLOCK))
    expected = content(folder, "a")
    folder.destroy("s")
    pair = find_pair(folder)
    assert pair is not None
    original, count = OwnLayer.write, itertools.count()

    def failing(self: OwnLayer, offset: int, buffer: bytes) -> None:
        if next(count) == 3:
            raise OSError(28, "No space left on device")
        original(self, offset, buffer)

    monkeypatch.setattr(OwnLayer, "write", failing)
    with pytest.raises(OSError, match="No space"):
        merge(folder, pair)
    assert content(folder, "a") == expected
    again = folder_at(folder.path)
    assert content(again, "a") == expected
    merge_all(again)
    assert content(again, "a") == expected


def test_what_was_flushed_survives_and_what_was_interrupted_leaves_nothing(folder: DiskFolder) -> None:
    write(folder, "a", 5, b"kept")
    folder.create("copy", DiskEntry(SIZE, "", unfinished=True))
    write(folder, "copy", 0, b"half a copy" * BLOCK)
    (folder.path / "layers" / "lost.data").write_bytes(b"x")
    (folder.path / "layers" / "lost.map").write_bytes(b"x")
    (folder.path / "layers" / "not ours.txt").write_bytes(b"x")
    again = folder_at(folder.path)
    assert content(again, "a")[5:9] == b"kept"
    with pytest.raises(NoSuchDiskError):
        again.entry("copy")
    layer = again.entry("a").layer
    assert files(again) == {f"{layer}.data", f"{layer}.map", "not ours.txt"}


def test_bytes_forgotten_by_a_crash_do_not_come_back(folder: DiskFolder) -> None:
    """Data reached the file but its bit did not: the block still reads as before, also after zeros were written."""
    write(folder, "a", 8 * BLOCK, b"below" * BLOCK)
    folder.snapshot("a", "s", {})
    write(folder, "a", 0, b"top")
    layer = folder.entry("a").layer
    with (folder.path / "layers" / f"{layer}.data").open("r+b") as file:
        file.seek(8 * BLOCK)
        file.write(b"?" * BLOCK)
    again = folder_at(folder.path)
    assert content(again, "a")[8 * BLOCK : 8 * BLOCK + 5] == b"below"
    write(again, "a", 8 * BLOCK, bytes(BLOCK))
    assert content(again, "a")[8 * BLOCK : 9 * BLOCK] == bytes(BLOCK)


def test_changed_blocks_are_those_written_between_two_snapshots(folder: DiskFolder) -> None:
    folder.track("a")
    write(folder, "a", 0, b"x")
    folder.snapshot("a", "s1", {})
    write(folder, "a", 3 * BLOCK - 1, b"xy")
    folder.snapshot("a", "s2", {})
    write(folder, "a", 63 * BLOCK, b"z")

    def changed(older: str, newer: str, source: DiskFolder = folder) -> set[int]:
        bits = source.changed(older, newer)
        assert len(bits) == 8
        return {block for block in range(64) if bits[block // 8] & (0x80 >> block % 8)}

    assert changed("s1", "s2") == {2, 3}
    assert changed("s2", "a") == {63}
    assert changed("s1", "a") == {2, 3, 63}
    folder.destroy_data("s2")
    assert changed("s1", "s2") == {2, 3}
    for older, newer in (("s2", "s1"), ("a", "a")):
        with pytest.raises(NotTrackedError):
            folder.changed(older, newer)
    folder.destroy("s2")
    assert changed("s1", "a") == {2, 3, 63}
    assert changed("s1", "a", folder_at(folder.path)) == {2, 3, 63}
    folder.stop_tracking("a")
    with pytest.raises(NotTrackedError):
        folder.changed("s1", "a")
    folder.destroy("s1")
    assert not [name for name in files(folder) if name.endswith(".log")]


def test_too_many_snapshots_of_snapshots_are_refused_until_merged(folder: DiskFolder) -> None:
    for number in range(30):
        write(folder, "a", number * BLOCK, b"x")
        if number < 29:
            folder.snapshot("a", f"s{number}", {})
    with pytest.raises(ChainTooLongError):
        folder.snapshot("a", "last", {})
    for number in range(29):
        folder.destroy(f"s{number}")
    merge_all(folder)
    folder.snapshot("a", "last", {})
    assert all(content(folder, "last")[number * BLOCK : number * BLOCK + 1] == b"x" for number in range(30))
