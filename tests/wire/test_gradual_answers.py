"""Answers with more records than are written in one step."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support import memory_services
from xapi_async.datamodel.classes import VM
from xapi_async.datamodel.types import Map, Record, Ref
from xapi_async.objects.query import compile_query
from xapi_async.objects.store import Store
from xapi_async.objects.table import Selection
from xapi_async.operations.context import Origin
from xapi_async.rpc.call import EVENT_BATCH, Call, Event, EventBatch, Success
from xapi_async.rpc.event_batches import Batches, Token
from xapi_async.rpc.subscriptions import parse
from xapi_async.wire.gradual import AT_ONCE
from xapi_async.wire.kept import Kept
from xapi_async.wire.rpc_endpoint import Pending, Reply, RpcEndpoint
from xapi_async.wire.settings import WireSettings
from xapi_async.wire.xmlrpc import XmlEncoder

RECORDS = Map(Ref("VM"), Record("VM"))
MANY = 400
XML = b"<methodCall><methodName>VM.get_all_records</methodName><params></params></methodCall>"
JSON = b'{"jsonrpc":"2.0","method":"VM.get_all_records","params":[],"id":7}'


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with memory_services() as services:
        async with services.store.transaction() as tx:
            for number in range(MANY):
                tx.create(VM, name_label=f"vm {number}", is_a_template=number % 2 == 0)
        yield services.store


class Answering:
    """A dispatcher that gives the same to everybody."""

    def __init__(self, outcome: Callable[[], Success]) -> None:
        self._outcome = outcome

    def call(self, call: Call) -> Success:
        return self._outcome()


def endpoint_for(outcome: Callable[[], Success], budget: int = 1 << 28) -> RpcEndpoint:
    return RpcEndpoint(Answering(outcome), WireSettings(kept_record_bytes=budget))


def answer(endpoint: RpcEndpoint, body: bytes = XML) -> Any:
    return endpoint.answer(endpoint.read(body, "json" if body is JSON else "xml", Origin()))


def label_of(store: Store, number: int) -> str:
    (ref,) = store.by_name(VM, f"vm {number}")
    return ref


async def test_a_list_is_of_one_moment_however_long_it_takes_to_write(store: Store) -> None:
    records = Success(RECORDS, store.table(VM))
    endpoint = endpoint_for(lambda: records)
    pending = answer(endpoint)
    assert isinstance(pending, Pending)
    writing = asyncio.ensure_future(pending.reply)
    turns = 0
    while not writing.done():
        await asyncio.sleep(0)
        turns += 1
        if turns == 3:
            changed, gone = label_of(store, 1), label_of(store, 2)
            assert not writing.done()  # others have their turn
            async with store.transaction() as tx:
                tx.set(tx.get(VM, changed), name_label="changed")
                tx.delete(tx.get(VM, gone))
                tx.create(VM, name_label="new")
    seen = (await writing).joined()
    assert seen == XmlEncoder(Kept(0)).response(records)
    assert b"<value>changed</value>" in seen
    assert gone.encode() not in seen
    assert isinstance(answer(endpoint), Reply)  # what is written is kept


async def test_a_list_in_json(store: Store) -> None:
    endpoint = endpoint_for(lambda: Success(RECORDS, store.table(VM)))
    pending = answer(endpoint, JSON)
    assert isinstance(pending, Pending)
    seen = json.loads((await pending.reply).joined())
    assert seen["id"] == 7
    assert [record["name_label"] for record in seen["result"].values()] == [vm.name_label for vm in store.all(VM)]
    assert isinstance(answer(endpoint, JSON), Reply)


async def test_a_selection_is_made_again_for_the_moment_of_the_answer(store: Store) -> None:
    holds = compile_query(VM, 'field "is_a_template" = "true"')
    endpoint = endpoint_for(lambda: Success(RECORDS, Selection(store.table(VM), holds)))
    pending = answer(endpoint)
    assert isinstance(pending, Pending)
    left, came = label_of(store, 4), label_of(store, 5)
    async with store.transaction() as tx:
        tx.set(tx.get(VM, left), is_a_template=False)
        tx.set(tx.get(VM, came), is_a_template=True)
    seen = (await pending.reply).joined()
    assert seen == XmlEncoder(Kept(0)).response(Success(RECORDS, Selection(store.table(VM), holds)))
    assert left.encode() not in seen
    assert came.encode() in seen


async def test_a_batch_of_events(store: Store) -> None:
    told = [Event(vm.modified, "0.0", VM, "add", vm.ref, vm) for vm in store.table(VM).values()]
    batch = Success(EVENT_BATCH, EventBatch(told, {"vm": MANY}, "0001,0000"))
    endpoint = endpoint_for(lambda: batch)
    pending = answer(endpoint)
    assert isinstance(pending, Pending)
    assert (await pending.reply).joined() == XmlEncoder(Kept(0)).response(batch)


class NoMessages:
    """A pool without messages."""

    generation = 0

    def since(self, generation: int) -> list[Any]:
        return []

    def removed_since(self, generation: int) -> list[Any]:
        return []


@pytest.mark.parametrize("body", [XML, JSON], ids=["xml", "json"])
async def test_what_changes_while_many_events_are_written_is_told_again(store: Store, body: bytes) -> None:
    batches, wanted = Batches(store, NoMessages()), parse(["vm"])
    endpoint = endpoint_for(lambda: Success(EVENT_BATCH, batches.get(wanted, 0, 0)))
    pending = answer(endpoint, body)
    assert isinstance(pending, Pending)
    writing = asyncio.ensure_future(pending.reply)
    for _ in range(3):
        await asyncio.sleep(0)  # others have their turn
    assert not writing.done()
    changed, gone = [label_of(store, 1), label_of(store, MANY - 1)], label_of(store, 2)
    async with store.transaction() as tx:
        for ref in changed:
            tx.set(tx.get(VM, ref), name_label="changed")
        tx.delete(tx.get(VM, gone))
        new = tx.create(VM, name_label="new").ref
    text = (await writing).joined()
    assert text.count(b"OpaqueRef:") >= MANY
    found = re.search(rb"\d{20},\d{20}", text)
    assert found is not None
    again = batches.get(wanted, *Token.parse(found[0].decode()))
    told = {(event.operation, event.ref) for event in again.events}
    assert told == {("mod", ref) for ref in changed} | {("del", gone), ("add", new)}


async def test_many_who_ask_at_once_have_each_record_written_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = endpoint_for(lambda: Success(RECORDS, store.table(VM)))
    written: list[str] = []
    keep = Kept.keep

    def noted(self: Kept, entity: Any, form: Any, encoded: bytes) -> None:
        written.append(entity.ref)
        keep(self, entity, form, encoded)

    monkeypatch.setattr(Kept, "keep", noted)
    replies = await asyncio.gather(*(answer(endpoint).reply for _ in range(5)))
    assert len({reply.joined() for reply in replies}) == 1
    assert sorted(written) == sorted(store.table(VM))
    assert endpoint.pending == 0


async def test_what_does_not_fit_into_memory_is_written_nevertheless(store: Store) -> None:
    records = Success(RECORDS, store.table(VM))
    pending = answer(endpoint_for(lambda: records, budget=100_000))
    assert (await pending.reply).joined() == XmlEncoder(Kept(0)).response(records)


async def test_a_few_records_are_written_at_once(store: Store) -> None:
    endpoint = endpoint_for(lambda: Success(RECORDS, store.table(VM)))
    await answer(endpoint).reply
    async with store.transaction() as tx:
        for ref in [*store.table(VM)][:AT_ONCE]:
            tx.set(tx.get(VM, ref), name_label="changed")
    assert answer(endpoint).joined() == XmlEncoder(Kept(0)).response(Success(RECORDS, store.table(VM)))
