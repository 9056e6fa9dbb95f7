"""Answers as clients read them, in XML and in JSON."""

from __future__ import annotations

import gc
import json
import random
import xmlrpc.client
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.support import memory_services
from xapi_async.datamodel.classes import BY_NAME, CLASSES, SR, VBD, VM, Pool
from xapi_async.datamodel.enums import VBD_MODE
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import public_fields
from xapi_async.datamodel.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    STRING,
    STRING_MAP,
    STRING_SET,
    VOID,
    ApiType,
    Map,
    Record,
    Ref,
    Set,
)
from xapi_async.objects.entity import Entity, new_entity
from xapi_async.objects.store import Store
from xapi_async.rpc.call import ANY, EVENT_BATCH, EVENT_LIST, DateTime, Event, EventBatch, Failure, Success
from xapi_async.wire.call_format import Pieces
from xapi_async.wire.jsonrpc import JsonEncoder
from xapi_async.wire.kept import Kept
from xapi_async.wire.xmlrpc import XmlEncoder, value_encoder

RECORDS = Map(Ref("VM"), Record("VM"))


MEMBER = "<value><struct><member><name>{}</name>{}</member></struct></value>"
ARRAY = "<value><array><data>{}</data></array></value>"

VALUES: list[tuple[ApiType[Any], object, str]] = [
    (STRING, "", "<value></value>"),
    (STRING, '<a b="x">\'&\t\r\n', "<value>&lt;a b=&quot;x&quot;&gt;'&amp;\t\r\n</value>"),
    (STRING, "\x00\x1f\ufffe\ud800\u20ac", "<value>\u20ac</value>"),
    (Ref("VM"), "OpaqueRef:NULL", "<value>OpaqueRef:NULL</value>"),
    (VBD_MODE, "RO", "<value>RO</value>"),
    (INT, -9223372036854775808, "<value>-9223372036854775808</value>"),
    (BOOL, True, "<value><boolean>1</boolean></value>"),
    (BOOL, False, "<value><boolean>0</boolean></value>"),
    (FLOAT, 1.0, "<value><double>1</double></value>"),
    (FLOAT, 0.5, "<value><double>0.5</double></value>"),
    (FLOAT, 1 / 3, "<value><double>0.3333333333333333</double></value>"),
    (FLOAT, 1e20, "<value><double>1e+20</double></value>"),
    (FLOAT, float("nan"), "<value><double>nan</double></value>"),
    (FLOAT, float("inf"), "<value><double>inf</double></value>"),
    (DATETIME, "20180221T13:05:09Z", "<value><dateTime.iso8601>20180221T13:05:09Z</dateTime.iso8601></value>"),
    (VOID, None, "<value></value>"),
    (STRING_SET, (), ARRAY.format("")),
    (STRING_SET, ("a", "b"), ARRAY.format("<value>a</value><value>b</value>")),
    (STRING_SET, ("a", "<"), ARRAY.format("<value>a</value><value>&lt;</value>")),
    (Set(INT), (1, 2), ARRAY.format("<value>1</value><value>2</value>")),
    (STRING_MAP, {}, "<value><struct></struct></value>"),
    (STRING_MAP, {"<&": ">"}, MEMBER.format("&lt;&amp;", "<value>&gt;</value>")),
    (Map(INT, FLOAT), {1: 2.5}, MEMBER.format("1", "<value><double>2.5</double></value>")),
    (ANY, [1, "a", None], ARRAY.format("<value>1</value><value>a</value><value><nil/></value>")),
    (ANY, {"a": DateTime("x")}, MEMBER.format("a", "<value><dateTime.iso8601>x</dateTime.iso8601></value>")),
]


@pytest.mark.parametrize(("api_type", "value", "expected"), VALUES)
def test_values_in_xml(api_type: ApiType[Any], value: object, expected: str) -> None:
    assert value_encoder()(api_type, value) == expected


def test_a_failure_in_xml() -> None:
    body = XmlEncoder(Kept(0)).response(Failure(ApiError("HANDLE_INVALID", "VM", "OpaqueRef:<")))
    assert body == (
        b'<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name><value>Failure'
        b"</value></member><member><name>ErrorDescription</name><value><array><data><value>HANDLE_INVALID</value><value>"
        b"VM</value><value>OpaqueRef:&lt;</value></data></array></value></member></struct></value></param></params>"
        b"</methodResponse>"
    )


def test_envelopes_in_json() -> None:
    encoder = JsonEncoder(Kept(0))
    error = Failure(ApiError("CODE", "p", "\ud800"))
    assert encoder.response(1, b'"x"', Success(INT, 5)) == b'{"result":5,"error":null,"id":"x"}'
    assert encoder.response(2, b"[1]", Success(VOID, None)) == b'{"jsonrpc":"2.0","result":"","id":[1]}'
    assert encoder.response(1, b"0", error) == b'{"result":null,"error":["CODE","p","?"],"id":0}'
    assert json.loads(encoder.response(2, b"0", error)) == {
        "jsonrpc": "2.0",
        "error": {"code": 0, "message": "CODE", "data": ["p", "?"]},
        "id": 0,
    }
    values = Success(Map(INT, FLOAT), {1: 2.5})
    assert encoder.response(2, b"0", values) == b'{"jsonrpc":"2.0","result":{"1":2.5},"id":0}'


def read(body: bytes) -> Any:
    ((answer,), _) = xmlrpc.client.loads(body)
    assert answer["Status"] == "Success"  # type: ignore[index,call-overload]
    return answer["Value"]  # type: ignore[index,call-overload]


def expected_xml(value: Any) -> Any:
    if isinstance(value, bool | float):
        return value
    if isinstance(value, tuple | list):
        return [expected_xml(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): expected_xml(item) for key, item in value.items()}
    return str(value)


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls.FACTS.in_database], ids=lambda cls: cls.FACTS.name)
def test_the_record_of_every_class(cls: Any) -> None:
    entity = new_entity(cls, "OpaqueRef:a<b", {})
    names = [field.name for field in public_fields(cls)]
    values = {name: getattr(entity, name) for name in names}
    name = cls.FACTS.name
    xml, plain = XmlEncoder(Kept(1 << 20)), JsonEncoder(Kept(1 << 20))
    for record in (entity, entity, values):
        seen = read(xml.response(Success(Record(name), record)))
        assert list(seen) == names
        assert {key: str(item) for key, item in seen.items()} == {
            key: str(item) for key, item in expected_xml(values).items()
        }
        seen = json.loads(plain.response(1, b"1", Success(Record(name), record)))["result"]
        assert list(seen) == names
        assert seen == json.loads(json.dumps(values))
        records = Success(Map(Ref(name), Record(name)), {"OpaqueRef:a<b": record})
        assert list(read(xml.response(records))) == ["OpaqueRef:a<b"]
        assert json.loads(plain.response(2, b"1", records))["result"] == {"OpaqueRef:a<b": seen}


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with memory_services() as services:
        yield services.store


async def test_a_kept_record_goes_with_the_change_that_makes_it_stale(store: Store) -> None:
    kept = Kept(1 << 20)
    xml, plain = XmlEncoder(kept), JsonEncoder(kept)

    def names() -> tuple[Any, ...]:
        records = Success(RECORDS, store.table(VM))
        in_xml = read(xml.response(records)).values()
        in_json = json.loads(plain.response(1, b"1", records))["result"].values()
        return tuple((record["name_label"], record["VBDs"]) for record in (*in_xml, *in_json))

    async with store.transaction() as tx:
        vm = tx.create(VM, name_label="first")
    assert names() == (("first", []),) * 2
    kept_bytes = kept.used
    assert kept_bytes > 5000
    assert names() == (("first", []),) * 2
    assert kept.used == kept_bytes
    async with store.transaction() as tx:
        tx.set(tx.get(VM, vm.ref), name_label="second")
    assert kept.used == kept_bytes  # the last list is kept, and counted, until it is asked for again
    assert names() == (("second", []),) * 2
    gc.collect()
    assert kept.used == kept_bytes + 2
    async with store.transaction() as tx:
        vbd = tx.create(VBD, VM=vm.ref)
    assert names() == (("second", [vbd.ref]),) * 2
    async with store.transaction() as tx:
        tx.delete(tx.get(VBD, vbd.ref))
        tx.delete(tx.get(VM, vm.ref))
    assert names() == ()
    del vm, vbd, tx
    gc.collect()
    assert kept.used == 0


async def test_an_answer_with_a_record_is_kept_once_it_is_asked_for_again(store: Store) -> None:
    kept = Kept(1 << 20)
    xml = XmlEncoder(kept)
    async with store.transaction() as tx:
        vm = tx.create(VM, name_label="first")
    for name in ("second", "third"):
        async with store.transaction() as tx:
            tx.set(tx.get(VM, vm.ref), name_label=name)
        record = Success(Record("VM"), store.get(VM, vm.ref))
        once = xml.body(record)
        used = kept.used
        assert used < len(once)
        again = xml.body(record)
        assert kept.used == used + len(once)
        assert xml.body(record) is again
        assert again == once == XmlEncoder(Kept(0)).response(record)
        assert read(xml.response(record))["name_label"] == name


async def test_a_list_that_is_kept_up_is_the_one_that_would_be_made_anew(store: Store) -> None:
    chance = random.Random(7)
    kept = Kept(1 << 24)
    xml = XmlEncoder(kept)
    records = Success(RECORDS, store.table(VM))
    assert read(xml.response(records)) == {}
    for _ in range(60):
        async with store.transaction() as tx:
            for _ in range(chance.randrange(4)):
                tx.create(VM, name_label=f"<new> {chance.random()}")
            refs = tx.refs(VM)
            for ref in chance.sample(refs, min(len(refs), chance.randrange(4))):
                tx.set(tx.get(VM, ref), name_description="é" * chance.randrange(9))
            for ref in chance.sample(refs, min(len(refs), chance.randrange(3))):
                tx.delete(tx.get(VM, ref))
        body = xml.body(records)
        assert isinstance(body, Pieces)
        assert body.size == sum(map(len, body.parts))
        assert b"".join(body.parts) == XmlEncoder(Kept(0)).response(records)
        assert xml.body(records) is body
    assert len(store.table(VM)) > 5
    kept.keep(next(iter(store.table(VM).values())), "json", bytes(1 << 24))  # now there is no room for anything else
    assert xml.response(records) == XmlEncoder(Kept(0)).response(records)
    async with store.transaction() as tx:
        for ref in tx.refs(VM):
            tx.delete(tx.get(VM, ref))
    assert read(xml.response(records)) == {}
    gc.collect()
    assert kept.used == 0


async def test_a_list_that_is_larger_than_what_may_be_kept(store: Store) -> None:
    kept = Kept(20_000)
    xml = XmlEncoder(kept)
    async with store.transaction() as tx:
        for number in range(9):
            tx.create(VM, name_label=f"vm {number}")
    for number in range(9):
        seen = read(xml.response(Success(RECORDS, store.table(VM))))
        assert {record["name_label"] for record in seen.values()} == {f"vm {n}" for n in range(number, number + 9)}
        async with store.transaction() as tx:
            (ref,) = (vm.ref for vm in store.all(VM) if vm.name_label == f"vm {number}")
            tx.set(tx.get(VM, ref), name_label=f"vm {number + 9}")
        assert kept.used <= 20_000


def test_kept_records_stay_within_their_budget() -> None:
    kept = Kept(10_000)
    xml = XmlEncoder(kept)
    entities = {f"OpaqueRef:{n}": new_entity(SR, f"OpaqueRef:{n}", {"name_label": f"sr {n}"}) for n in range(50)}
    records = Success(Map(Ref("SR"), Record("SR")), entities)
    for _ in range(3):
        seen = read(xml.response(records))
        assert [record["name_label"] for record in seen.values()] == [f"sr {n}" for n in range(50)]
        assert 0 < kept.used <= 10_000
    entities.clear()
    del records
    assert kept.used == 0


def event(entity: Entity | Mapping[str, Any] | None, operation: str) -> Event:
    return Event(52, "0.0", Pool, operation, "OpaqueRef:p", entity)


def test_events_in_xml() -> None:
    pool = new_entity(Pool, "OpaqueRef:p", {"name_label": "the pool"})
    batch = EventBatch([event(pool, "add"), event(None, "del")], {"pool": 1, "vm": 0}, "0001,0000")
    xml = XmlEncoder(Kept(1 << 20))
    body = xml.response(Success(EVENT_BATCH, batch))
    first, second = (xml.body(Success(EVENT_BATCH, batch)) for _ in range(2))
    assert isinstance(first, Pieces)
    assert isinstance(second, Pieces)
    assert first.parts[1] is second.parts[1]  # written once for all who are told the same
    assert b"<name>vm</name><value><i4>0</i4></value>" in body
    value = read(body)
    assert list(value) == ["events", "valid_ref_counts", "token"]
    assert value["valid_ref_counts"] == {"pool": 1, "vm": 0}
    assert value["token"] == "0001,0000"
    added, removed = value["events"]
    assert list(added) == ["id", "timestamp", "class", "operation", "ref", "snapshot"]
    assert added["snapshot"]["name_label"] == "the pool"
    assert removed == {"id": "52", "timestamp": "0.0", "class": "pool", "operation": "del", "ref": "OpaqueRef:p"}
    assert read(xml.response(Success(EVENT_LIST, batch.events))) == value["events"]


def test_events_in_json() -> None:
    pool = new_entity(Pool, "OpaqueRef:p", {"name_label": "the pool"})
    batch = EventBatch([event(pool, "add"), event(None, "del")], {"pool": 1}, "0001,0000")
    encoder = JsonEncoder(Kept(1 << 20))
    value = json.loads(encoder.response(2, b"1", Success(EVENT_BATCH, batch)))["result"]
    assert list(value) == ["events", "valid_ref_counts", "token"]
    assert value["valid_ref_counts"] == {"pool": 1}
    added, removed = value["events"]
    assert list(added) == ["id", "timestamp", "class", "operation", "ref", "snapshot"]
    assert (added["id"], added["class"], added["snapshot"]["name_label"]) == ("52", "pool", "the pool")
    assert "snapshot" not in removed
    assert json.loads(encoder.response(1, b"1", Success(EVENT_LIST, batch.events)))["result"] == value["events"]


def test_every_type_of_the_datamodel_can_be_written() -> None:
    encode = value_encoder()
    for cls in BY_NAME.values():
        for field in public_fields(cls):
            if not isinstance(field.type, Map | Set | Record):
                continue
            assert encode(field.type, {}).startswith("<value>")
