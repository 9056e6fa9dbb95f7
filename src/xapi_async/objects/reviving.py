"""From what is stored to live objects: what a start makes of a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import BOOL, FLOAT, INT, ApiType, Map, Set
from xapi_async.objects.entity import (
    EMPTY_MAP,
    NAMED_BY_REFERENCE,
    Entity,
    Values,
    blank_entity,
    name_by_reference,
    ref_of,
)
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.replay import Target

_Reviver = Callable[[Any, Any], Any]
"""From a JSON value, given twice, to the value as the server holds it. That is how ``dict.setdefault`` is called,
which does it for most fields: it gives the equal value that was there before, if there is one."""


class Reviving(Target):
    """Live objects by reference, made from stored ones one by one; ``entities`` has them.

    Equal values are shared between them: texts and numbers, sets and maps. Fields that a class does not have (any
    more) are dropped, and so are objects of classes there are not; fields that are missing are as they start.
    """

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self._texts: dict[str, str] = {}
        self._numbers: dict[int, int] = {}
        self._by_class = {
            name: (blank_entity(cls), self._revivers(cls), cls in NAMED_BY_REFERENCE)
            for name, cls in BY_NAME.items()
            if cls.FACTS.persist
        }

    def put(self, cls: str, ref: str, created: int, modified: int, fields: Values) -> None:
        """Make an object. cls: the wire name of its class. fields: as JSON values."""
        found = self._by_class.get(cls)
        if found is None:
            return
        make, revivers, may_lack_uuid = found
        ref = self._texts.setdefault(ref, ref)
        entity = self.entities[ref] = make(ref)
        entity.born = created
        entity.modified = created if modified == created else modified  # one number instead of two
        self._write(entity, revivers, fields)
        if may_lack_uuid and ref_of(fields.get("uuid", "")) == ref:
            name_by_reference(entity)

    def add(self, cls: str, ref: str, generation: int, fields: Values) -> None:
        self.put(cls, ref, generation, generation, fields)

    def modify(self, ref: str, generation: int, fields: Values) -> None:
        entity = self.entities.get(ref)
        if entity is not None:
            entity.modified = generation
            self._write(entity, self._by_class[entity.FACTS.name][1], fields)

    def delete(self, ref: str) -> None:
        self.entities.pop(ref, None)

    def _write(self, entity: Entity, revivers: Mapping[str, _Reviver], fields: Values) -> None:
        for name, value in fields.items():
            revive = revivers.get(name)
            if revive is not None:
                setattr(entity, name, revive(value, value))

    def _revivers(self, cls: type[ApiClass]) -> dict[str, _Reviver]:
        revivers = {
            name: self._reviver(field.type)
            for name, field in cls.FIELDS.items()
            if field.persist and name not in COMPUTED[cls]
        }
        if "location" not in revivers:  # disks are often found under their uuid; no other uuid is in a second place
            revivers["uuid"] = _as_it_is
        return revivers

    def _reviver(self, api_type: ApiType[Any]) -> _Reviver:
        if isinstance(api_type, Set):
            return _set_reviver(self._reviver(api_type.item))
        if isinstance(api_type, Map):
            return _map_reviver(
                _number if api_type.key is INT else self._reviver(api_type.key), self._reviver(api_type.value)
            )
        if api_type is FLOAT:
            return _float
        if api_type is BOOL:
            return _as_it_is
        return self._numbers.setdefault if api_type is INT else self._texts.setdefault


_as_it_is: _Reviver = dict[Any, Any]().get
"""What is not shared: always the second, as there is nothing to be found in it."""


def _number(key: str, _: str) -> int:
    return int(key)


def _float(value: Any, _: Any) -> float:
    return float("nan") if value is None else float(value)  # JSON has no number for it


def _set_reviver(item: _Reviver) -> _Reviver:
    shared: dict[tuple[Any, ...], tuple[Any, ...]] = {}  # each field's own, so that 1, 1.0 and True stay what they are

    def revive(values: list[Any], _: Any) -> tuple[Any, ...]:
        stored = tuple(values)
        found = shared.get(stored)
        if found is None:
            found = shared[stored] = tuple(map(item, stored, stored))
        return found

    return revive


def _map_reviver(key: _Reviver, value: _Reviver) -> _Reviver:
    shared: dict[tuple[Any, ...], Values] = {}

    def revive(pairs: Values, _: Any) -> Values:
        if not pairs:
            return EMPTY_MAP
        stored = (*pairs, *pairs.values())
        found = shared.get(stored)
        if found is None:
            found = shared[stored] = {key(k, k): value(v, v) for k, v in pairs.items()}
        return found

    return revive
