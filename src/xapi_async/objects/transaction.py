"""Transactions: changes that land whole or not at all.

A transaction is opened with ``async with store.transaction() as tx``. Its body runs without an
``await``, so no two are ever open at once and none needs a lock; leaving the body stages the changes,
and the ``async with`` ends when they are durable and visible. Later transactions build on staged
changes at once, so writers to one object share a group commit instead of queueing for it; readers
outside transactions see nothing that a crash could take back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.entity import (
    NAMED_BY_REFERENCE,
    Draft,
    Entity,
    declared_class,
    new_draft,
    new_entity,
    new_ref,
    new_uuid,
    ref_of,
)
from xapi_async.objects.finishing import finish
from xapi_async.objects.membership import link, unlink
from xapi_async.objects.relations import COMPUTED, FORWARD, End
from xapi_async.objects.step import NONE, Step
from xapi_async.objects.totals import Adjusted, Sum, Totals

if TYPE_CHECKING:
    from xapi_async.objects.store import Store

A = TypeVar("A", bound=ApiClass)


def _adding(cls: type[ApiClass], entity: Entity) -> Step:
    step = Step("add", cls, entity.ref, NONE, NONE)
    step.entity = entity
    return step


class Transaction:
    """Reads with its own changes, and writes that others see all at once after it ends.

    An exception in the body drops all changes. Leaving it raises INTERNAL_ERROR when the journal
    fails. Being cancelled while it waits for the journal does not take the changes back: that takes effect
    at the next ``await`` after they have landed, so that whoever made something knows it, and can undo it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._objects: dict[str, Entity | None] = {}  # drafts and new objects; None: deleted here
        self._uuids: dict[str, str] = {}  # of objects that got theirs here
        self.steps: dict[str, Step] = {}

    async def __aenter__(self) -> Transaction:
        self._store.enter(self)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        staged = self._store.leave(self, failed=kind is not None)
        if staged is not None:
            try:
                await staged.done
            except asyncio.CancelledError:
                await finish(staged.done, is_cancelled=True)

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
        ref = self._uuid_owner(uuid)
        entity = self.find(cls, ref) if ref else None
        if entity is None:
            raise ApiError("UUID_INVALID", cls.FACTS.name, uuid)
        return entity

    @property
    def view(self) -> View:
        """A reader of the same state for much looking and little writing: it makes no drafts.

        What it gives does not follow later writes of this transaction, and may be passed to :meth:`set`.
        """
        return View(self)

    def glance(self, cls: type[A], ref: str) -> A | None:
        """As :meth:`find`, without making a draft."""
        entity = self._objects[ref] if ref in self._objects else self._store.latest(cls, ref)
        return cast(A, entity) if isinstance(entity, cls) else None

    def totals(self, what: Sum[A]) -> Totals[A] | Adjusted:
        """Sums over a class, this transaction's changes in them."""
        totals = self._store.totals(what)
        changed = [ref for ref, step in self.steps.items() if step.cls is what.cls]
        if not changed:
            return totals
        return totals.adjusted({ref: cast("A | None", self._objects[ref]) for ref in changed})

    def committed(self, cls: type[A]) -> Iterable[A] | None:
        """Every object of the class, if none of them is other than committed; else None."""
        if self._store.has_staged(cls) or any(step.cls is cls for step in self.steps.values()):
            return None
        return self._store.all(cls)

    def refs(self, cls: type[ApiClass]) -> list[str]:
        """References of every object of a class; some may have been deleted here."""
        added = [ref for ref, step in self.steps.items() if step.operation == "add" and step.cls is cls]
        return [*self._store.latest_refs(cls), *added]

    # Writing

    def create(self, cls: type[A], *, ref: str | None = None, **values: Any) -> A:
        """Create an object; fields not given start with their defaults, the uuid with a fresh one.

        ref: the reference, else a fresh one. Raises INTERNAL_ERROR when the uuid is in use.
        """
        _check_fields(cls, values, COMPUTED[cls], or_empty=True)
        if "uuid" not in values:
            values["uuid"] = new_uuid()
            if ref is None and cls in NAMED_BY_REFERENCE:
                ref = ref_of(values["uuid"])
        elif self._uuid_owner(values["uuid"]) is not None:
            raise ApiError("INTERNAL_ERROR", f"{cls.FACTS.name}.uuid: {values['uuid']} is in use")
        if ref is not None and (ref in self._objects or self._store.latest(cls, ref) is not None):
            raise ApiError("INTERNAL_ERROR", f"{cls.FACTS.name}: {ref} is in use")
        entity = new_entity(cls, ref or new_ref(), values)
        self._objects[entity.ref] = entity
        self._uuids[values["uuid"]] = entity.ref
        self.steps[entity.ref] = _adding(cls, entity)
        for field, end in FORWARD[cls].items():
            self._link(end, entity.ref, getattr(entity, field))
        return cast(A, entity)

    def set(self, target: ApiClass, **values: Any) -> None:
        """Write fields of an object. Even the same value again counts as a change."""
        entity = self._writable(target)
        cls = declared_class(entity)
        _check_fields(cls, values, COMPUTED[cls])
        forward = FORWARD[cls]
        for name, value in values.items():
            if name in forward:
                self._unlink(forward[name], entity.ref, getattr(entity, name))
                self._write(entity, name, value)
                self._link(forward[name], entity.ref, value)
            else:
                self._write(entity, name, value)
        if "uuid" in values:
            self._uuids[values["uuid"]] = entity.ref

    def touch(self, target: ApiClass) -> None:
        """Count the object as changed, though no field is."""
        self._note(self._writable(target))

    def delete(self, target: ApiClass) -> None:
        """Delete an object and take it out of the sets of those it points at. Others may still point at it."""
        entity = self._writable(target)
        cls, ref = declared_class(entity), entity.ref
        pointed = [(end, getattr(entity, field)) for field, end in FORWARD[cls].items()]
        noted = self.steps.pop(ref, None)
        if noted is None or noted.operation != "add":
            self.steps[ref] = Step("del", cls, ref, NONE, NONE)
        self._objects[ref] = None
        for end, value in pointed:
            self._unlink(end, ref, value)

    # Helpers

    def _writable(self, target: ApiClass) -> Entity:
        entity = self._objects.get(target.ref)
        if entity is None:
            # Deleted here, or not looked at before: the search tells which.
            entity = cast(Entity, self.get(declared_class(cast(Entity, target)), target.ref))
        return entity

    def _write(self, entity: Entity, name: str, value: Any) -> None:
        if isinstance(entity, Draft):
            entity.write(name, value)
            self._note(entity)
        else:
            setattr(entity, name, value)

    def _note(self, entity: Entity) -> None:
        if entity.ref not in self.steps and isinstance(entity, Draft):  # a new object has its step already
            self.steps[entity.ref] = Step("mod", declared_class(entity), entity.ref, entity.changes, entity.links)

    def _uuid_owner(self, uuid: str) -> str | None:
        ref = self._uuids.get(uuid)
        if ref is None or self._objects[ref] is None:
            ref = self._store.latest_uuid_ref(uuid)
        # Whoever has it elsewhere may have been deleted here.
        return ref if ref is not None and self._objects.get(ref, ref) is not None else None

    def _link(self, end: End, ref: str, value: Any) -> None:
        """Put ``ref`` into the sets at the other end of a field that now holds ``value``."""
        for other in self._others(end, value):
            if end.many_to_many:
                current = getattr(other, end.field)
                self._write(other, end.field, current if ref in current else (*current, ref))
            elif isinstance(other, Draft):
                other.note_link(end.field, ref, True)
                self._note(other)
            else:
                link(other, end.field, ref)

    def _unlink(self, end: End, ref: str, value: Any) -> None:
        """Take ``ref`` out of the sets at the other end of a field that held ``value``."""
        for other in self._others(end, value):
            if end.many_to_many:
                current = getattr(other, end.field)
                self._write(other, end.field, tuple(item for item in current if item != ref))
            elif isinstance(other, Draft):
                other.note_link(end.field, ref, False)
                self._note(other)
            else:
                unlink(other, end.field, ref)

    def _others(self, end: End, value: Any) -> Iterator[Entity]:
        for ref in value if type(value) is tuple else (value,):
            other = self.find(end.cls, ref) if ref and ref != NULL_REF else None
            if other is not None:
                yield cast(Entity, other)


def _check_fields(
    cls: type[ApiClass], values: Mapping[str, Any], computed: Mapping[str, End], *, or_empty: bool = False
) -> None:
    for name in values:
        if name not in cls.FIELDS:
            raise TypeError(f"{cls.FACTS.name} has no field {name}")
        if name in computed and not (or_empty and not values[name]):
            end = computed[name]
            raise TypeError(f"{cls.FACTS.name}.{name} is computed from {end.cls.FACTS.name}.{end.field}")


class View:
    """A transaction's :attr:`~Transaction.view`."""

    __slots__ = ("_tx",)

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def find(self, cls: type[A], ref: str) -> A | None:
        """The object, or None where there is none of that class."""
        return self._tx.glance(cls, ref)

    def get(self, cls: type[A], ref: str) -> A:
        """The object. Raises HANDLE_INVALID [class, ref]."""
        found = self._tx.glance(cls, ref)
        if found is None:
            raise ApiError("HANDLE_INVALID", cls.FACTS.name, ref)
        return found

    def all(self, cls: type[A]) -> Iterable[A]:
        """Every object of the class."""
        committed = self._tx.committed(cls)
        if committed is not None:
            return committed
        found = (self._tx.glance(cls, ref) for ref in self._tx.refs(cls))
        return (entity for entity in found if entity is not None)

    def by_uuid(self, cls: type[A], uuid: str) -> A:
        """The object with the uuid. Raises UUID_INVALID [class, uuid]."""
        return self._tx.by_uuid(cls, uuid)

    def totals(self, what: Sum[A]) -> Totals[A] | Adjusted:
        """Sums over a class, the transaction's changes in them."""
        return self._tx.totals(what)
