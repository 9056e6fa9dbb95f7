"""The whole datamodel as plain JSON values, for tools and for other languages.

``model()`` has the keys ``classes``, ``relations``, ``enums`` and ``errors``, which hold facts only,
and ``doc``, which holds the descriptions of the same things.
"""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.enums import ENUMS
from xapi_async.datamodel.errors import ERRORS, UNDOCUMENTED_ERRORS
from xapi_async.datamodel.language import NOTHING, ApiClass, Computed, Field, Message, api_fields
from xapi_async.datamodel.relations import RELATIONS
from xapi_async.datamodel.roles import ROLES, Roles

Json = dict[str, Any]


def model() -> Json:
    """Everything the datamodel says, as JSON values."""
    return {
        "classes": {cls.FACTS.name: class_facts(cls) for cls in CLASSES},
        "relations": [list(relation) for relation in RELATIONS],
        "enums": {enum.name: list(enum.values) for enum in ENUMS},
        "errors": {code: list(error.params) for code, error in ERRORS.items()},
        "doc": {
            "classes": {cls.FACTS.name: class_doc(cls) for cls in CLASSES},
            "enums": {enum.name: {"doc": enum.doc, "values": dict(enum.values)} for enum in ENUMS},
            "errors": {code: error.doc for code, error in ERRORS.items()} | UNDOCUMENTED_ERRORS,
            "roles": dict(ROLES),
        },
    }


def class_facts(cls: type[ApiClass]) -> Json:
    """The facts of one class: its fields and all its messages, implicit ones included."""
    facts = cls.FACTS
    return {
        "name": facts.name,
        "in_database": facts.in_database,
        "persist": facts.persist,
        "events": facts.events,
        "constructor_destructor": facts.constructor_destructor,
        "get_all": facts.get_all,
        "async": facts.has_async,
        "lifecycle": _steps(facts.lifecycle),
        "fields": [field_facts(field) for field in api_fields(cls)],
        "messages": [message_facts(message) for message in derive.messages(cls)],
    }


def class_doc(cls: type[ApiClass]) -> Json:
    """The descriptions of one class, its fields and its messages."""
    return {
        "doc": cls.__doc__ or "",
        "fields": {field.name: field.doc for field in api_fields(cls)},
        "messages": {message.name: message.doc for message in derive.messages(cls)},
    }


def field_facts(field: Field[Any]) -> Json:
    """The facts of a field; keys that would say the usual are left out."""
    facts: Json = {"name": field.name, "type": field.type.text, "qualifier": field.qualifier}
    if field.default is not NOTHING:
        facts["default"] = _value(field.default)
    if field.setter_roles is not None:
        facts["setter_roles"] = list(field.setter_roles)
    if field.map_key_roles:
        facts["map_key_roles"] = _key_roles(field.map_key_roles)
    if field.internal:
        facts["internal"] = True
    if not field.persist:
        facts["persist"] = False
    if not field.foreign_key:
        facts["foreign_key"] = False
    if field.setter_has_effect:
        facts["setter_has_effect"] = True
    if field.unlisted_since is None:
        facts["lifecycle"] = _steps(field.lifecycle)
    else:
        facts["since"] = field.unlisted_since
    return facts


def message_facts(message: Message) -> Json:
    """The facts of a message; keys that would say the usual are left out."""
    facts: Json = {
        "name": message.name,
        "kind": message.kind,
        "params": [
            {"name": param.name, "type": param.type.text}
            | ({} if param.default is NOTHING else {"default": _value(param.default)})
            for param in message.params
        ],
        "result": message.result.text,
        "roles": list(message.roles),
    }
    if message.map_key_roles:
        facts["map_key_roles"] = _key_roles(message.map_key_roles)
    if message.errors:
        facts["errors"] = list(message.errors)
    facts["async"] = message.has_async
    if not message.takes_session:
        facts["takes_session"] = False
    if message.pool_internal:
        facts["pool_internal"] = True
    if message.secret:
        facts["secret"] = True
    if not message.documented:
        facts["documented"] = False
    if message.removed:
        facts["removed"] = True
    if message.forwarded_to is not None:
        facts["forwarded_to"] = message.forwarded_to
    if message.unlisted_since is None:
        facts["lifecycle"] = _steps(message.lifecycle)
    else:
        facts["since"] = message.unlisted_since
    return facts


def _steps(steps: tuple[tuple[str, str], ...]) -> list[list[str]]:
    return [list(step) for step in steps]


def _key_roles(roles: Any) -> dict[str, list[str]]:
    result: dict[str, Roles] = dict(roles)
    return {key: list(names) for key, names in result.items()}


def _value(value: object) -> object:
    if isinstance(value, Computed):
        return {"custom": value.stated}
    return list(value) if isinstance(value, tuple) else value
