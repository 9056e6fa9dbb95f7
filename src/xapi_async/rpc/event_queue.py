"""The old event interface: ``event.register``, ``unregister``, ``next`` and ``get_current_id``.

Every change is an event of its own in one queue common to all; each session has a position in it.
Nothing is queued that no session wants when it happens, and nobody is woken by what they do not want.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import orjson

from xapi_async.datamodel.classes import Pool, PoolMessage
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.clock import Clock
from xapi_async.objects.entity import Entity, frozen_copy
from xapi_async.objects.step import Step
from xapi_async.objects.store import Store
from xapi_async.operations.context import Context, Handlers
from xapi_async.rpc.audit import track_id
from xapi_async.rpc.call import Event
from xapi_async.rpc.event_waiters import LogoutHook
from xapi_async.rpc.events import EventSettings, Messages
from xapi_async.rpc.subscriptions import Subscription, parse


@dataclass(eq=False)
class _Follower:
    """What one session subscribed to, and how far it has read. lost: whether events it wanted were dropped."""

    elements: list[str] = field(default_factory=list)
    position: int = 0
    subscription: Subscription = field(default_factory=lambda: parse(()))
    lost: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def subscribe(self, elements: list[str]) -> None:
        self.elements = elements
        self.subscription = parse(elements)

    async def wait(self, empty_seconds: float) -> bool:
        """Wait for an event; False when it is time to let go of who wants none, as none could end that wait."""
        while True:
            try:
                async with asyncio.timeout(None if self.elements else empty_seconds):
                    await self.arrived.wait()
                    return True
            except TimeoutError:
                if not self.elements:
                    return False


class _Queued(NamedTuple):
    event: Event
    size: int


class EventQueue:
    """Answers the calls of the old event interface. waiting: how many callers wait."""

    def __init__(
        self, store: Store, messages: Messages, clock: Clock, sessions: LogoutHook, settings: EventSettings
    ) -> None:
        self._store = store
        self._messages = messages
        self._messages_seen = messages.generation
        self._clock = clock
        self._sessions = sessions
        self._settings = settings
        self._followers: dict[str, _Follower] = {}
        self._queue: deque[_Queued] = deque()
        self._size = 0
        self._next_id = 0
        self._is_released = False
        self.waiting = 0
        store.listen(self._on_commit)
        messages.listen(self._on_messages)

    def release(self) -> None:
        """Answer everybody who waits, and from now on whoever comes, with what there is: the server stops."""
        self._is_released = True
        for follower in self._followers.values():
            follower.arrived.set()

    def handlers(self) -> Handlers:
        """The messages answered here."""
        return {
            "event.register": self._register,
            "event.unregister": self._unregister,
            "event.next": self._next,
            "event.get_current_id": self._get_current_id,
        }

    async def run(self) -> None:
        """Send heartbeats, until cancelled."""
        while True:
            await self._clock.sleep(self._settings.heartbeat_seconds)
            for pool in self._store.all(Pool):
                self._append("mod", Pool, pool.ref, cast(Entity, pool))

    async def _register(self, ctx: Context, classes: Sequence[str]) -> None:
        follower = self._follower(ctx.caller.session)
        follower.subscribe([*follower.elements, *classes])

    async def _unregister(self, ctx: Context, classes: Sequence[str]) -> None:
        follower = self._follower(ctx.caller.session)
        gone = {name.lower() for name in classes}
        follower.subscribe([name for name in follower.elements if name.lower() not in gone])

    async def _get_current_id(self, ctx: Context) -> int:
        return self._next_id

    async def _next(self, ctx: Context) -> list[Event]:
        session = ctx.caller.session
        follower = self._followers.get(session)
        if follower is None:
            raise ApiError("SESSION_NOT_REGISTERED", track_id(session))
        self.waiting += 1
        try:
            while True:
                found = self._read(follower)
                if found or self._is_released:
                    return found
                follower.arrived.clear()
                if not await follower.wait(self._settings.empty_next_seconds):
                    return []
                if self._followers.get(session) is not follower:
                    raise ApiError("SESSION_INVALID", session)
        finally:
            self.waiting -= 1

    def _follower(self, session: str) -> _Follower:
        follower = self._followers.get(session)
        if follower is None:
            follower = self._followers[session] = _Follower(position=self._next_id)
            self._sessions.on_logout(session, lambda: self._forget(session))
        return follower

    def _forget(self, session: str) -> None:
        follower = self._followers.pop(session, None)
        if follower is not None:
            follower.arrived.set()
        if not self._followers:
            self._queue.clear()
            self._size = 0

    def _read(self, follower: _Follower) -> list[Event]:
        """The events a session has not had yet; its position moves past them."""
        if follower.lost:
            follower.lost = False
            follower.position = self._next_id
            raise ApiError("EVENTS_LOST")
        found: list[Event] = []
        for queued in reversed(self._queue):
            event = queued.event
            if event.id < follower.position:
                break
            if follower.subscription.wants(event.cls, event.ref):
                found.append(event)
        follower.position = self._next_id
        found.reverse()
        return found

    def _on_commit(self, changes: Sequence[Step]) -> None:
        if self._followers:
            for change in changes:
                self._append(change.operation, change.cls, change.ref, change.entity)

    def _on_messages(self) -> None:
        if self._followers:
            for operation, ref, record in self._messages.changes_since(self._messages_seen):
                self._append(operation, PoolMessage, ref, record)
        self._messages_seen = self._messages.generation

    def _append(self, operation: str, cls: type[ApiClass], ref: str, state: Entity | Mapping[str, Any]) -> None:
        wanting = [follower for follower in self._followers.values() if follower.subscription.wants(cls, ref)]
        if not wanting:
            return
        snapshot = frozen_copy(state) if isinstance(state, Entity) else state
        event = Event(self._next_id, f"{int(self._clock.now())}.", cls, operation, ref, snapshot)
        self._next_id += 1
        values = snapshot.values() if isinstance(snapshot, Entity) else snapshot
        size = len(orjson.dumps(values, option=orjson.OPT_NON_STR_KEYS))
        self._queue.append(_Queued(event, size))
        self._size += size
        while self._size > self._settings.queue_characters:
            self._drop_oldest()
        for follower in wanting:
            follower.arrived.set()

    def _drop_oldest(self) -> None:
        event, size = self._queue.popleft()
        self._size -= size
        for follower in self._followers.values():
            if follower.position <= event.id and follower.subscription.wants(event.cls, event.ref):
                follower.lost = True
