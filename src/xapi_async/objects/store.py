"""The store: every live object, the way to change them, and who is told of it.

Three states of an object matter. *Committed*: durable and what everybody reads. *Staged*: written by
a transaction that the journal has not yet made durable; only later transactions see it. *Draft*:
inside the one transaction that is open. A transaction's changes move from the last to the first in
the order in which transactions ended, each applied in one step without an ``await``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from time import perf_counter
from typing import Any, TypeVar, cast

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects import membership
from xapi_async.objects.entity import Entity, Values
from xapi_async.objects.finishing import finish
from xapi_async.objects.histogram import JournalStats
from xapi_async.objects.history import Removal, Removals
from xapi_async.objects.indices import Indices
from xapi_async.objects.journal import Journal, JournalEntry, encoded
from xapi_async.objects.journal import MemoryJournal as MemoryJournal
from xapi_async.objects.lasting import journal_entry
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.staging import Staged, Staging
from xapi_async.objects.step import NONE, Step
from xapi_async.objects.table import Table
from xapi_async.objects.totals import Sum, Totals
from xapi_async.objects.transaction import Transaction
from xapi_async.objects.turns import Turns

A = TypeVar("A", bound=ApiClass)
T = TypeVar("T")
Listener = Callable[[Sequence[Step]], None]
Watcher = Callable[[Step], None]
Follower = Callable[[Sequence[Step], int], None]
"""Told of the steps of a commit, with the generation of the first; each further one has the next."""
Tap = Callable[[Sequence[bytes], int], None]
"""Told of what a journal keeps of a commit, as pieces of JSON, with the generation of its last step."""

LANDED_AT_ONCE = 64
"""How many transactions land in one step, and tell whoever waits for no more than that: half a millisecond's work."""

_LOOKS = 16
"""How often the sockets are looked at before a commit, at the most."""

RESERVE = 1_000_000
"""How many generations are reserved ahead, so that changes that are not journaled can have some at once."""

_log = logging.getLogger(__name__)


class Store:
    """All objects of all classes.

    journal: where changes become durable. generation: where counting starts; it grows with every
    change, over restarts too. reserved: the generation up to which the journal needs not be told
    before it is given out; None for a journal that does not outlive the store. Use :meth:`run` in a
    task for as long as the store is written to.
    """

    def __init__(self, journal: Journal, generation: int = 1, reserved: int | None = None) -> None:
        self._journal = journal
        self.generation = generation
        self._issued = generation  # generations given to staged changes
        self._reserved: float = float("inf") if reserved is None else reserved
        self._reserve_from = self._reserved - RESERVE // 2  # a generation beyond this one has more reserved
        # Per class, objects in the order of their last change: the newest last.
        self._tables: dict[type[ApiClass], Table] = {cls: Table() for cls in CLASSES}
        self._indices = Indices(self._tables)
        self._staging = Staging()
        self._queue: list[Staged] = []
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._open: Transaction | None = None
        self._closed = False
        self._listeners: list[Listener] = []
        self._removal_listeners: list[Listener] = []
        self._watchers: dict[str, list[Watcher]] = {}
        self._totals: dict[type[ApiClass], dict[Sum[Any], Totals[Any]]] = {}
        self.turns = Turns()
        self._follower: Follower | None = None
        self._tap: Tap | None = None
        self.removals = Removals()
        self.written = JournalStats()

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
        found = self._tables[cls].get(self._indices.by_uuid(uuid) or "")
        if found is None:
            raise ApiError("UUID_INVALID", cls.FACTS.name, uuid)
        return cast(A, found)

    def by_name(self, cls: type[ApiClass], name: str) -> tuple[str, ...]:
        """The references of the objects of a class with exactly that name_label."""
        return self._indices.by_name(cls, name)

    def changed_since(self, cls: type[A], generation: int) -> Iterator[A]:
        """Objects of a class created or changed after a generation, the newest first."""
        return cast("Iterator[A]", self._tables[cls].changed_since(generation))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have a function called after each commit with its changes in order; gives the way to stop that.

        It is called before anybody else can see the state after the commit, and must not await.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def listen_to_removals(self, listener: Listener) -> Callable[[], None]:
        """As :meth:`listen`, for removals only: commits without any, which nearly all are, cost nothing."""
        self._removal_listeners.append(listener)
        return lambda: self._removal_listeners.remove(listener)

    def watch(self, refs: Collection[str], watcher: Watcher) -> Callable[[], None]:
        """As :meth:`listen`, for the changes of a few objects only; however many watch, others cost nothing."""
        for ref in refs:
            self._watchers.setdefault(ref, []).append(watcher)

        def stop() -> None:
            for ref in refs:
                self._watchers[ref].remove(watcher)
                if not self._watchers[ref]:
                    del self._watchers[ref]

        return stop

    def totals(self, what: Sum[A]) -> Totals[A]:
        """Sums over a class, staged changes in them; counted when first asked for, and kept up from then on."""
        kept = self._totals.setdefault(what.cls, {})
        if what not in kept:
            newest = (self.latest(what.cls, ref) for ref in self.latest_refs(what.cls))
            kept[what] = Totals(what, (cast(A, entity) for entity in newest if entity is not None))
        return kept[what]

    def follow(self, follower: Follower | None) -> None:
        """Have a function told of all that lands, completely enough to repeat it elsewhere; None ends that.

        It is called in the same step in which the commit becomes visible, before any listener.
        """
        self._follower = follower

    def tap(self, tap: Tap | None) -> None:
        """Have a function told of all that lands and lasts, as bytes that can be replayed; None ends that.

        It is called in the same step in which the commit becomes visible. After :meth:`flush` nothing escapes it.
        """
        self._tap = tap

    # Writing

    def transaction(self) -> Transaction:
        """A transaction, to be opened with ``async with``; its body must not await.

        Leaving it waits until the changes are durable and visible.
        """
        return Transaction(self)

    def put(self, cls: type[ApiClass], ref: str, name: str, value: Any) -> Staged | None:
        """Write one field of an object from which nothing else follows; None where the change has landed already.

        The short way for accessors, which are most of all changes. Raises HANDLE_INVALID [class, ref], and
        what leaving a transaction does.
        """
        if self._open is not None:
            raise RuntimeError("a transaction is open: what is written beside it could not be in order")
        is_there = self._staging.is_there(cls, ref)
        if not (is_there or (is_there is None and ref in self._tables[cls])):
            raise ApiError("HANDLE_INVALID", cls.FACTS.name, ref)
        return self._stage((Step("mod", cls, ref, {name: value}, NONE),))

    async def run(self) -> None:
        """Make staged changes durable and visible, as long as the store is in use; cancel to end it.

        What is staged then is still written; transactions that end later are refused.
        """
        # In a task that nobody cancels: what was handed to the journal may be durable at any moment.
        writing = asyncio.ensure_future(self._keep_writing())
        try:
            await asyncio.shield(writing)
        finally:
            self._closed = True
            self._wake.set()
            await finish(writing)

    async def _keep_writing(self) -> None:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            await self._write_all()
        await self._write_all()

    async def flush(self) -> None:
        """Write what is staged; when this returns, all of it has landed or was refused."""
        await finish(self._write_all())

    async def _let_others_come(self) -> None:
        """Look at the sockets for as long as that brings more changes: one commit is for all of them."""
        for _ in range(_LOOKS):
            before = len(self._queue)
            await asyncio.sleep(0)
            if len(self._queue) == before:
                return

    async def _write_all(self) -> None:
        async with self._writing:
            while self._queue:
                if len(self._queue) > 1:
                    await self._let_others_come()
                await self._write_batch()
            if self._issued > self._reserve_from:
                try:
                    await self._reserve()
                except Exception as error:  # half of what was reserved is left; each later change tries again
                    _log.warning("no generations were reserved ahead: %s", error)

    # What transactions ask

    def enter(self, tx: Transaction) -> None:
        """Open a transaction; there is never more than one."""
        if self._open is not None:
            raise RuntimeError("a transaction is open: its body must have awaited something")
        self._open = tx

    def leave(self, tx: Transaction, *, failed: bool) -> Staged | None:
        """Close a transaction and stage its changes, unless it failed; None where nothing has to be waited for.

        Raises INTERNAL_ERROR after the store was closed, and TypeError for values that cannot be kept.
        """
        self._open = None
        steps = list(tx.steps.values())
        tx.steps.clear()  # so that what it deletes is not kept for as long as somebody has the transaction
        return None if failed or not steps else self._stage(steps)

    def _stage(self, steps: Sequence[Step]) -> Staged | None:
        if self._closed:
            raise ApiError("INTERNAL_ERROR", "the server is shutting down: nothing can be changed any more")
        first = generation = self._issued + 1
        entries: list[JournalEntry] = []
        for step in steps:
            entry = journal_entry(step, generation)
            if entry is not None:
                entries.append(entry)
            generation += 1
        pieces = self._journal.encode(entries) if entries else None
        if self._tap is not None and entries and not pieces:
            pieces = encoded(entries)  # of a journal that keeps nothing
        staged = Staged(steps, first, pieces)
        self._issued = generation - 1
        if self._issued > self._reserve_from:
            self._wake.set()
        if not entries and not self._queue and not self._writing.locked() and self._issued <= self._reserved:
            self._land((staged,))  # nothing to keep, and nobody before it whose turn would come later
            self._count(steps)
            return None
        for step in steps:
            self._staging.add(step)
        if self._totals:
            self._count(steps)
        if not self._queue:
            self._wake.set()
        self._queue.append(staged)
        return staged

    def latest(self, cls: type[ApiClass], ref: str) -> Entity | None:
        """The object as a new transaction sees it: staged before committed."""
        committed = self._tables[cls].get(ref)
        return committed if self._staging.is_there(cls, ref) is None else self._staging.find(cls, ref, committed)

    def latest_refs(self, cls: type[ApiClass]) -> Iterator[str]:
        """References of all objects of a class that are there or were staged."""
        table = self._tables[cls]
        yield from table
        yield from (ref for ref in self._staging.refs(cls) if ref not in table)

    def has_staged(self, cls: type[ApiClass]) -> bool:
        """Whether any object of a class was staged and has not landed."""
        return self._staging.has(cls)

    def latest_uuid_ref(self, uuid: str) -> str | None:
        """Who has the uuid, in any class."""
        ref = self._staging.uuid_owner(uuid) or self._indices.by_uuid(uuid)
        return None if ref is None or self._staging.is_going(ref) else ref

    # Landing

    async def _write_batch(self) -> None:
        batch, self._queue = self._queue, []
        kept = [staged.pieces for staged in batch if staged.pieces is not None]
        try:
            if self._issued > self._reserved:
                await self._reserve()
            if kept:
                start = perf_counter()
                await self._journal.append(list(chain.from_iterable(kept)))
                self.written.note(len(kept), perf_counter() - start)
        except Exception as error:  # whatever the journal met, nothing of it may become visible
            self.written.failure = str(error)
            self._refuse(batch, error)
            return
        await self._land_all(batch)

    async def _land_all(self, batch: Sequence[Staged]) -> None:
        """Make a batch visible, no faster than those who waited for it can go on without keeping others waiting."""
        for start in range(0, len(batch), LANDED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            at_once = batch[start : start + LANDED_AT_ONCE]
            self._land(at_once, was_staged=True)
            for staged in at_once:
                if staged.waiter is not None and not staged.waiter.done():
                    await self.turns.take(ahead=True)
                staged.end()

    async def _reserve(self) -> None:
        ceiling = self._issued + RESERVE
        await self._journal.reserve(ceiling)
        self._reserved = ceiling
        self._reserve_from = ceiling - RESERVE // 2

    def _refuse(self, batch: list[Staged], error: Exception) -> None:
        """Drop a batch the journal could not keep, and what was staged meanwhile, as it was built on it.

        What needs no journal and wrote to nothing of that lands nevertheless.
        """
        batch, self._queue = [*batch, *self._queue], []
        _log.error("changes were refused, as they could not be stored: %s", error)
        self._staging.clear()
        self._totals.clear()
        fallen: set[str] = set()
        for staged in batch:
            refs = {step.ref for step in staged.steps}
            if staged.pieces is None and fallen.isdisjoint(refs) and staged.last_generation <= self._reserved:
                self._land((staged,))
                self._count(staged.steps)
                staged.end()
                continue
            fallen |= refs
            failure = ApiError("INTERNAL_ERROR", f"the change could not be stored: {error}")
            failure.__cause__ = error
            staged.end(failure)

    def _land(self, batch: Sequence[Staged], *, was_staged: bool = False) -> None:
        """Make changes visible, in one step; who waits for them is not told yet."""
        changes: list[Step] = []
        has_removals = False
        for staged in batch:
            generation = staged.first_generation
            for step in staged.steps:
                self._land_step(step, generation)
                if step.operation == "del":
                    has_removals = True
                if was_staged:
                    self._staging.remove(step)
                generation += 1
            changes += staged.steps
            if generation > self.generation:
                self.generation = generation - 1
            if self._follower is not None:
                self._follower(staged.steps, staged.first_generation)
            if self._tap is not None and staged.pieces:
                self._tap(staged.pieces, generation - 1)
        for listener in tuple(self._listeners):
            _tell(listener, changes)
        if has_removals:
            removals = [change for change in changes if change.operation == "del"]
            for listener in tuple(self._removal_listeners):
                _tell(listener, removals)
        if self._watchers:
            for change in changes:
                for watcher in tuple(self._watchers.get(change.ref, ())):
                    _tell(watcher, change)

    def _count(self, steps: Sequence[Step]) -> None:
        """Count what is newest of some objects."""
        for step in steps:
            of_class = self._totals.get(step.cls)
            if of_class:
                for totals in of_class.values():
                    totals.note(step.ref, self.latest(step.cls, step.ref))

    def _land_step(self, step: Step, generation: int) -> None:
        cls, ref, values = step.cls, step.ref, step.values
        table = self._tables[cls]
        if step.operation == "add":
            entity = step.entity
            entity.born = entity.modified = generation
            table[ref] = entity
            self._indices.add(cls, entity)
            return
        step.entity = entity = table.pop(ref)
        if step.operation == "del":
            self._indices.remove(cls, entity)
            self.removals.add(cls, Removal(ref, entity.born, generation))
            return
        self._indices.change(cls, entity, values)
        for name, value in values.items():
            setattr(entity, name, value)
        if step.links:
            membership.apply(entity, step.links)
        entity.modified = generation
        entity.memo = None
        table[ref] = entity  # now the last

    def repeat(self, step: Step, generation: int) -> None:
        """Apply a step that has landed in another store, in a store that only repeats that one."""
        self._land_step(step, generation)
        self._count([step])
        self.generation = max(self.generation, generation)

    # Starting

    def restore(self, cls: type[ApiClass], entity: Entity) -> None:
        """Put in an object read from the journal, in order of last change; only before the store is in use."""
        self._tables[cls][entity.ref] = entity
        self._indices.add(cls, entity)

    def restore_all(self, cls: type[ApiClass], entities: Sequence[Entity]) -> None:
        """As :meth:`restore`, of all objects of a class."""
        self._tables[cls].update((entity.ref, entity) for entity in entities)
        self._indices.add_all(cls, entities)

    def has_entered(self, uuid: str) -> bool:
        """Whether anything restored so far has the uuid, other than in its reference."""
        return self._indices.has_entered(uuid)

    def renew(self, cls: type[ApiClass], ref: str, values: Values) -> None:
        """Enter what is not stored of an object that was restored, which counts as changed now; as :meth:`restore`."""
        entity = self._tables[cls].pop(ref)
        for name, value in values.items():
            setattr(entity, name, value)
        entity.modified = self.generation
        self._tables[cls][ref] = entity

    def names_in_order(self) -> dict[type[ApiClass], dict[str, tuple[str, ...]]]:
        """Which objects share a name, in the order in which they are found by it; by class and name."""
        return self._indices.shared_names()

    def restore_order(self, names: Mapping[type[ApiClass], Mapping[str, tuple[str, ...]]]) -> None:
        """Put objects that were restored in any order into that of their last change.

        names: as another store's :meth:`names_in_order`.
        """
        for table in self._tables.values():
            entities = sorted(table.values(), key=lambda entity: entity.modified)
            table.clear()
            table.update((entity.ref, entity) for entity in entities)
        self._indices.restore_names(names)

    def restore_relations(self) -> None:
        """Compute the sets that are never stored, from the references that are; after all of :meth:`restore`."""
        for cls, fields in COMPUTED.items():
            table = self._tables[cls]
            for field, end in fields.items():
                others = self._tables[end.cls]
                members: dict[str, list[str]] = {}
                for other, ref in zip(others, map(attrgetter(end.field), others.values()), strict=True):
                    if ref in members:
                        members[ref].append(other)
                    elif ref in table:
                        members[ref] = [other]
                for ref, refs in members.items():
                    setattr(table[ref], field, tuple(refs))


def _tell(listener: Callable[[T], None], what: T) -> None:
    """Tell a listener of what has landed; its failure is no one else's."""
    try:
        listener(what)
    except Exception:
        _log.exception("a listener failed; the change itself has landed")
