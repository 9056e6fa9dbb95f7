"""``event.from`` and ``event.inject``: changes told by comparing generations, with nothing kept for a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, cast

from xapi_async.datamodel.classes import BY_NAME, Role
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import Entity
from xapi_async.objects.store import Store
from xapi_async.operations.context import Caller, Context, Handlers
from xapi_async.rpc import event_batches
from xapi_async.rpc.call import EventBatch, Wait, Waiting
from xapi_async.rpc.event_batches import Batches, Token
from xapi_async.rpc.event_waiters import LogoutHook, Waiters
from xapi_async.rpc.subscriptions import parse


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


class Messages(event_batches.Messages, Protocol):
    """The objects of class message, and when they change."""

    def changes_since(self, generation: int) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
        """What came and went after a generation, in order: the operation, the reference and the record."""
        ...

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each change; gives the way to stop that."""
        ...


class Events:
    """Answers event.from and event.inject."""

    def __init__(self, store: Store, messages: Messages, sessions: LogoutHook, settings: EventSettings) -> None:
        self._store = store
        self._batches = Batches(store, messages)
        self._waiters = Waiters(self._batches, sessions, settings.gather_seconds)
        self._is_released = False
        store.listen(self._waiters.note)
        messages.listen(self._waiters.note_messages)

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._waiters)

    @property
    def wake_ups(self) -> int:
        """How often a waiting caller was woken by a change."""
        return self._waiters.wake_ups

    @property
    def batches(self) -> int:
        """How many different answers were made."""
        return self._batches.made

    def release(self) -> None:
        """Answer everybody who waits, and from now on whoever comes, with what there is: the server stops."""
        self._is_released = True
        self._waiters.end_all()

    def handlers(self) -> Handlers:
        """The messages answered here."""
        return {"event.inject": self._inject}

    def waits(self) -> Mapping[str, Wait]:
        """The messages answered here that wait."""
        return {"event.from": self._from}

    def _from(self, caller: Caller, classes: Sequence[str], token: str, seconds: float) -> EventBatch | Waiting:
        seen = Token.parse(token)
        subscription = _subscription(tuple(classes))
        batch = self._batches.get(subscription, *seen)
        if batch.events or seconds <= 0 or self._is_released:
            return batch
        return self._waiters.add(caller.session, subscription, seen, seconds)

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


_subscription = lru_cache(maxsize=1024)(parse)
"""Callers ask for the same few things over and over; shared, they also compare faster."""
