"""Answers in JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import orjson

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import public_fields
from xapi_async.datamodel.types import VOID, ApiType, Map, Record, Set
from xapi_async.objects.entity import Entity
from xapi_async.objects.table import Table
from xapi_async.rpc.call import EVENT_BATCH, EVENT_LIST, Event, EventBatch, Failure, Outcome
from xapi_async.wire.batches import Batches, Writer
from xapi_async.wire.call_format import Body
from xapi_async.wire.kept import Kept, unkept
from xapi_async.wire.tables import Tables

_OPTIONS = orjson.OPT_NON_STR_KEYS


class JsonEncoder:
    """Writes outcomes.

    kept: where the written records of live objects are kept. gzip_bytes: from which size on lists are compressed.
    """

    def __init__(self, kept: Kept, gzip_bytes: int = sys.maxsize) -> None:
        self._kept = kept
        self._tables = Tables(kept, "json", self._member, gzip_bytes=gzip_bytes, lead=len(_COMMA))
        self._fields: dict[str, tuple[tuple[str, ...], Any]] = {}
        self.batches = Batches(Writer(b'{"events":[', self._event_text, _COMMA, _batch_end), gzip_bytes)

    def response(self, version: int, request_id: bytes, outcome: Outcome) -> bytes:
        """The body that answers a call, in one piece. version: 1 or 2. request_id: as JSON text."""
        body = self.body(version, request_id, outcome)
        return body if isinstance(body, bytes) else b"".join(body.parts)

    def body(self, version: int, request_id: bytes, outcome: Outcome) -> Body:
        """The body that answers a call. version: 1 or 2. request_id: as JSON text."""
        if isinstance(outcome, Failure):
            return self._failure(version, request_id, outcome.error)
        opening, closing = (b'{"result":', b',"error":null') if version == 1 else (b'{"jsonrpc":"2.0","result":', b"")
        if isinstance(outcome.value, Table):
            return self._tables.answer(outcome.value, opening + b"{", b'}%b,"id":%b}' % (closing, request_id))
        closing = b'%b,"id":%b}' % (closing, request_id)
        if outcome.type is EVENT_BATCH:
            return self.batches.written(outcome.value).between(opening, closing)
        return b"".join((opening, self.value(outcome.type, outcome.value), closing))

    def value(self, api_type: ApiType[Any], value: Any) -> bytes:
        """A value as JSON text."""
        if type(value) is str:
            return orjson.dumps(value)
        if api_type is EVENT_LIST:
            return orjson.dumps([self._event(event) for event in value], option=_OPTIONS)
        return orjson.dumps(self._plain(api_type, value), option=_OPTIONS)

    def unwritten(self, value: Any) -> Iterator[Entity]:
        """The objects in a list whose records are not kept."""
        among = self._tables.changed(value) if isinstance(value, Table) else value.values()
        return unkept(among, "json")

    def write(self, entity: Entity) -> None:
        """Write the record of an object, and keep it."""
        self._member(entity)

    def _failure(self, version: int, request_id: bytes, error: ApiError) -> bytes:
        if version == 1:
            return b'{"result":null,"error":%b,"id":%b}' % (_text(error.description), request_id)
        parts = (_text(error.code), _text(list(error.params)), request_id)
        return b'{"jsonrpc":"2.0","error":{"code":0,"message":%b,"data":%b},"id":%b}' % parts

    def _plain(self, api_type: ApiType[Any], value: Any) -> Any:
        """A value with its records replaced by what orjson can write."""
        if api_type is VOID:
            return ""
        if isinstance(api_type, Record):
            return self._record(value, api_type.cls)
        if isinstance(api_type, Map) and isinstance(api_type.value, Record):
            name = api_type.value.cls
            return {ref: self._record(record, name) for ref, record in value.items()}
        if isinstance(api_type, Set) and isinstance(api_type.item, Record):
            return [self._record(record, api_type.item.cls) for record in value]
        return value

    def _record(self, record: Any, class_name: str) -> Any:
        if not isinstance(record, Entity):
            names, _ = self._class_fields(class_name)
            return {name: record[name] for name in names if name in record}
        start = len(_COMMA) + len(orjson.dumps(record.ref)) + len(_COLON)
        return orjson.Fragment(self._member(record)[start:])

    def _member(self, entity: Entity) -> bytes:
        """The record of a live object as a member of an object in JSON, after a comma."""
        forms = entity.memo
        if forms is not None and forms.json is not None:
            return forms.json  # type: ignore[no-any-return]
        names, read_all = self._class_fields(entity.FACTS.name)
        values = read_all(entity) if len(names) > 1 else (read_all(entity),)
        record = orjson.dumps(dict(zip(names, values, strict=True)), option=_OPTIONS)
        member = b"".join((_COMMA, orjson.dumps(entity.ref), _COLON, record))
        self._kept.keep(entity, "json", member)
        return member

    def _class_fields(self, class_name: str) -> tuple[tuple[str, ...], Any]:
        if class_name not in self._fields:
            names = tuple(field.name for field in public_fields(BY_NAME[class_name]))
            self._fields[class_name] = (names, attrgetter(*names))
        return self._fields[class_name]

    # Events

    def _event_text(self, event: Event) -> bytes:
        return orjson.dumps(self._event(event), option=_OPTIONS)

    def _event(self, event: Event) -> dict[str, Any]:
        name = event.cls.FACTS.name
        members: dict[str, Any] = {
            "id": str(event.id),
            "timestamp": event.timestamp,
            "class": name.lower(),
            "operation": event.operation,
            "ref": event.ref,
        }
        if event.snapshot is not None:
            members["snapshot"] = self._record(event.snapshot, name)
        return members


def _batch_end(batch: EventBatch) -> bytes:
    return b'],"valid_ref_counts":%b,"token":%b}' % (orjson.dumps(batch.valid_ref_counts), _text(batch.token))


_COMMA = b","
_COLON = b":"


def _text(value: str | list[str]) -> bytes:
    """Text as JSON; what is no Unicode in it is replaced."""
    try:
        return orjson.dumps(value)
    except TypeError:
        texts = [value] if isinstance(value, str) else value
        legal = [text.encode(errors="replace").decode() for text in texts]
        return orjson.dumps(legal[0] if isinstance(value, str) else legal)
