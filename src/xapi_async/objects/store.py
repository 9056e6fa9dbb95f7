"""The store: every live object, the way to change them, and who is told of it.

Three states of an object matter. *Committed*: durable and what everybody reads. *Staged*: written by
a transaction that the journal has not yet made durable; only later transactions see it. *Draft*:
inside the one transaction that is open. A transaction's changes move from the last to the first in
the order in which transactions ended, each applied in one step without an ``await``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar, cast

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Draft, Entity, Values, new_draft
from xapi_async.objects.history import Change, Operation, Removal, Removals
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.transaction import Step, Transaction

A = TypeVar("A", bound=ApiClass)
Listener = Callable[[Sequence[Change]], None]


class JournalEntry:
    """One step of a commit as the journal keeps it: only what survives a restart."""

    __slots__ = ("cls", "generation", "operation", "ref", "values")

    def __init__(self, operation: str, cls: type[ApiClass], ref: str, generation: int, values: Values) -> None:
        self.operation = operation
        self.cls = cls
        self.ref = ref
        self.generation = generation
        self.values = values


class Journal(Protocol):
    """Where changes become durable."""

    async def append(self, entries: Sequence[JournalEntry]) -> None:
        """Keep the entries, all or none; they are durable when this returns."""
        ...


class MemoryJournal:
    """A journal that keeps nothing, for tests and for servers that are to forget."""

    async def append(self, entries: Sequence[JournalEntry]) -> None:
        return None


class _Staged:
    """A transaction between its end and its application."""

    __slots__ = ("done", "entries", "first_generation", "steps")

    def __init__(self, steps: list[Step], first_generation: int, entries: list[JournalEntry]) -> None:
        self.steps = steps
        self.first_generation = first_generation
        self.entries = entries
        self.done: asyncio.Future[None] | None = None


class Store:
    """All objects of all classes.

    journal: where changes become durable. generation: where counting starts; it grows with every
    change, over restarts too. Use :meth:`run` in a task for as long as the store is written to.
    """

    def __init__(self, journal: Journal, generation: int = 1) -> None:
        self._journal = journal
        self.generation = generation
        self._issued = generation  # generations given to staged changes
        # Per class, objects in the order of their last change: the newest last.
        self._tables: dict[type[ApiClass], dict[str, Entity]] = {cls: {} for cls in CLASSES}
        self._class_of: dict[str, type[ApiClass]] = {}
        self._by_uuid: dict[str, str] = {}
        self._by_name: dict[type[ApiClass], dict[str, dict[str, None]]] = {
            cls: {} for cls in CLASSES if "name_label" in cls.FIELDS
        }
        self._staged_objects: dict[str, Entity | None] = {}
        self._staged_uses: dict[str, int] = {}
        self._staged_uuids: dict[str, str] = {}
        self._queue: list[_Staged] = []
        self._wake = asyncio.Event()
        self._writing = False
        self._open: Transaction | None = None
        self._listeners: list[Listener] = []
        self.removals = Removals()

    # Reading what is committed

    def find(self, cls: type[A], ref: str) -> A | None:
        """The object, or None where there is none of that class."""
        return cast("A | None", self._tables[cls].get(ref))

    def get(self, cls: type[A], ref: str) -> A:
        """The object. Raises HANDLE_INVALID [class, ref]."""
        found = self._tables[cls].get(ref)
        if found is None:
            raise ApiError("HANDLE_INVALID", cls.FACTS.name, ref)
        return cast(A, found)

    def table(self, cls: type[A]) -> dict[str, A]:
        """The objects of a class by reference, the most recently changed last. Not to be changed by callers."""
        return cast("dict[str, A]", self._tables[cls])

    def all(self, cls: type[A]) -> Iterable[A]:
        """Every object of a class."""
        return cast("Iterable[A]", self._tables[cls].values())

    def by_uuid(self, cls: type[A], uuid: str) -> A:
        """The object with the uuid. Raises UUID_INVALID [class, uuid]."""
        found = self._tables[cls].get(self._by_uuid.get(uuid, ""))
        if found is None:
            raise ApiError("UUID_INVALID", cls.FACTS.name, uuid)
        return cast(A, found)

    def by_name(self, cls: type[ApiClass], name: str) -> tuple[str, ...]:
        """The references of the objects of a class with exactly that name_label."""
        return tuple(self._by_name[cls].get(name, ()))

    def changed_since(self, cls: type[A], generation: int) -> Iterator[A]:
        """Objects of a class created or changed after a generation, the newest first."""
        for entity in reversed(self._tables[cls].values()):
            if entity.modified <= generation:
                return
            yield cast(A, entity)

    def class_generation(self, cls: type[ApiClass]) -> int:
        """The generation of the last creation or change in a class that still shows; 0 where it is empty."""
        table = self._tables[cls]
        return next(reversed(table.values())).modified if table else 0

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have a function called after each commit with its changes in order; gives the way to stop that.

        It is called before anybody else can see the state after the commit, and must not await.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # Writing

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction; its body must not await. Ends when the changes are durable and visible.

        An exception in the body drops all changes. Raises INTERNAL_ERROR when the journal fails.
        """
        if self._open is not None:
            raise RuntimeError("a transaction is open: its body must have awaited something")
        tx = self._open = Transaction(self)
        try:
            yield tx
        finally:
            self._open = None
        staged = self._stage(tx)
        if staged is not None and staged.done is not None:
            # Shielded: the change lands whether or not the caller still wants the answer.
            await asyncio.shield(staged.done)

    async def run(self) -> None:
        """Make staged changes durable and visible, as long as the store is in use; cancel to end it."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._write_batch()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what is still staged."""
        while self._queue and not self._writing:
            await self._write_batch()

    # What transactions ask

    def latest(self, cls: type[ApiClass], ref: str) -> Entity | None:
        """The object as a new transaction sees it: staged before committed."""
        if ref in self._staged_objects:
            staged = self._staged_objects[ref]
            return staged if isinstance(staged, cls) else None
        return self._tables[cls].get(ref)

    def latest_refs(self, cls: type[ApiClass]) -> Iterator[str]:
        """References of all objects of a class that are there or were staged."""
        yield from self._tables[cls]
        for ref, staged in self._staged_objects.items():
            if isinstance(staged, cls) and ref not in self._tables[cls]:
                yield ref

    def latest_uuid_ref(self, uuid: str) -> str | None:
        """Who has the uuid, in any class."""
        ref = self._staged_uuids.get(uuid) or self._by_uuid.get(uuid)
        if ref is not None and ref in self._staged_objects and self._staged_objects[ref] is None:
            return None
        return ref

    # Staging and applying

    def _stage(self, tx: Transaction) -> _Staged | None:
        steps = list(tx.steps.values())
        if not steps:
            return None
        first = self._issued + 1
        self._issued += len(steps)
        entries: list[JournalEntry] = []
        for number, step in enumerate(steps):
            kept = _persistent_part(step)
            if kept is not None:
                entries.append(JournalEntry(step.operation, step.cls, step.ref, first + number, kept))
        staged = _Staged(steps, first, entries)
        if not entries and not self._queue and not self._writing:
            self._apply(staged)  # nothing to keep, and nobody before it whose turn would come later
            return staged
        for step in steps:
            self._stage_step(step)
        staged.done = asyncio.get_running_loop().create_future()
        self._queue.append(staged)
        self._wake.set()
        return staged

    def _stage_step(self, step: Step) -> None:
        ref = step.ref
        self._staged_uses[ref] = self._staged_uses.get(ref, 0) + 1
        if step.operation == "add":
            self._staged_objects[ref] = step.entity
            self._staged_uuids[_uuid(step.entity)] = ref
        elif step.operation == "del":
            self._staged_objects[ref] = None
        else:
            current = self._staged_objects.get(ref)
            if current is None:
                base = self._tables[step.cls][ref]
                current = self._staged_objects[ref] = new_draft(base)
            elif not isinstance(current, Draft):
                # Staged as new and not yet applied: later writes must not show in it before it lands.
                current = self._staged_objects[ref] = new_draft(current)
            for name, value in step.values.items():
                setattr(current, name, value)

    async def _write_batch(self) -> None:
        batch, self._queue = self._queue, []
        self._writing = True
        entries = [entry for staged in batch for entry in staged.entries]
        try:
            if entries:
                await self._finish(self._journal.append(entries))
        except Exception as error:  # whatever the journal met, nothing of it may become visible
            self._drop(batch, error)
            return
        finally:
            self._writing = False
        for staged in batch:
            self._apply(staged)
            self._unstage(staged)
            if staged.done is not None and not staged.done.done():
                staged.done.set_result(None)

    @staticmethod
    async def _finish(work: Coroutine[Any, Any, None]) -> None:
        # Once handed over, a batch may be durable at any moment: a cancellation waits until that is known.
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            asyncio.current_task().cancel()  # type: ignore[union-attr]

    def _unstage(self, staged: _Staged) -> None:
        for step in staged.steps:
            uses = self._staged_uses[step.ref] - 1
            if uses:
                self._staged_uses[step.ref] = uses
                continue
            del self._staged_uses[step.ref]
            self._staged_objects.pop(step.ref, None)
            if step.operation != "del":
                self._staged_uuids.pop(_uuid(step.entity), None)

    def _drop(self, batch: list[_Staged], error: Exception) -> None:
        # What was staged after the batch was built on it, so it falls too.
        batch, self._queue = [*batch, *self._queue], []
        self._staged_objects.clear()
        self._staged_uses.clear()
        self._staged_uuids.clear()
        for staged in batch:
            if staged.done is not None and not staged.done.done():
                failure = ApiError("INTERNAL_ERROR", f"the change could not be stored: {error}")
                failure.__cause__ = error
                staged.done.set_exception(failure)

    def _apply(self, staged: _Staged) -> None:
        generation = staged.first_generation
        changes: list[Change] = []
        for step in staged.steps:
            entity = self._apply_step(step, generation)
            changes.append(Change(cast(Operation, step.operation), step.cls, step.ref, generation, entity))
            generation += 1
        self.generation = max(self.generation, generation - 1)
        for listener in self._listeners:
            listener(changes)

    def _apply_step(self, step: Step, generation: int) -> Entity:
        table = self._tables[step.cls]
        if step.operation == "add":
            entity = step.entity
            entity.created = entity.modified = generation
            table[step.ref] = entity
            self._index(step.cls, entity)
            return entity
        entity = table.pop(step.ref)
        if step.operation == "del":
            self._unindex(step.cls, entity)
            self.removals.add(step.cls, Removal(step.ref, entity.created, generation))
            return entity
        values = step.values
        renamed = "name_label" in values and step.cls in self._by_name
        if renamed:
            self._unindex_name(step.cls, entity)
        for name, value in values.items():
            setattr(entity, name, value)
        if renamed:
            self._index_name(step.cls, entity)
        entity.modified = generation
        entity.memo = None
        table[step.ref] = entity
        return entity

    def restore(self, cls: type[ApiClass], entity: Entity) -> None:
        """Put in an object read from the journal; only before the store is in use."""
        self._tables[cls][entity.ref] = entity
        self._index(cls, entity)

    def restore_relations(self) -> None:
        """Compute the sets that are never stored, from the references that are; after all of :meth:`restore`."""
        for cls, fields in COMPUTED.items():
            for field, end in fields.items():
                members: dict[str, list[str]] = {}
                for other in self._tables[end.cls].values():
                    members.setdefault(getattr(other, end.field), []).append(other.ref)
                for ref, entity in self._tables[cls].items():
                    setattr(entity, field, tuple(members.get(ref, ())))

    def _index(self, cls: type[ApiClass], entity: Entity) -> None:
        self._by_uuid[_uuid(entity)] = entity.ref
        if cls in self._by_name:
            self._index_name(cls, entity)

    def _unindex(self, cls: type[ApiClass], entity: Entity) -> None:
        if self._by_uuid.get(_uuid(entity)) == entity.ref:
            del self._by_uuid[_uuid(entity)]
        if cls in self._by_name:
            self._unindex_name(cls, entity)

    def _index_name(self, cls: type[ApiClass], entity: Entity) -> None:
        self._by_name[cls].setdefault(cast(Any, entity).name_label, {})[entity.ref] = None

    def _unindex_name(self, cls: type[ApiClass], entity: Entity) -> None:
        name = cast(Any, entity).name_label
        same = self._by_name[cls].get(name)
        if same is not None:
            same.pop(entity.ref, None)
            if not same:
                del self._by_name[cls][name]


def _uuid(entity: Entity) -> str:
    return str(cast(Any, entity).uuid)


def _persistent_part(step: Step) -> Values | None:
    """What of a step survives a restart; None where nothing does."""
    cls = step.cls
    if not cls.FACTS.persist:
        return None
    if step.operation == "del":
        return {}
    computed, fields = COMPUTED[cls], cls.FIELDS
    values = step.entity.values() if step.operation == "add" else step.values
    kept = {name: value for name, value in values.items() if fields[name].persist and name not in computed}
    if kept or step.operation == "add" or any(name in computed for name in values):
        return kept
    return None
