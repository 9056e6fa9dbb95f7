"""The implicit messages: what every class has because of its fields and facts alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xapi_async.datamodel.language import RW, ApiClass, Field, Message, Param, public_fields
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import STRING, VOID, ApiType, Map, Record, Ref, Set


def messages(cls: type[ApiClass]) -> tuple[Message, ...]:
    """Every message of the class: the declared ones, then the implicit ones, in the order of the reference."""
    found = _KNOWN.get(cls)
    if found is None:
        found = _KNOWN[cls] = tuple(_messages(cls))
    return found


_KNOWN: dict[type[ApiClass], tuple[Message, ...]] = {}  # many ask, and a start is not to make them for each


def _messages(cls: type[ApiClass]) -> Iterator[Message]:
    yield from cls.MESSAGES
    if cls.FACTS.in_database:
        yield from _listing_messages(cls)
        for field in public_fields(cls):
            yield from _accessors(cls, field)
        yield from _object_messages(cls)


def _implicit(cls: type[ApiClass], name: str, doc: str, result: ApiType[Any], *params: Param, **extra: Any) -> Message:
    facts = cls.FACTS
    extra.setdefault("roles", facts.read_roles)
    extra.setdefault("has_async", False)
    return Message(
        name, doc, params, result, kind="implicit", removed=facts.removed, released=_released(facts.lifecycle), **extra
    )


def _released(steps: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{change} {release}" for change, release in steps)


def _listing_messages(cls: type[ApiClass]) -> Iterator[Message]:
    name = cls.FACTS.name
    if not cls.FACTS.get_all:
        return
    records = Map(Ref(name), Record(name))
    yield _implicit(cls, "get_all", f"List the references of all {name} objects.", Set(Ref(name)))
    yield _implicit(
        cls,
        "get_all_records_where",
        f"Give the records of the {name} objects for which an expression over the fields holds.",
        records,
        Param("expr", STRING),
        documented=False,
    )
    yield _implicit(cls, "get_all_records", f"Give the records of all {name} objects, by reference.", records)


def _object_messages(cls: type[ApiClass]) -> Iterator[Message]:
    name, facts = cls.FACTS.name, cls.FACTS
    self_param = Param("self", Ref(name))
    if facts.constructor_destructor:
        yield _implicit(
            cls,
            "create",
            f"Create a {name} object from a record and give its reference.",
            Ref(name),
            Param("args", Record(name)),
            roles=facts.create_roles,
            has_async=facts.has_async,
        )
        yield _implicit(
            cls,
            "destroy",
            f"Destroy a {name} object.",
            VOID,
            self_param,
            roles=facts.create_roles,
            has_async=facts.has_async,
        )
    if "uuid" in cls.FIELDS:
        yield _implicit(cls, "get_by_uuid", f"Find the {name} object with a uuid.", Ref(name), Param("uuid", STRING))
        yield _implicit(cls, "get_record", f"Give all fields of a {name} object.", Record(name), self_param)
    if "name_label" in cls.FIELDS and name not in _NAMES_WITHOUT_LOOKUP:
        yield _implicit(
            cls, "get_by_name_label", f"Find the {name} objects with a name.", Set(Ref(name)), Param("label", STRING)
        )


_NAMES_WITHOUT_LOOKUP = {"pool"}
"""Classes whose name_label is not a way to find them: there is one pool."""


def _accessors(cls: type[ApiClass], field: Field[Any]) -> Iterator[Message]:
    name = cls.FACTS.name
    self_param = Param("self", Ref(name))

    def accessor(kind: Any, verb: str, doc: str, result: ApiType[Any], *params: Param, **extra: Any) -> Message:
        return Message(
            f"{verb}_{field.name}",
            doc,
            (self_param, *params),
            result,
            kind=kind,
            field=field,
            has_async=False,
            removed=field.removed,
            released=_released(field.lifecycle),
            **extra,
        )

    yield accessor(
        "field getter", "get", f"Get the {field.name} field of a {name} object.", field.type, roles=field.getter_roles
    )
    if field.qualifier != RW:
        return
    writers = POOL_OPERATOR if field.setter_roles is None else field.setter_roles
    key_roles = dict(field.map_key_roles)
    yield accessor(
        "field setter",
        "set",
        f"Set the {field.name} field of a {name} object.",
        VOID,
        Param("value", field.type),
        roles=writers,
    )
    if isinstance(field.type, Set):
        item = Param("value", field.type.item)
        add, remove = f"Add a value to the {field.name} field", f"Take a value out of the {field.name} field"
        yield accessor("field add", "add", f"{add} of a {name} object.", VOID, item, roles=writers)
        yield accessor("field remove", "remove", f"{remove} of a {name} object.", VOID, item, roles=writers)
    elif isinstance(field.type, Map):
        key, value = Param("key", field.type.key), Param("value", field.type.value)
        add, remove = f"Add a key to the {field.name} field", f"Take a key out of the {field.name} field"
        extra: dict[str, Any] = {"roles": writers, "map_key_roles": key_roles}
        yield accessor("field add", "add_to", f"{add} of a {name} object.", VOID, key, value, **extra)
        yield accessor("field remove", "remove_from", f"{remove} of a {name} object.", VOID, key, **extra)
