"""Whether a store is as it must always be, for tests and for checking backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.entity import Entity
from xapi_async.objects.relations import FORWARD
from xapi_async.objects.store import Store


def check_integrity(store: Store) -> list[str]:
    """What is wrong, a line each: relations whose ends differ, indices that miss or invent objects, false order."""
    return [line for cls in CLASSES for line in (*_relations(store, cls), *_indices(store, cls), *_order(store, cls))]


def _relations(store: Store, cls: type[ApiClass]) -> Iterator[str]:
    for field, end in FORWARD[cls].items():
        here = {(e.ref, other) for e in _entities(store, cls) for other in _refs(getattr(e, field))}
        there = [(ref, e.ref) for e in _entities(store, end.cls) for ref in getattr(e, end.field)]
        ends = f"{cls.FACTS.name}.{field} and {end.cls.FACTS.name}.{end.field}"
        if len(set(there)) != len(there):
            yield f"{ends}: something is in a set twice"
        table = store.table(end.cls)
        for ref, other in here.symmetric_difference(there):
            # A reference may lead nowhere; then there is no other end.
            if other in table and (not end.many_to_many or ref in store.table(cls)):
                yield f"{ends} differ on {ref} and {other}"


def _indices(store: Store, cls: type[ApiClass]) -> Iterator[str]:
    name = cls.FACTS.name
    for entity in _entities(store, cls):
        found = cast(Any, entity)
        if store.latest_uuid_ref(found.uuid) != entity.ref:
            yield f"{name} {entity.ref}: not found by its uuid"
        if "name_label" in cls.FIELDS and entity.ref not in store.by_name(cls, found.name_label):
            yield f"{name} {entity.ref}: not found by its name"


def _order(store: Store, cls: type[ApiClass]) -> Iterator[str]:
    last = 0
    for entity in _entities(store, cls):
        if not 0 < entity.born <= entity.modified <= store.generation or entity.modified <= last:
            yield f"{cls.FACTS.name} {entity.ref}: generations {entity.born}, {entity.modified} after {last}"
        last = entity.modified


def _entities(store: Store, cls: type[ApiClass]) -> Iterator[Entity]:
    return iter(cast("dict[str, Entity]", store.table(cls)).values())


def _refs(value: Any) -> tuple[str, ...]:
    refs = value if isinstance(value, tuple) else (value,)
    return tuple(ref for ref in refs if ref and ref != NULL_REF)
