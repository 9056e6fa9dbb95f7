"""Finding committed objects by uuid and by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import NAMED_BY_REFERENCE, Entity, ref_of

_UUID, _REF = attrgetter("uuid"), attrgetter("ref")


class Indices:
    """The references of objects by what they are looked up by.

    tables: all objects of each class by reference, which also find those whose reference is made of their uuid.
    """

    def __init__(self, tables: Mapping[type[ApiClass], Mapping[str, Entity]]) -> None:
        self._named_by_reference = [tables[cls] for cls in CLASSES if cls in NAMED_BY_REFERENCE]
        self._by_uuid: dict[str, str] = {}
        # Most names are had by one object only: its reference then stands alone.
        self._by_name: dict[type[ApiClass], dict[str, str | dict[str, None]]] = {
            cls: {} for cls in CLASSES if "name_label" in cls.FIELDS
        }

    def by_uuid(self, uuid: str) -> str | None:
        """Who has the uuid, in any class."""
        return self._by_uuid.get(uuid) or self._by_reference(uuid)

    def has_entered(self, uuid: str) -> bool:
        """Whether an object is entered under the uuid, which those are not whose reference is made of theirs."""
        return uuid in self._by_uuid

    def by_name(self, cls: type[ApiClass], name: str) -> tuple[str, ...]:
        """The objects of a class with exactly that name_label."""
        found = self._by_name[cls].get(name, ())
        return (found,) if isinstance(found, str) else tuple(found)

    def shared_names(self) -> dict[type[ApiClass], dict[str, tuple[str, ...]]]:
        """The names that several objects of a class have, and those objects in order."""
        return {
            cls: {name: tuple(refs) for name, refs in names.items() if isinstance(refs, dict)}
            for cls, names in self._by_name.items()
        }

    def restore_names(self, shared: Mapping[type[ApiClass], Mapping[str, tuple[str, ...]]]) -> None:
        """Put the objects of each name into an order given by :meth:`shared_names`."""
        for cls, names in shared.items():
            self._by_name[cls].update((name, dict.fromkeys(refs)) for name, refs in names.items())

    def add(self, cls: type[ApiClass], entity: Entity) -> None:
        """Enter an object as it is now."""
        found, ref = cast(Any, entity), entity.ref
        if cls not in NAMED_BY_REFERENCE or ref_of(found.uuid) != ref:
            self._by_uuid[found.uuid] = ref
        if cls in self._by_name:
            self._add_name(cls, found.name_label, ref)

    def add_all(self, cls: type[ApiClass], entities: Sequence[Entity]) -> None:
        """Enter objects of a class, quickly."""
        by_uuid = entities
        if cls in NAMED_BY_REFERENCE:
            by_uuid = [entity for entity in entities if ref_of(cast(Any, entity).uuid) != entity.ref]
        self._by_uuid.update(zip(map(_UUID, by_uuid), map(_REF, by_uuid), strict=True))
        if cls in self._by_name:
            for entity in entities:
                self._add_name(cls, cast(Any, entity).name_label, entity.ref)

    def remove(self, cls: type[ApiClass], entity: Entity) -> None:
        """Take out an object, which must still be as it was entered."""
        found, ref = cast(Any, entity), entity.ref
        if self._by_uuid.get(found.uuid) == ref:
            del self._by_uuid[found.uuid]
        if cls in self._by_name:
            self._remove_name(cls, found.name_label, ref)

    def change(self, cls: type[ApiClass], entity: Entity, values: Mapping[str, Any]) -> None:
        """Enter an object as it will be once these values are written to it."""
        found: Any = entity  # cast() is a call, and this one is part of each write
        ref = entity.ref
        if "name_label" in values:
            self._remove_name(cls, found.name_label, ref)
            self._add_name(cls, values["name_label"], ref)
        if "uuid" in values:
            if self._by_uuid.get(found.uuid) == ref:
                del self._by_uuid[found.uuid]
            self._by_uuid[values["uuid"]] = ref

    def _remove_name(self, cls: type[ApiClass], name: str, ref: str) -> None:
        names = self._by_name[cls]
        same = names.get(name)
        if isinstance(same, dict):
            same.pop(ref, None)
        if same == ref or not same:
            names.pop(name, None)

    def _by_reference(self, uuid: str) -> str | None:
        ref = ref_of(uuid)
        for table in self._named_by_reference:
            entity = table.get(ref)
            if entity is not None and cast(Any, entity).uuid == uuid:
                return ref
        return None

    def _add_name(self, cls: type[ApiClass], name: str, ref: str) -> None:
        names = self._by_name[cls]
        same = names.setdefault(name, ref)
        if isinstance(same, dict):
            same[ref] = None
        elif same != ref:
            names[name] = {same: None, ref: None}
