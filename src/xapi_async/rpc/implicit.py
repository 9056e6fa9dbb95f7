"""The implicit messages: accessors, records, constructors and destructors, compiled from the datamodel.

Reading ones are plain functions of the parameters, without a coroutine; writing ones are handlers
like those of the explicit messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass, Field, Message
from xapi_async.datamodel.types import NULL_REF, Map, Ref, Set
from xapi_async.objects.entity import Entity
from xapi_async.objects.query import compile_query
from xapi_async.objects.reader import Reader
from xapi_async.objects.relations import COMPUTED, FORWARD
from xapi_async.objects.staging import Staged
from xapi_async.objects.store import Store
from xapi_async.objects.stored_names import stored_name
from xapi_async.objects.table import Selection
from xapi_async.operations.context import Context, Handler
from xapi_async.rpc.convert import stored

Read = Callable[..., Any]
Write = Callable[..., Staged | None]
"""A message that writes a field, in the store that is its first parameter; it gives what :meth:`Store.put` does."""


def reader(store: Store, cls: type[ApiClass], message: Message) -> Read | None:
    """The function behind an implicit message that only reads; None where it is not one of those."""
    if message.kind == "field getter":
        return _getter(store, cls, message)
    if message.kind == "implicit" and message.name in _READERS:
        return _READERS[message.name](store, cls)
    return None


def writer(cls: type[ApiClass], message: Message) -> Handler | None:
    """The handler behind an implicit message that creates or destroys; None where it is not one of those."""
    if message.kind == "implicit" and message.name in _OBJECT_WRITERS:
        return _OBJECT_WRITERS[message.name](cls)
    return None


# Readers


def _getter(store: Store, cls: type[ApiClass], message: Message) -> Read:
    assert message.field is not None  # accessors carry their field
    find, name, wire_class = store.table(cls).get, message.field.name, cls.FACTS.name

    def get(ref: str) -> Any:
        entity = find(ref)
        if entity is None:
            raise ApiError("HANDLE_INVALID", wire_class, ref)
        return getattr(entity, name)

    return get


def _get_record(store: Store, cls: type[ApiClass]) -> Read:
    find, wire_class = store.table(cls).get, cls.FACTS.name

    def get(ref: str) -> Any:
        entity = find(ref)
        if entity is None:
            raise ApiError("HANDLE_INVALID", wire_class, ref)
        return entity

    return get


def _get_all(store: Store, cls: type[ApiClass]) -> Read:
    table = store.table(cls)
    return lambda: tuple(table)


def _get_all_records(store: Store, cls: type[ApiClass]) -> Read:
    table = store.table(cls)
    return lambda: table


def _get_all_records_where(store: Store, cls: type[ApiClass]) -> Read:
    table = store.table(cls)

    def where(expression: str) -> Mapping[str, Any]:
        return Selection(table, compile_query(cls, expression))

    return where


def _get_by_uuid(store: Store, cls: type[ApiClass]) -> Read:
    return lambda uuid: store.by_uuid(cls, uuid).ref


def _get_by_name_label(store: Store, cls: type[ApiClass]) -> Read:
    return lambda label: store.by_name(cls, label)


_READERS: dict[str, Callable[[Store, type[ApiClass]], Read]] = {
    "get_record": _get_record,
    "get_all": _get_all,
    "get_all_records": _get_all_records,
    "get_all_records_where": _get_all_records_where,
    "get_by_uuid": _get_by_uuid,
    "get_by_name_label": _get_by_name_label,
}

# Writers of a field


def field_writer(cls: type[ApiClass], message: Message) -> Write | None:
    """The function behind an implicit message that writes a field; None where it is not one of those."""
    if message.kind in _FIELD_WRITERS and message.field is not None:
        assert message.field.name not in FORWARD[cls]  # clients write no field from which another follows
        return _FIELD_WRITERS[message.kind](cls, message.field)
    return None


def _setter(cls: type[ApiClass], field: Field[Any]) -> Write:
    name = field.name

    if field.type.text == "datetime":
        return lambda store, ref, value: store.put(cls, ref, name, stored(field, value))
    return lambda store, ref, value: store.put(cls, ref, name, value)


def _adder(cls: type[ApiClass], field: Field[Any]) -> Write:
    name, wire_class = field.name, cls.FACTS.name
    if isinstance(field.type, Map):
        # The API names a field in this error as it is stored, with its namespaces.
        named = stored_name(cls, name)

        def add_to(store: Store, ref: str, key: Any, value: Any) -> Staged | None:
            current = getattr(_newest(store, cls, ref), name)
            if key in current:
                raise ApiError("MAP_DUPLICATE_KEY", wire_class, named, ref, key)
            return store.put(cls, ref, name, {key: value, **current})

        return add_to

    def add(store: Store, ref: str, value: Any) -> Staged | None:
        current = getattr(_newest(store, cls, ref), name)
        return store.put(cls, ref, name, current if value in current else (value, *current))

    return add


def _remover(cls: type[ApiClass], field: Field[Any]) -> Write:
    name, is_map = field.name, isinstance(field.type, Map)

    def remove(store: Store, ref: str, item: Any) -> Staged | None:
        current = getattr(_newest(store, cls, ref), name)
        left: Any = {k: v for k, v in current.items() if k != item} if is_map else None
        if left is None:
            left = tuple(value for value in current if value != item)
        return store.put(cls, ref, name, left)

    return remove


def _newest(store: Store, cls: type[ApiClass], ref: str) -> Entity:
    found = store.latest(cls, ref)
    if found is None:
        raise ApiError("HANDLE_INVALID", cls.FACTS.name, ref)
    return found


_FIELD_WRITERS: dict[str, Callable[[type[ApiClass], Field[Any]], Write]] = {
    "field setter": _setter,
    "field add": _adder,
    "field remove": _remover,
}

# Constructors and destructors of classes that have no behaviour of their own


def _create(cls: type[ApiClass]) -> Handler:
    async def create(ctx: Context, args: Mapping[str, Any]) -> str:
        async with ctx.store.transaction() as tx:
            return tx.create(cls, **args).ref

    return create


def _destroy(cls: type[ApiClass]) -> Handler:
    async def destroy(ctx: Context, ref: str) -> None:
        async with ctx.store.transaction() as tx:
            target = tx.get(cls, ref)
            referrer = find_referrer(tx.view, cls, ref)
            if referrer is not None:
                raise _in_use(cls, referrer)
            tx.delete(target)

    return destroy


def _in_use(cls: type[ApiClass], referrer: str) -> ApiError:
    code = IN_USE.get(cls.FACTS.name)
    if code is not None:
        return ApiError(code)
    return ApiError("OPERATION_NOT_ALLOWED", f"{referrer} still refers to this {cls.FACTS.name}")


IN_USE: Mapping[str, str] = {"VMSS": "VMSS_HAS_VM"}
"""The API's own errors, without parameters, for objects that others refer to."""

_OBJECT_WRITERS: dict[str, Callable[[type[ApiClass]], Handler]] = {"create": _create, "destroy": _destroy}


def find_referrer(reader: Reader, cls: type[ApiClass], ref: str) -> str | None:
    """Who still refers to an object, as ``class reference (field)``; None where nobody does.

    Sets that follow from the object's own references do not count: they go with it. Nor do objects
    that a restart forgets, as nothing of them needs it.
    """
    if ref == NULL_REF:
        return None
    for other, names in _REFERRING_FIELDS.get(cls.FACTS.name, {}).items():
        for entity in reader.all(other):
            for name in names:
                value = getattr(entity, name)
                if (ref in value) if isinstance(value, tuple) else value == ref and entity.ref != ref:
                    return f"{other.FACTS.name} {entity.ref} ({name})"
    return None


def _referring_fields() -> dict[str, dict[type[ApiClass], list[str]]]:
    found: dict[str, dict[type[ApiClass], list[str]]] = {}
    for cls in CLASSES:
        if not (cls.FACTS.in_database and cls.FACTS.persist):
            continue
        for field in cls.FIELDS.values():
            target = field.type.item if isinstance(field.type, Set) else field.type
            end = FORWARD[cls].get(field.name)
            follows = field.name in COMPUTED[cls] or (end is not None and end.many_to_many)
            if isinstance(target, Ref) and not follows:
                found.setdefault(target.cls, {}).setdefault(cls, []).append(field.name)
    return found


_REFERRING_FIELDS = _referring_fields()
