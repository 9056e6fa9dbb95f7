"""From what is stored to live objects: what a start makes of a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import BOOL, FLOAT, INT, ApiType, Map, Set
from xapi_async.objects.entity import EMPTY_MAP, Entity, Values, blank_entity
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.replay import Target

_Reviver = Callable[[Any], Any]
"""From a JSON value to the value as the server holds it."""


class Reviving(Target):
    """Live objects by reference, made from stored ones one by one; ``entities`` has them.

    Equal values are shared between them: texts and numbers, sets and maps. Fields that a class does not have (any
    more) are dropped, and so are objects of classes there are not; fields that are missing are as they start.
    """

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self._texts: dict[str, str] = {}
        self._ints: dict[int, int] = {}
        self._by_class = {
            name: (blank_entity(cls), self._revivers(cls)) for name, cls in BY_NAME.items() if cls.FACTS.persist
        }

    def put(self, cls: str, ref: str, created: int, modified: int, fields: Values) -> None:
        """Make an object. cls: the wire name of its class. fields: as JSON values."""
        found = self._by_class.get(cls)
        if found is None:
            return
        make, revivers = found
        ref = self._texts.setdefault(ref, ref)
        entity = self.entities[ref] = make(ref)
        entity.born = created
        entity.modified = created if modified == created else modified  # one number instead of two
        self._write(entity, revivers, fields)

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
        shared = self._texts.setdefault
        for name, value in fields.items():
            revive = revivers.get(name)
            if revive is _text:  # most are
                setattr(entity, name, shared(value, value))
            elif revive is not None:
                setattr(entity, name, revive(value))

    def _revivers(self, cls: type[ApiClass]) -> dict[str, _Reviver]:
        return {
            name: self._reviver(field.type)
            for name, field in cls.FIELDS.items()
            if field.persist and name not in COMPUTED[cls]
        }

    def _reviver(self, api_type: ApiType[Any]) -> _Reviver:
        if isinstance(api_type, Set):
            return _set_reviver(self._part(api_type.item))
        if isinstance(api_type, Map):
            key = int if api_type.key is INT else self._shared_text
            return _map_reviver(key, self._part(api_type.value))
        if api_type is FLOAT:
            return _float
        if api_type is BOOL:
            return _as_it_is
        return self._shared_int if api_type is INT else _text

    def _part(self, api_type: ApiType[Any]) -> _Reviver:
        found = self._reviver(api_type)
        return self._shared_text if found is _text else found

    def _shared_text(self, value: str) -> str:
        return self._texts.setdefault(value, value)

    def _shared_int(self, value: int) -> int:
        return self._ints.setdefault(value, value)


def _set_reviver(item: _Reviver) -> _Reviver:
    shared: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def revive(values: list[Any]) -> tuple[Any, ...]:
        found = tuple(map(item, values))
        return shared.setdefault(found, found)

    return revive


def _map_reviver(key: _Reviver, value: _Reviver) -> _Reviver:
    # By keys and values in order. Each field has its own, so that 1, 1.0 and True stay what they are.
    shared: dict[tuple[Any, ...], Values] = {}

    def revive(pairs: Values) -> Values:
        if not pairs:
            return EMPTY_MAP
        parts = (*map(key, pairs), *map(value, pairs.values()))
        found = shared.get(parts)
        if found is None:
            half = len(parts) // 2
            found = shared[parts] = dict(zip(parts[:half], parts[half:], strict=True))
        return found

    return revive


def _text(value: str) -> str:
    """Marks what is a text."""
    return value


def _as_it_is(value: Any) -> Any:
    return value


def _float(value: Any) -> float:
    return float("nan") if value is None else float(value)  # JSON has no number for it
