"""Answers in XML: one line, without white space between elements."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import ApiType, Map, Record
from xapi_async.objects.entity import Entity
from xapi_async.objects.table import Table
from xapi_async.rpc.call import EVENT_BATCH, EVENT_LIST, Event, EventBatch, Failure, Outcome
from xapi_async.wire.batches import Batches, Writer
from xapi_async.wire.call_format import Body, Pieces
from xapi_async.wire.kept import Kept, unkept
from xapi_async.wire.tables import Tables
from xapi_async.wire.xmlrpc.records import XmlRecords
from xapi_async.wire.xmlrpc.values import Text, array_text, escape, struct_text, value_text

Put = Callable[[Any], Iterable[bytes]]
"""Gives the parts of which a value is put together."""

_OPEN = '<?xml version="1.0"?><methodResponse><params><param>'
_CLOSE = "</param></params></methodResponse>"
_SUCCESS = f"{_OPEN}<value><struct><member><name>Status</name><value>Success</value></member><member><name>Value</name>"
_FAILURE = (
    f"{_OPEN}<value><struct><member><name>Status</name><value>Failure</value></member>"
    "<member><name>ErrorDescription</name>"
)
_END = f"</member></struct></value>{_CLOSE}"
_SUCCESS_BYTES, _END_BYTES = _SUCCESS.encode(), _END.encode()
_LARGEST_CACHE = 4096


class XmlEncoder:
    """Writes outcomes.

    kept: where the written records of live objects are kept. gzip_bytes: from which size on lists are compressed.
    """

    def __init__(self, kept: Kept, gzip_bytes: int = sys.maxsize) -> None:
        self._records = XmlRecords(kept)
        self._tables = Tables(kept, "xml", self._records.member, gzip_bytes=gzip_bytes)
        self._writers: dict[ApiType[Any], Text | None] = {}
        # By identity, as that is what most types are found by; the type is held so that its id stays its own.
        self._by_id: dict[int, tuple[ApiType[Any], Text | None]] = {}
        opening = f"<value><struct><member><name>events</name>{_EVENTS}".encode()
        self.batches = Batches(Writer(opening, self._event, b"", self._batch_end), gzip_bytes)

    def response(self, outcome: Outcome) -> bytes:
        """The body that answers a call, in one piece."""
        body = self.body(outcome)
        return body if isinstance(body, bytes) else b"".join(body.parts)

    def body(self, outcome: Outcome) -> Body:
        """The body that answers a call."""
        if isinstance(outcome, Failure):
            return self.failure(outcome.error)
        api_type, value, bare = outcome
        known = self._by_id.get(id(api_type))  # looked at here as well: nearly every call needs no more
        writer = self._writer(api_type) if known is None else known[1]
        if writer is not None:
            text = writer(value)
            return (f"{_OPEN}{text}{_CLOSE}" if bare else f"{_SUCCESS}{text}{_END}").encode()
        if isinstance(value, Entity):
            return self._records.answer(value, _SUCCESS_BYTES, _END_BYTES)
        if api_type is EVENT_BATCH:
            return self.batches.written(value).between(_SUCCESS_BYTES, _END_BYTES)
        if isinstance(api_type, Record):
            return b"".join((_SUCCESS_BYTES, self._records.value(value, api_type.cls), _END_BYTES))
        if isinstance(value, Table):
            return self._tables.answer(value, _SUCCESS_BYTES + _STRUCT, _STRUCT_END + _END_BYTES)
        parts = (_SUCCESS_BYTES, *self._pieces(api_type)(value), _END_BYTES)
        return Pieces(parts, sum(map(len, parts)))

    def unwritten(self, value: Any) -> Iterator[Entity]:
        """The objects in a list whose records are not kept."""
        among = self._tables.changed(value) if isinstance(value, Table) else value.values()
        return unkept(among, "xml")

    def write(self, entity: Entity) -> None:
        """Write the record of an object, and keep it."""
        self._records.member(entity)

    def failure(self, error: ApiError) -> bytes:
        """The body that says what went wrong."""
        description = array_text([f"<value>{escape(text)}</value>" for text in error.description])
        return f"{_FAILURE}{description}{_END}".encode()

    def value(self, api_type: ApiType[Any], value: Any) -> str:
        """A value as ``<value>…</value>``, the form in which tasks show their results."""
        writer = self._writer(api_type)
        if writer is not None:
            return writer(value)
        return b"".join(self._pieces(api_type)(value)).decode()

    def _writer(self, api_type: ApiType[Any]) -> Text | None:
        """The function that writes values of a type as text; None for those that are put together from bytes."""
        found = self._by_id.get(id(api_type))
        if found is not None:
            return found[1]
        if api_type not in self._writers:
            large = api_type in (EVENT_BATCH, EVENT_LIST) or _is_record(api_type)
            self._writers[api_type] = None if large else value_text(api_type, self._records.text)
        if len(self._by_id) >= _LARGEST_CACHE:
            self._by_id.clear()
        writer = self._writers[api_type]
        self._by_id[id(api_type)] = (api_type, writer)
        return writer

    def _pieces(self, api_type: ApiType[Any]) -> Put:
        if api_type is EVENT_LIST:
            return self._event_list
        if isinstance(api_type, Record):
            return lambda value: (self._records.value(value, api_type.cls),)
        assert isinstance(api_type, Map)  # no other type is put together from bytes
        assert isinstance(api_type.value, Record)
        class_name = api_type.value.cls
        return lambda value: (_STRUCT, *self._records.members(value, class_name), _STRUCT_END)

    # Events

    def _batch_end(self, batch: EventBatch) -> bytes:
        counts = struct_text(
            (escape(name), f"<value><i4>{n}</i4></value>") for name, n in batch.valid_ref_counts.items()
        )
        return (
            f"{_EVENTS_END}</member><member><name>valid_ref_counts</name>{counts}</member>"
            f"<member><name>token</name><value>{escape(batch.token)}</value></member></struct></value>"
        ).encode()

    def _event_list(self, events: Iterable[Event]) -> Iterable[bytes]:
        return (_EVENTS.encode(), *map(self._event, events), _EVENTS_END.encode())

    def _event(self, event: Event) -> bytes:
        ident, timestamp, cls, operation, ref, snapshot = event
        # Nothing but the reference may hold markup.
        members = (
            f"<value><struct><member><name>id</name><value>{ident}</value></member>"
            f"<member><name>timestamp</name><value>{timestamp}</value></member>"
            f"<member><name>class</name><value>{cls.FACTS.name.lower()}</value></member>"
            f"<member><name>operation</name><value>{operation}</value></member>"
            f"<member><name>ref</name><value>{escape(ref)}</value></member>"
        ).encode()
        if snapshot is None:
            return members + _STRUCT_END
        record = self._records.value(snapshot, cls.FACTS.name)
        return b"".join((members, b"<member><name>snapshot</name>", record, b"</member>", _STRUCT_END))


def _is_record(api_type: ApiType[Any]) -> bool:
    return isinstance(api_type, Record) or (isinstance(api_type, Map) and isinstance(api_type.value, Record))


_EVENTS = "<value><array><data>"
_EVENTS_END = "</data></array></value>"
_STRUCT = b"<value><struct>"
_STRUCT_END = b"</struct></value>"
