"""From what is stored to objects: the state that a journal's entries add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import BOOL, FLOAT, INT, ApiType, Map, Set
from xapi_async.objects.entity import EMPTY_MAP, Entity, Values, new_entity
from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.relations import COMPUTED


@dataclass(slots=True)
class StoredObject:
    """An object as it is stored. cls: the wire name of its class. fields: JSON values."""

    cls: str
    ref: str
    created: int
    modified: int
    fields: Values


Objects = dict[str, StoredObject | None]
"""Objects by reference; None: deleted."""


class Replayed(NamedTuple):
    """What was replayed. newest: the newest generation met, 0 for none."""

    pieces: int
    newest: int


def replay(rows: Iterable[bytes], objects: Objects, stored: Callable[[str], StoredObject | None]) -> Replayed:
    """Apply rows of the journal, in order, to ``objects``.

    stored: what was kept before of an object that is not in ``objects``. Applying again what was
    applied already changes nothing. Raises DatabaseError for rows that cannot be read.
    """
    pieces = newest = 0
    for row in rows:
        for piece in parsed(row):
            pieces += 1
            for operation, generation, cls, ref, values in piece:
                newest = max(newest, generation)
                if operation == "add":
                    objects[ref] = StoredObject(cls, ref, generation, generation, values)
                elif operation == "del":
                    objects[ref] = None
                else:
                    found = objects[ref] if ref in objects else stored(ref)
                    if found is not None:
                        found.fields.update(values)
                        found.modified = generation
                        objects[ref] = found
    return Replayed(pieces, newest)


def parsed(blob: bytes) -> Any:
    """The JSON value in a column of the database. Raises DatabaseError where it is none."""
    try:
        return orjson.loads(blob)
    except orjson.JSONDecodeError:
        raise DatabaseError("the database is damaged; put a backup in its place") from None


class Reviver:
    """Makes entities from stored objects, sharing equal strings and other small values between them.

    Fields that the class does not have (any more) are dropped, and so are objects of classes there
    are not; fields that are missing start with their defaults.
    """

    def __init__(self) -> None:
        self._shared: dict[Any, Any] = {}
        self._by_class = {name: (cls, self._revivers(cls)) for name, cls in BY_NAME.items() if cls.FACTS.persist}

    def entity(self, stored: StoredObject) -> Entity | None:
        """The object; None where its class is gone."""
        found = self._by_class.get(stored.cls)
        if found is None:
            return None
        cls, revivers = found
        values = {name: revivers[name](value) for name, value in stored.fields.items() if name in revivers}
        entity = new_entity(cls, self._share(stored.ref), values)
        entity.born, entity.modified = stored.created, stored.modified
        return entity

    def _revivers(self, cls: type[ApiClass]) -> dict[str, Callable[[Any], Any]]:
        return {
            name: self._reviver(field.type)
            for name, field in cls.FIELDS.items()
            if field.persist and name not in COMPUTED[cls]
        }

    def _share(self, value: Any) -> Any:
        return self._shared.setdefault(value, value)

    def _reviver(self, api_type: ApiType[Any]) -> Callable[[Any], Any]:
        """The function from JSON values to values as the server holds them."""
        if isinstance(api_type, Set):
            item = self._reviver(api_type.item)
            return lambda values: self._share(tuple(map(item, values)))
        if isinstance(api_type, Map):
            key = int if api_type.key is INT else self._share
            value = self._reviver(api_type.value)
            return lambda pairs: {key(k): value(v) for k, v in pairs.items()} if pairs else EMPTY_MAP
        if api_type is FLOAT:
            return _float
        if api_type is INT or api_type is BOOL:
            return _as_it_is
        return self._share


def _as_it_is(value: Any) -> Any:
    return value


def _float(value: Any) -> float:
    return float("nan") if value is None else float(value)  # JSON has no number for it
