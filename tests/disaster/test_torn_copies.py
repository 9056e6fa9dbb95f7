"""Whenever the power goes while a copy is written, a whole one is left, with all that was durable by then."""

from __future__ import annotations

import random
from typing import cast

import pytest

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vm import VM
from xapi_async.objects.copy_format import LEAD, RECORD_HEAD, half_size
from xapi_async.objects.entity import new_entity
from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.journal import JournalEntry, encoded
from xapi_async.operations.replication.copy_reader import find_copy, read_copy
from xapi_async.operations.replication.copy_writer import CopyWriter, NoRoomError
from xapi_async.storage.driver import Image
from xapi_async.storage.kept_bytes import KeptBytes

SIZE = 1 << 20
POOL = cast(Pool, new_entity(Pool, "OpaqueRef:pool", {"uuid": "11111111-2222-4333-8444-555555555555"}))


class RecordingImage:
    """A disk in memory that remembers all writes. writes: each with how often was flushed before."""

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.content = KeptBytes()
        self.writes: list[tuple[int, int, bytes]] = []
        self.flushes = 0

    async def read(self, offset: int, length: int) -> bytes:
        assert offset + length <= self.size
        return self.content.read(offset, length)

    async def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        assert offset + len(data) <= self.size
        self.content.write(offset, data)
        self.writes.append((self.flushes, offset, bytes(data)))

    async def write_zeros(self, offset: int, length: int) -> None:
        await self.write(offset, bytes(length))

    async def flush(self) -> None:
        self.flushes += 1


def as_image(image: RecordingImage) -> Image:
    return cast(Image, image)


def made(number: int, generation: int) -> JournalEntry:
    return "add", generation, "VM", f"OpaqueRef:{number}", {"uuid": f"uuid-{number}", "name_label": f"vm {number}"}


def renamed(number: int, generation: int, name: str) -> JournalEntry:
    return "mod", generation, "VM", f"OpaqueRef:{number}", {"name_label": name}


async def names(image: RecordingImage) -> list[str]:
    return sorted(vm.name_label for vm in (await read_copy(as_image(image))).all(VM))


async def history(image: RecordingImage) -> list[tuple[int, list[str]]]:
    """Fill both halves, the first one twice; gives what the disk held and after how many flushes."""
    writer, disk = CopyWriter(), as_image(image)
    held: list[tuple[int, list[str]]] = []
    vms: dict[int, str] = {}
    generation = 1
    for turn in range(3):
        vms[turn] = f"vm {turn}"
        generation += 10
        await writer.begin(disk, generation)
        for number in vms:
            await writer.add_objects(disk, [made(number, generation)])
            await writer.add_objects(disk, [renamed(number, generation, vms[number])])
        await writer.finish(disk, POOL)
        held.append((image.flushes, sorted(vms.values())))
        for change in range(2):
            generation += 1
            vms[turn] = f"vm {turn} renamed {change}"
            await writer.add_commits(disk, encoded([renamed(turn, generation, vms[turn])]), generation)
            held.append((image.flushes, sorted(vms.values())))
    return held


async def test_the_power_goes_at_any_moment() -> None:
    image, rng = RecordingImage(), random.Random(1)
    held = await history(image)
    assert await names(image) == held[-1][1]
    assert len({offset // half_size(SIZE) for _, offset, _ in image.writes}) == 2
    for end in range(len(image.writes) + 1):
        for _ in range(4):
            flushed = image.writes[end - 1][0] if end else 0
            left = RecordingImage()
            for flushes, offset, data in image.writes[:end]:
                # What was not flushed may be there, or be missing, or be there in part.
                kept = len(data) if flushes < flushed else rng.choice((0, len(data), rng.randrange(len(data))))
                left.content.write(offset, data[:kept])
            durable = [state for flushes, state in held if flushes <= flushed]
            # The write that makes a state is the last one before its flush.
            coming = [state for flushes, state in held if flushes == flushed + 1]
            if durable:
                assert await names(left) in (durable[-1], *coming)
            elif await find_copy(as_image(left)) is not None:
                assert await names(left) in coming


async def test_a_damaged_record_ends_what_is_read() -> None:
    image = RecordingImage()
    writer, disk = CopyWriter(), as_image(image)
    await writer.begin(disk, 1)
    await writer.add_objects(disk, [made(0, 1)])
    await writer.finish(disk, POOL)
    for change in range(3):
        await writer.add_commits(disk, encoded([renamed(0, 2 + change, f"renamed {change}")]), 2 + change)
    found = await find_copy(disk)
    assert found is not None
    assert (found.generation, found.lead.pool_uuid, found.lead.api_version) == (4, POOL.uuid, "2.9")
    _, offset, _ = image.writes[-1]
    await image.write(offset + RECORD_HEAD, b"\xff")
    assert await names(image) == ["renamed 1"]
    _, first, _ = image.writes[1]
    await image.write(first + RECORD_HEAD, b"\xff")
    assert await find_copy(disk) is None
    with pytest.raises(DatabaseError):
        await read_copy(disk)


async def test_a_database_too_large_for_the_disk() -> None:
    image = RecordingImage(2 * (64 << 10))
    writer, disk, rng = CopyWriter(), as_image(image), random.Random(1)
    await writer.begin(disk, 1)
    await writer.add_objects(disk, [made(0, 1)])
    await writer.finish(disk, POOL)
    await writer.begin(disk, 2)
    large: list[JournalEntry] = [("add", 2, "VM", f"{n}", {"name_label": rng.randbytes(4096).hex()}) for n in range(20)]
    await writer.add_objects(disk, large[:1])
    with pytest.raises(NoRoomError):
        await writer.add_objects(disk, large)
    assert writer.is_filling
    assert await names(image) == ["vm 0"]
    await writer.begin(disk, 3)  # again, and still not over the one that is whole
    assert await names(image) == ["vm 0"]


async def test_disks_that_hold_something_else() -> None:
    image = RecordingImage()
    for content in (b"", b"POOLCOPY", b"POOLCOPY\xff\xff\xff\xff", random.Random(1).randbytes(2 * LEAD)):
        await image.write(0, content)
        assert await find_copy(as_image(image)) is None
    small = RecordingImage(512)
    assert await find_copy(as_image(small)) is None
