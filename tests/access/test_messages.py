"""Messages: notices about objects, kept beside the store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.access.conftest import House, MemoryLog
from xapi_async.datamodel.classes import Host, Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.database import open_database
from xapi_async.operations import message
from xapi_async.operations.notices import Messages


@pytest.fixture
async def messages(house: House) -> Messages:
    return await Messages.open(MemoryLog(), house.clock)


async def _call(house: House, messages: Messages, name: str, *args: Any) -> Any:
    return await message.handlers(messages)[f"message.{name}"](house.context(), *args)


async def _failure(awaitable: Any) -> list[str]:
    with pytest.raises(ApiError) as failure:
        await awaitable
    return failure.value.description


def _uuid(house: House) -> str:
    return house.store.get(Host, house.host).uuid


async def test_a_message_is_made_read_and_destroyed(house: House, messages: Messages) -> None:
    ref = await _call(house, messages, "create", "ANYTHING", 3, "Host", _uuid(house), "körper <&>")
    record = await _call(house, messages, "get_record", ref)
    assert record == {
        "uuid": record["uuid"],
        "name": "ANYTHING",
        "priority": 3,
        "cls": "Host",
        "obj_uuid": _uuid(house),
        "timestamp": "20180221T13:05:09Z",
        "body": "körper <&>",
    }
    assert await _call(house, messages, "get_by_uuid", record["uuid"]) == ref
    assert await _call(house, messages, "get_all") == (ref,)
    assert await _call(house, messages, "get_all_records") == {ref: record}
    assert await _call(house, messages, "get_all_records_where", "not ( an expression") == {ref: record}
    await _call(house, messages, "destroy", ref)
    assert await _call(house, messages, "get_all") == ()
    for name in ("destroy", "get_record"):
        assert await _failure(_call(house, messages, name, ref)) == ["HANDLE_INVALID", "message", ref]
    assert await _failure(_call(house, messages, "get_by_uuid", record["uuid"])) == [
        "UUID_INVALID",
        "message",
        record["uuid"],
    ]


async def test_messages_need_an_object_of_the_class(house: House, messages: Messages) -> None:
    uuid = _uuid(house)
    assert await _failure(_call(house, messages, "create", "X", 1, "VM", uuid, "")) == ["UUID_INVALID", "VM", uuid]
    assert await _failure(_call(house, messages, "get", "VM", uuid, "19700101T00:00:00Z")) == ["UUID_INVALID"]
    failure = await _failure(_call(house, messages, "create", "X", 1, "Host", uuid, "bad \x00"))
    assert failure[0] == "INVALID_VALUE"
    assert (await _failure(_call(house, messages, "get_since", "yesterday")))[0] == "INTERNAL_ERROR"
    assert (await _failure(_call(house, messages, "get", "Host", uuid, "2018-02-21")))[0] == "INTERNAL_ERROR"


async def test_since_counts_whole_seconds_for_one_object_and_fractions_for_all(
    house: House, messages: Messages
) -> None:
    house.clock.time = 1_519_218_309.5
    ref = await messages.post("X", 3, "Host", _uuid(house), "")
    now = "20180221T13:05:09Z"
    assert list(await _call(house, messages, "get_since", now)) == [ref]
    assert await _call(house, messages, "get", "Host", _uuid(house), now) == {}
    earlier = "20180221T13:05:08Z and what follows"
    assert list(await _call(house, messages, "get", "Host", _uuid(house), earlier)) == [ref]
    pool = next(iter(house.store.all(Pool))).uuid
    assert await _call(house, messages, "get", "Pool", pool, earlier) == {}


async def test_at_most_ten_thousand_are_kept(house: House) -> None:
    messages = await Messages.open(MemoryLog(), house.clock)
    first = await messages.post("X", 3, "Host", _uuid(house), "the first")
    await asyncio.gather(*(messages.post("X", 3, "Host", _uuid(house), "") for _ in range(10_000)))
    assert len(messages.newest_first()) == 10_001
    generation = messages.generation
    await messages.trim()
    assert len(messages.newest_first()) == 10_000
    assert first is not None
    assert messages.find(first) is None
    assert [ref for _, ref in messages.removed_since(generation)] == [first]


async def test_messages_and_their_generations_outlive_a_restart(house: House) -> None:
    kept = MemoryLog()
    messages = await Messages.open(kept, house.clock)
    refs = [await messages.post("X", 3, "Host", "uuid", str(number)) for number in range(5)]
    await messages.remove(str(refs[-1]))
    seen = messages.generation
    again = await Messages.open(kept, house.clock)
    assert [notice.ref for notice in again.newest_first()] == list(reversed(refs[:-1]))
    assert again.generation >= seen
    assert again.since(3) == messages.since(3)
    new = await again.post("X", 3, "Host", "uuid", "new")
    assert [ref for _, ref, _ in again.since(seen)] == [new]


async def test_messages_are_kept_in_the_database(house: House, tmp_path: Path) -> None:
    async with open_database(tmp_path / "state.db") as database:
        messages = await Messages.open(database.log("messages"), house.clock)
        refs = await asyncio.gather(*(messages.post("X", 3, "Host", "uuid", "") for _ in range(100)))
        await messages.remove(str(refs[0]))
    async with open_database(tmp_path / "state.db") as database:
        again = await Messages.open(database.log("messages"), house.clock)
        assert [notice.ref for notice in again.newest_first()] == list(reversed(refs[1:]))


async def test_events_are_told_of_what_comes_and_goes(house: House, messages: Messages) -> None:
    told: list[int] = []
    stop = messages.listen(lambda: told.append(messages.generation))
    first = await messages.post("X", 3, "Host", "uuid", "")
    second = await messages.post("Y", 3, "Host", "uuid", "")
    assert [ref for _, ref, _ in messages.since(0)] == [second, first]
    assert [record["name"] for _, _, record in messages.since(1)] == ["Y"]
    await messages.remove(str(first))
    assert messages.removed_since(2) == [(3, first)]
    assert told == [1, 2, 3]
    stop()
    await messages.post("Z", 3, "Host", "uuid", "")
    assert told == [1, 2, 3]


async def test_a_message_that_cannot_be_kept_is_null(house: House) -> None:
    class Broken(MemoryLog):
        async def append(self, key: str, value: Any) -> None:
            raise OSError("the disk is full")

    messages = await Messages.open(Broken(), house.clock)
    assert await _call(house, messages, "create", "X", 1, "Host", _uuid(house), "") == NULL_REF
    assert messages.newest_first() == []
