"""Records in XML: one template for each class, and the written records of live objects kept with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.language import public_fields
from xapi_async.objects.entity import Entity
from xapi_async.wire.kept import Kept
from xapi_async.wire.xmlrpc.values import Text, escape, struct_text, value_text

_NAME_END, _MEMBER_END = b"</name>", b"</member>"


class XmlRecords:
    """Writes records. kept: where written ones are kept."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._texts: dict[str, Text] = {}
        self._entity_texts: dict[str, Text] = {}

    def text(self, class_name: str) -> Text:
        """The function that writes a record of a class, be it a live object or a mapping by field name."""
        if class_name not in self._texts:
            self._texts[class_name] = self._make_text(class_name)
        return self._texts[class_name]

    def value(self, record: Any, class_name: str) -> bytes:
        """A record as a ``<value>``."""
        if not isinstance(record, Entity):
            return self.text(class_name)(record).encode()
        member = self.member(record)
        start = member.index(_NAME_END) + len(_NAME_END)  # of the reference, in which no markup is
        return member[start : -len(_MEMBER_END)]

    def answer(self, entity: Entity, opening: bytes, closing: bytes) -> bytes:
        """The record of a live object between what stands before and after it in an answer, always the same.

        It is kept as well where it is asked for a second time before it changes. So who polls records is
        answered as quickly as with a field, and who goes through all of them once makes none kept twice.
        """
        forms = entity.memo
        if forms is not None and forms.answer is not None:
            return forms.answer  # type: ignore[no-any-return]
        answer = b"".join((opening, self.value(entity, entity.FACTS.name), closing))
        forms = entity.memo
        if forms is not None:
            if forms.was_asked_for:
                self._kept.keep(entity, "answer", answer)
            forms.was_asked_for = True
        return answer

    def member(self, entity: Entity) -> bytes:
        """The record of a live object as the ``<member>`` it is in a map by reference."""
        forms = entity.memo
        if forms is not None and forms.xml is not None:
            return forms.xml  # type: ignore[no-any-return]
        value = self._entity_text(entity.FACTS.name)(entity)
        member = f"<member><name>{escape(entity.ref)}</name>{value}</member>".encode()
        self._kept.keep(entity, "xml", member)
        return member

    def members(self, records: Mapping[str, Any], class_name: str) -> Iterator[bytes]:
        """The members of a map of records by reference."""
        write, text = self.member, self.text
        for ref, record in records.items():
            if isinstance(record, Entity):
                # Looked at here as well: a call for each of thousands of objects would take longer than the rest.
                forms = record.memo
                yield (forms is not None and forms.xml) or write(record)
            else:
                yield f"<member><name>{escape(ref)}</name>{text(class_name)(record)}</member>".encode()

    def _make_text(self, class_name: str) -> Text:
        fields = [(field.name, value_text(field.type, self.text)) for field in public_fields(BY_NAME[class_name])]

        def write(record: Any) -> str:
            if isinstance(record, Entity):
                return self.value(record, class_name).decode()
            return struct_text((name, text(record[name])) for name, text in fields if name in record)

        return write

    def _entity_text(self, class_name: str) -> Text:
        if class_name not in self._entity_texts:
            self._entity_texts[class_name] = _entity_text(class_name, self.text)
        return self._entity_texts[class_name]


def _entity_text(class_name: str, record: Callable[[str], Text]) -> Text:
    """The function that writes live objects of a class, by a template made once."""
    fields = list(public_fields(BY_NAME[class_name]))
    names = [field.name for field in fields]
    texts = [value_text(field.type, record) for field in fields]
    template = struct_text((name, "%s") for name in names)
    read_all = attrgetter(*names)
    is_single = len(names) == 1

    def write(entity: Entity) -> str:
        values = (read_all(entity),) if is_single else read_all(entity)
        return template % tuple([text(value) for text, value in zip(texts, values, strict=True)])

    return write
