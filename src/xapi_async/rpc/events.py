"""``event.from`` and ``event.inject``: changes told by comparing generations, with nothing kept for a client.

Callers who wait for the same things share one :class:`_Group`, so that a commit wakes a group, not
ten thousand callers, and while nothing changes nobody costs anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, cast

from xapi_async.datamodel.classes import BY_NAME, CLASSES, PoolMessage, Role
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Entity
from xapi_async.objects.history import Change
from xapi_async.objects.store import Store
from xapi_async.operations.context import Caller, Context, Handlers
from xapi_async.rpc.call import Event, EventBatch, Wait, Waiting
from xapi_async.rpc.subscriptions import Subscription, parse

TOKEN_DIGITS = 20


@dataclass(frozen=True)
class EventSettings:
    """How events are told."""

    gather_seconds: float = field(
        default=0.05, metadata={"doc": "Seconds event.from waits for more changes after the first."}
    )
    queue_characters: int = field(
        default=10_000_000, metadata={"doc": "Characters of events kept for event.next; older ones are dropped."}
    )
    empty_next_seconds: float = field(
        default=10.0, metadata={"doc": "Seconds until event.next answers a session that subscribed to nothing."}
    )
    heartbeat_seconds: float = field(
        default=30.0, metadata={"doc": "Seconds between two events on the pool object for event.next."}
    )


class Messages(Protocol):
    """The objects of class message, which are kept beside the store."""

    generation: int

    def since(self, generation: int) -> Sequence[tuple[int, str, Mapping[str, Any]]]:
        """Messages created after a generation: its own generation, reference and record."""
        ...

    def removed_since(self, generation: int) -> Sequence[tuple[int, str]]:
        """Messages removed after a generation: the removal's generation and the reference."""
        ...

    def changes_since(self, generation: int) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
        """What came and went after a generation, in order: the operation, the reference and the record."""
        ...

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each change; gives the way to stop that."""
        ...


class LogoutHook(Protocol):
    """How the end of a session is told; see :mod:`xapi_async.rpc.sessions`."""

    def on_logout(self, ref: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called when the session ends; gives the way to stop that."""
        ...


class Token:
    """``N,M``: the generation of the store, and that of the messages, up to which a client has seen all."""

    @staticmethod
    def parse(text: str) -> tuple[int, int]:
        """The two numbers; 0 and 0 for the empty token. Raises EVENT_FROM_TOKEN_PARSE_FAILURE [token]."""
        if text == "":
            return 0, 0
        parts = text.split(",")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ApiError("EVENT_FROM_TOKEN_PARSE_FAILURE", text)
        return int(parts[0]), int(parts[1])

    @staticmethod
    def text(generation: int, messages: int) -> str:
        """The token as it is sent: of fixed width, so that tokens compare as text."""
        return f"{generation:0{TOKEN_DIGITS}d},{messages:0{TOKEN_DIGITS}d}"


class _Group:
    """Callers waiting for the same subscription."""

    __slots__ = ("subscription", "timer", "waiters")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.waiters: set[_Waiter] = set()
        self.timer: asyncio.TimerHandle | None = None


class _Waiter:
    """One caller who waits. asked: the subscription, and the generations up to which the caller has seen all."""

    __slots__ = ("_events", "_has_ended", "_session", "asked", "done", "timer", "unhook")

    def __init__(self, events: Events, session: str, asked: tuple[Subscription, int, int]) -> None:
        self._events = events
        self._session = session
        self._has_ended = False
        self.asked = asked
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None
        self.unhook: Callable[[], None] = _nothing

    def end(self) -> None:
        """The session ends."""
        self._has_ended = True
        _resolve(self.done)

    def result(self) -> EventBatch:
        """End the wait, and give what there is to tell. Raises SESSION_INVALID where the session has ended."""
        if self.timer is not None:
            self.timer.cancel()
        self.unhook()
        batch = self._events.take_leave(self)
        if self._has_ended:
            raise ApiError("SESSION_INVALID", self._session)
        return batch


class Events:
    """Answers event.from and event.inject.

    wake_ups: how often a waiting caller was woken by a change. batches: how many different answers were made.
    """

    def __init__(self, store: Store, messages: Messages, sessions: LogoutHook, settings: EventSettings) -> None:
        self._store = store
        self._messages = messages
        self._sessions = sessions
        self._settings = settings
        self._groups: dict[Subscription, _Group] = {}
        self._by_class: dict[type[ApiClass], set[_Group]] = {}
        self._by_object: dict[str, set[_Group]] = {}
        self._by_message: set[_Group] = set()
        # Waiters of a group usually hold the same token: they are answered by one and the same batch.
        self._batches: dict[tuple[Subscription, int, int], EventBatch] = {}
        self._batches_generation = (-1, -1)
        self._is_released = False
        self.wake_ups = 0
        self.batches = 0
        store.listen(self._on_commit)
        messages.listen(self._on_messages)

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return sum(len(group.waiters) for group in self._groups.values())

    def release(self) -> None:
        """Answer everybody who waits, and from now on whoever comes, with what there is: the server stops."""
        self._is_released = True
        for group in tuple(self._groups.values()):
            self._wake(group)

    def handlers(self) -> Handlers:
        """The messages answered here."""
        return {"event.inject": self._inject}

    def waits(self) -> Mapping[str, Wait]:
        """The messages answered here that wait."""
        return {"event.from": self._from}

    # event.from

    def _from(self, caller: Caller, classes: Sequence[str], token: str, seconds: float) -> EventBatch | Waiting:
        generation, message_generation = Token.parse(token)
        subscription = _subscription(tuple(classes))
        batch = self._batch(subscription, generation, message_generation)
        if batch.events or seconds <= 0 or self._is_released:
            return batch
        waiter = _Waiter(self, caller.session, (subscription, generation, message_generation))
        self._join(subscription, waiter)
        waiter.timer = asyncio.get_running_loop().call_later(min(seconds, _LONGEST), _resolve, waiter.done)
        waiter.unhook = self._sessions.on_logout(caller.session, waiter.end)
        return Waiting(waiter.done, waiter.result)

    def take_leave(self, waiter: _Waiter) -> EventBatch:
        """End a wait, for whatever reason, and give what there is to tell.

        After a time-out as well: other classes may have changed, and the counts must be those of now.
        """
        self._leave(self._groups.get(waiter.asked[0]), waiter)
        return self._batch(*waiter.asked)

    def _join(self, subscription: Subscription, waiter: _Waiter) -> None:
        group = self._groups.get(subscription)
        if group is None:
            group = self._groups[subscription] = _Group(subscription)
            for cls in subscription.classes:
                self._by_class.setdefault(cls, set()).add(group)
            for _, ref in subscription.objects:
                self._by_object.setdefault(ref, set()).add(group)
            if subscription.messages:
                self._by_message.add(group)
        group.waiters.add(waiter)

    def _leave(self, group: _Group | None, waiter: _Waiter) -> None:
        if group is None:
            return
        group.waiters.discard(waiter)
        if group.waiters:
            return
        del self._groups[group.subscription]
        if group.timer is not None:
            group.timer.cancel()
        for cls in group.subscription.classes:
            self._by_class[cls].discard(group)
        for _, ref in group.subscription.objects:
            self._by_object[ref].discard(group)
            if not self._by_object[ref]:
                del self._by_object[ref]
        self._by_message.discard(group)

    def _on_commit(self, changes: Sequence[Change]) -> None:
        if not self._groups:
            return
        for change in changes:
            for group in self._by_class.get(change.cls, ()):
                self._wake_soon(group)
            for group in self._by_object.get(change.ref, ()):
                if (change.cls, change.ref) in group.subscription.objects:
                    self._wake_soon(group)

    def _on_messages(self) -> None:
        for group in self._by_message:
            self._wake_soon(group)

    def _wake_soon(self, group: _Group) -> None:
        if group.timer is None:
            loop = asyncio.get_running_loop()
            # Where telling everybody takes long by itself, the last ones need not wait for more changes as well.
            delay = max(0.0, self._settings.gather_seconds - len(group.waiters) * _TELLING_SECONDS)
            group.timer = loop.call_later(delay, self._wake, group)

    def _wake(self, group: _Group) -> None:
        group.timer = None
        self.wake_ups += len(group.waiters)
        for waiter in tuple(group.waiters):
            if self._is_released or self._batch(*waiter.asked).events:
                _resolve(waiter.done)

    # Batches

    def _batch(self, subscription: Subscription, generation: int, message_generation: int) -> EventBatch:
        now = (self._store.generation, self._messages.generation)
        if now != self._batches_generation:
            self._batches.clear()
            self._batches_generation = now
        key = (subscription, generation, message_generation)
        batch = self._batches.get(key)
        if batch is None:
            batch = self._batches[key] = self._make_batch(subscription, generation, message_generation)
        return batch

    def _make_batch(self, subscription: Subscription, generation: int, message_generation: int) -> EventBatch:
        self.batches += 1
        told, newest_message = self._message_events(subscription, message_generation)
        changes = list(self._changes(subscription, generation))
        for operation in ("add", "mod", "del"):
            told.extend(event for event in changes if event.operation == operation)
        newest = max((event.id for event in changes), default=generation)
        return EventBatch(told, self.counts(), Token.text(newest, newest_message))

    def _changes(self, subscription: Subscription, generation: int) -> Iterator[Event]:
        singles: dict[type[ApiClass], set[str]] = {}
        for cls, ref in subscription.objects:
            if cls not in subscription.classes:
                singles.setdefault(cls, set()).add(ref)
        for cls in sorted((*subscription.classes, *singles), key=lambda cls: cls.FACTS.name):
            wanted = singles.get(cls)
            for entity in self._changed_entities(cls, wanted, generation):
                operation = "add" if entity.born > generation else "mod"
                yield Event(entity.modified, "0.0", cls, operation, entity.ref, entity)
            for removal in self._store.removals.since(cls, generation):
                if removal.created <= generation and (wanted is None or removal.ref in wanted):
                    yield Event(removal.removed, "0.0", cls, "del", removal.ref, None)

    def _changed_entities(self, cls: type[ApiClass], wanted: set[str] | None, generation: int) -> Iterator[Entity]:
        if wanted is None:
            yield from cast("Iterator[Entity]", self._store.changed_since(cls, generation))
            return
        for ref in wanted:
            entity = cast("Entity | None", self._store.find(cls, ref))
            if entity is not None and entity.modified > generation:
                yield entity

    def _message_events(self, subscription: Subscription, generation: int) -> tuple[list[Event], int]:
        if not subscription.messages:
            return [], 0
        events = [
            Event(0, "0.0", PoolMessage, "add", ref, record) for _, ref, record in self._messages.since(generation)
        ]
        events += [
            Event(0, "0.0", PoolMessage, "del", ref, None) for _, ref in self._messages.removed_since(generation)
        ]
        return events, max(generation, self._messages.generation)

    def counts(self) -> Mapping[str, int]:
        """How many objects each class has, by lower-case name; 0 for classes that are not stored."""
        counts = {cls.FACTS.name.lower(): len(self._store.table(cls)) for cls in CLASSES}
        counts[Role.FACTS.name] = 0
        return counts

    # event.inject

    async def _inject(self, ctx: Context, class_name: str, ref: str) -> str:
        cls = BY_NAME.get(class_name)
        # Roles are not stored: they are the same on every server and never change.
        if cls is None or cls is Role or self._store.find(cls, ref) is None:
            raise ApiError("HANDLE_INVALID", class_name, ref)
        async with self._store.transaction() as tx:
            tx.touch(tx.get(cls, ref))
        entity = cast("Entity | None", self._store.find(cls, ref))
        seen = entity.modified if entity is not None else self._store.generation
        return Token.text(seen - 1, 0)


_TELLING_SECONDS = 5e-6
"""What telling one waiting caller takes, at least."""

_LONGEST = 365 * 86400.0
"""Seconds: longer time-outs are as good as none, and the event loop takes no infinite ones."""


_subscription = lru_cache(maxsize=1024)(parse)
"""Callers ask for the same few things over and over; shared, they also compare faster."""


def _nothing() -> None:
    return None


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
