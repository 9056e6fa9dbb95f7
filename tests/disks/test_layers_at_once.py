"""A disk that is written while snapshots of it are taken, read, destroyed and merged, all at the same time."""

from __future__ import annotations

import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.disks.test_layers import content, folder_at, merge_all
from xapi_async.storage.disk_folder import ChainTooLongError, DiskFolder
from xapi_async.storage.index import DiskEntry
from xapi_async.storage.layers import BLOCK

PLACES = 37
WRITES = 250
STEP = BLOCK // 2 + 8  # some writes cross blocks, many share one


def numbers(data: bytes) -> list[int]:
    return [struct.unpack_from(">Q", data, place * STEP)[0] for place in range(PLACES)]


def assert_some_moment(data: bytes) -> int:
    """The disk must be as it was after some number of the writes; gives that number."""
    found = numbers(data)
    last = max(found)
    expected = [last - (last - place) % PLACES for place in range(PLACES)]
    assert found == [max(0, number) for number in expected]
    return last


def test_every_snapshot_and_view_is_of_one_moment(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    folder.create("a", DiskEntry(64 * BLOCK, ""))
    written = threading.Event()

    def write() -> None:
        try:
            for number in range(1, WRITES + 1):
                with folder.opened("a") as disk:
                    disk.write(number % PLACES * STEP, struct.pack(">Q", number))
        finally:
            written.set()

    def snapshot() -> int:
        taken = seen = 0
        while not written.is_set() or not taken:
            name = f"s{taken}"
            try:
                folder.snapshot("a", name, {})
            except ChainTooLongError:
                continue
            moment = assert_some_moment(content(folder, name))
            assert moment >= seen
            with folder.viewed("a") as view:
                first, second = bytearray(view.size), bytearray(view.size)
                view.read_into(0, memoryview(first))
                view.read_into(0, memoryview(second))
                assert first == second
                assert assert_some_moment(bytes(first)) >= moment
            assert assert_some_moment(content(folder, name)) == moment
            seen, taken = moment, taken + 1
            folder.destroy(name)
        return taken

    def merge() -> None:
        while not written.is_set():
            merge_all(folder)

    with ThreadPoolExecutor() as pool:
        work = [pool.submit(call) for call in (write, snapshot, merge)]
        for item in work:
            item.result(120)
    merge_all(folder)
    assert len(folder.index.layers) == 1
    assert assert_some_moment(content(folder, "a")) == WRITES
    assert content(reopened(folder), "a") == content(folder, "a")


def reopened(folder: DiskFolder) -> DiskFolder:
    folder.close()
    return folder_at(folder.path)
