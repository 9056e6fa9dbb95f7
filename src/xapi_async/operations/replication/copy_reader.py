"""Copies of databases on disks: finding the newest whole one, and reading it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from xapi_async.objects.copy_format import (
    HALVES,
    LEAD,
    RECORD_HEAD,
    Lead,
    RecordHead,
    half_size,
    is_whole,
    read_head,
    read_lead,
    unpacked,
)
from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.journal import MemoryJournal
from xapi_async.objects.recovery import Recovered
from xapi_async.objects.replay import replay
from xapi_async.objects.reviving import Reviving
from xapi_async.objects.store import Store
from xapi_async.storage.driver import Image

LARGEST_COPY = 4 << 30
"""Bytes that a copy may hold, unpacked; whoever made the disk could say anything."""

_WINDOW = 1 << 20
"""Bytes read at once."""

_Record = tuple[RecordHead, bytes]


class FoundCopy(NamedTuple):
    """A whole copy. generation: of the database, as of the last commit in it."""

    half: int
    lead: Lead
    generation: int


async def find_leads(image: Image) -> list[tuple[int, Lead]]:
    """The halves that say that they hold a copy, the newest first. Raises OSError."""
    size = half_size(image.size)
    if size <= LEAD:
        return []
    blocks = [(half, await image.read(half * size, LEAD)) for half in HALVES]
    found = [(half, lead) for half, block in blocks if (lead := read_lead(block)) is not None]
    return sorted(found, key=lambda one: one[1].sequence, reverse=True)


async def find_copy(image: Image) -> FoundCopy | None:
    """The newest whole copy on a disk; None where there is none. Raises OSError."""
    for half, lead in await find_leads(image):
        count, generation = 0, lead.generation
        async for batch in _batches(image, half, lead):
            count += len(batch)
            generation = max(generation, batch[-1][0].generation)
        if count >= lead.records:
            return FoundCopy(half, lead, generation)
    return None


async def read_copy(image: Image) -> Store:
    """A store with what the newest whole copy on a disk holds; only to be read. Raises DatabaseError and OSError."""
    for half, lead in await find_leads(image):
        objects = Reviving()
        count = size = 0
        async for batch in _batches(image, half, lead):
            count += len(batch)
            size += sum(head.size for head, _ in batch)
            if size > LARGEST_COPY:
                raise DatabaseError("the copy is larger than any that could be read here")
            await asyncio.to_thread(_replay, batch, objects)
        if count >= lead.records:
            return await asyncio.to_thread(_store, objects, lead)
    raise DatabaseError("the disk holds no whole copy of a pool's database")


async def _batches(image: Image, half: int, lead: Lead) -> AsyncIterator[Sequence[_Record]]:
    """The records of a half, in order, up to the first that is not whole."""
    size = half_size(image.size)
    start, offset, number = half * size, LEAD, 0
    while offset + RECORD_HEAD <= size:
        data = await image.read(start + offset, min(_WINDOW, size - offset))
        head = read_head(data)
        if head is None or offset + RECORD_HEAD + head.packed > size:
            return
        if RECORD_HEAD + head.packed > len(data):
            data = await image.read(start + offset, RECORD_HEAD + head.packed)
        batch = await asyncio.to_thread(_whole, data, number, lead.nonce)
        if not batch:
            return
        yield batch
        number += len(batch)
        offset += sum(RECORD_HEAD + found.packed for found, _ in batch)


def _whole(data: bytes | bytearray, number: int, nonce: int) -> Sequence[_Record]:
    """The whole records at the beginning of some bytes. number: of the first one."""
    found: list[_Record] = []
    place = 0
    while (head := read_head(data, place)) is not None:
        packed = bytes(data[place + RECORD_HEAD : place + RECORD_HEAD + head.packed])
        if len(packed) < head.packed or not is_whole(head, packed, number, nonce):
            break
        found.append((head, packed))
        place += RECORD_HEAD + head.packed
        number += 1
    return found


def _replay(batch: Sequence[_Record], objects: Reviving) -> None:
    try:
        replay((unpacked(head, packed) for head, packed in batch), objects)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DatabaseError(f"the copy holds something else than a database ({error})") from error


def _store(objects: Reviving, lead: Lead) -> Store:
    try:
        entities = sorted(objects.entities.values(), key=lambda entity: entity.modified)
        newest = max(lead.generation, entities[-1].modified if entities else 0)
        store = Store(MemoryJournal(), newest)
        Recovered(entities, newest, 0, 0).fill(store)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DatabaseError(f"the copy holds something else than a database ({error})") from error
    return store
