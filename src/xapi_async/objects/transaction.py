"""Transactions: changes that land whole or not at all.

A transaction is opened with ``async with store.transaction() as tx``. Its body runs without an
``await``, so no two are ever open at once and none needs a lock; leaving the body stages the changes,
and the ``async with`` ends when they are durable and visible. Later transactions build on staged
changes at once, so writers to one object share a group commit instead of queueing for it; readers
outside transactions see nothing that a crash could take back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.entity import (
    Draft,
    Entity,
    Values,
    declared_class,
    new_draft,
    new_entity,
    new_ref,
    new_uuid,
)
from xapi_async.objects.relations import COMPUTED, FORWARD, End

if TYPE_CHECKING:
    from xapi_async.objects.store import Store

A = TypeVar("A", bound=ApiClass)


class Step:
    """One entry of a change set: an object created, written or deleted, in order of first touch.

    operation is ``add``, ``mod`` or ``del``; values are those written (``mod``) or all (``add``).
    """

    __slots__ = ("cls", "entity", "operation", "ref", "values")

    def __init__(self, operation: str, cls: type[ApiClass], entity: Entity, values: Values) -> None:
        self.operation = operation
        self.cls = cls
        self.ref = entity.ref
        self.entity = entity
        self.values = values


class Transaction:
    """Reads with its own changes, and writes that others see all at once after it ends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._objects: dict[str, Entity | None] = {}  # drafts and new objects; None: deleted here
        self.steps: dict[str, Step] = {}

    # Reading

    def find(self, cls: type[A], ref: str) -> A | None:
        """The object, or None where there is none of that class. It follows this transaction's writes."""
        if ref in self._objects:
            entity = self._objects[ref]
            return cast(A, entity) if isinstance(entity, cls) else None
        base = self._store.latest(cls, ref)
        if base is None:
            return None
        draft = self._objects[ref] = new_draft(base)
        return cast(A, draft)

    def get(self, cls: type[A], ref: str) -> A:
        """The object. Raises HANDLE_INVALID [class, ref] where there is none of that class."""
        found = self.find(cls, ref)
        if found is None:
            raise ApiError("HANDLE_INVALID", cls.FACTS.name, ref)
        return found

    def all(self, cls: type[A]) -> Iterator[A]:
        """Every object of the class, this transaction's included."""
        for ref in list(self._store.latest_refs(cls)):
            found = self.find(cls, ref)
            if found is not None:
                yield found
        for ref, step in list(self.steps.items()):
            if step.operation == "add" and step.cls is cls:
                yield cast(A, self._objects[ref])

    def by_uuid(self, cls: type[A], uuid: str) -> A:
        """The object with the uuid. Raises UUID_INVALID [class, uuid]."""
        new = next((e for e in self._new(cls) if e.values()["uuid"] == uuid), None)
        ref = new.ref if new else self._store.latest_uuid_ref(uuid)
        entity = self.find(cls, ref) if ref else None
        if entity is None:
            raise ApiError("UUID_INVALID", cls.FACTS.name, uuid)
        return entity

    def _new(self, cls: type[ApiClass]) -> Iterator[Entity]:
        for ref, step in self.steps.items():
            entity = self._objects[ref]
            if step.operation == "add" and step.cls is cls and entity is not None:
                yield entity

    # Writing

    def create(self, cls: type[A], *, ref: str | None = None, **values: Any) -> A:
        """Create an object; fields not given start with their defaults, the uuid with a fresh one.

        ref: the reference, else a fresh one. Raises INTERNAL_ERROR when the uuid is in use.
        """
        unknown = values.keys() - cls.FIELDS.keys()
        if unknown:
            raise TypeError(f"{cls.FACTS.name} has no field {', '.join(sorted(unknown))}")
        values.setdefault("uuid", new_uuid())
        if self._uuid_taken(values["uuid"]):
            raise ApiError("INTERNAL_ERROR", f"{cls.FACTS.name}.uuid: {values['uuid']} is in use")
        entity = new_entity(cls, ref or new_ref(), values)
        self._objects[entity.ref] = entity
        self.steps[entity.ref] = Step("add", cls, entity, {})
        for field, end in FORWARD[cls].items():
            self._link(end, entity.ref, getattr(entity, field))
        for field, end in COMPUTED[cls].items():
            if not getattr(entity, field):
                continue
            raise TypeError(f"{cls.FACTS.name}.{field} is computed from {end.cls.FACTS.name}.{end.field}")
        return cast(A, entity)

    def set(self, target: ApiClass, **values: Any) -> None:
        """Write fields of an object. Even the same value again counts as a change."""
        entity = self._writable(target)
        cls = declared_class(entity)
        forward = FORWARD[cls]
        for name, value in values.items():
            if name not in cls.FIELDS:
                raise TypeError(f"{cls.FACTS.name} has no field {name}")
            if name in COMPUTED[cls]:
                raise TypeError(f"{cls.FACTS.name}.{name} is computed")
            if name in forward:
                self._unlink(forward[name], entity.ref, getattr(entity, name))
                self._touch(entity, name, value)
                self._link(forward[name], entity.ref, value)
            else:
                self._touch(entity, name, value)

    def touch(self, target: ApiClass) -> None:
        """Count the object as changed, though no field is."""
        self._note(self._writable(target))

    def delete(self, target: ApiClass) -> None:
        """Delete an object and take it out of the sets of those it points at. Others may still point at it."""
        entity = self._writable(target)
        cls, ref = declared_class(entity), entity.ref
        noted = self.steps.pop(ref, None)
        if noted is None or noted.operation != "add":
            self.steps[ref] = Step("del", cls, entity, {})
        for field, end in FORWARD[cls].items():
            self._unlink(end, ref, getattr(entity, field))
        self._objects[ref] = None

    # Helpers

    def _writable(self, target: ApiClass) -> Entity:
        entity = self._objects.get(target.ref)
        if entity is None:
            if target.ref in self._objects:
                raise ApiError("HANDLE_INVALID", declared_class(cast(Entity, target)).FACTS.name, target.ref)
            cls = declared_class(cast(Entity, target))
            entity = cast(Entity, self.get(cls, target.ref))
        return entity

    def _touch(self, entity: Entity, name: str, value: Any) -> None:
        setattr(entity, name, value)
        self._note(entity)
        if isinstance(entity, Draft):
            entity.changes[name] = value

    def _note(self, entity: Entity) -> None:
        if entity.ref not in self.steps:
            values = entity.changes if isinstance(entity, Draft) else {}
            self.steps[entity.ref] = Step("mod", declared_class(entity), entity, values)

    def _uuid_taken(self, uuid: str) -> bool:
        ref = self._store.latest_uuid_ref(uuid)
        if ref is not None and self._objects.get(ref, ref) is not None:
            return True
        return any(step.operation == "add" and step.entity.values()["uuid"] == uuid for step in self.steps.values())

    def _link(self, end: End, ref: str, value: Any) -> None:
        """Put ``ref`` into the sets at the other end of a field that now holds ``value``."""
        for other in self._others(end, value):
            current: tuple[str, ...] = getattr(other, end.field)
            self._touch(other, end.field, (*current, ref))

    def _unlink(self, end: End, ref: str, value: Any) -> None:
        """Take ``ref`` out of the sets at the other end of a field that held ``value``."""
        for other in self._others(end, value):
            current: tuple[str, ...] = getattr(other, end.field)
            self._touch(other, end.field, tuple(item for item in current if item != ref))

    def _others(self, end: End, value: Any) -> Iterator[Entity]:
        for ref in value if isinstance(value, tuple) else (value,):
            other = self.find(end.cls, ref) if ref and ref != NULL_REF else None
            if other is not None:
                yield cast(Entity, other)
