"""Callers who wait in ``event.from``: who they are, what wakes them, and how all of them are told.

Those who wait for the same things share one :class:`_Group`, so that a commit wakes a group, not ten
thousand callers, and while nothing changes nobody costs anything. Those who are to be told stand in
one queue, and each pass of the event loop tells as many as a few milliseconds allow, so that other
calls are answered in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import NamedTuple, Protocol

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.step import Step
from xapi_async.rpc.alarms import Alarms
from xapi_async.rpc.call import Waiting
from xapi_async.rpc.event_batches import Batches
from xapi_async.rpc.subscriptions import Subscription

log = logging.getLogger(__name__)


class LogoutHook(Protocol):
    """How the end of a session is told; see :mod:`xapi_async.rpc.sessions`."""

    def on_logout(self, ref: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called when the session ends; gives the way to stop that."""
        ...


class Waiter(Waiting):
    """One caller who waits."""

    __slots__ = ("_waiters", "alarm", "asked", "error", "is_due", "is_here", "must_end", "session")

    def __init__(self, waiters: Waiters, session: str, asked: _Asked) -> None:
        super().__init__()
        self._waiters = waiters
        self.session = session
        self.asked = asked
        self.alarm = 0
        self.is_here = True  # False once the wait is over, for whatever reason
        self.is_due = False  # whether it stands in the queue
        self.must_end = False  # whether it is answered even if there is nothing to tell
        self.error: ApiError | None = None  # what it is told instead

    def give_up(self) -> None:
        """Nobody wants to be told any more."""
        self._waiters.remove(self)


class _Asked:
    """Waiters of a group who hold the same token, and so are told the same."""

    __slots__ = ("generation", "group", "message_generation", "waiters")

    def __init__(self, group: _Group, generation: int, message_generation: int) -> None:
        self.group = group
        self.generation = generation
        self.message_generation = message_generation
        self.waiters: dict[Waiter, None] = {}


class _Group:
    """Waiters with the same subscription, by the generations up to which they have seen all."""

    __slots__ = ("alarm", "asked", "size", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.asked: dict[tuple[int, int], _Asked] = {}
        self.size = 0
        self.alarm: int | None = None  # set while more changes are waited for


class _OfSession(NamedTuple):
    """The waiters of one session. unhook: forgets the session's end."""

    waiters: dict[Waiter, None]
    unhook: Callable[[], None]


class Waiters:
    """All who wait. gather_seconds: how long more changes are waited for after the first.

    wake_ups: how often a waiter was woken by a change.
    """

    def __init__(self, batches: Batches, sessions: LogoutHook, gather_seconds: float) -> None:
        self._batches = batches
        self._sessions = sessions
        self._gather_seconds = gather_seconds
        self._groups: dict[Subscription, _Group] = {}
        self._by_class: dict[type[ApiClass], set[_Group]] = {}
        self._by_object: dict[str, set[_Group]] = {}
        self._by_message: set[_Group] = set()
        self._by_session: dict[str, _OfSession] = {}
        self._time_limits = Alarms[Waiter](_TIME_LIMIT_MOMENT, self._end)
        self._gathering = Alarms[_Group](_GATHERING_MOMENT, self._wake)
        self._queue: deque[Waiter] = deque()
        self._is_telling = False
        self.wake_ups = 0

    def __len__(self) -> int:
        return sum(group.size for group in self._groups.values())

    def add(self, session: str, subscription: Subscription, token: tuple[int, int], seconds: float) -> Waiter:
        """Have a caller wait for something to tell, so many seconds at the most."""
        group = self._groups.get(subscription) or self._new_group(subscription)
        asked = group.asked.get(token)
        if asked is None:
            asked = group.asked[token] = _Asked(group, *token)
        waiter = Waiter(self, session, asked)
        asked.waiters[waiter] = None
        group.size += 1
        waiter.alarm = self._time_limits.set(waiter, min(seconds, _LONGEST))
        of_session = self._by_session.get(session)
        if of_session is None:
            unhook = self._sessions.on_logout(session, lambda: self._on_logout(session))
            of_session = self._by_session[session] = _OfSession({}, unhook)
        of_session.waiters[waiter] = None
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """End a wait; nothing is told."""
        if not waiter.is_here:
            return
        waiter.is_here = False
        self._time_limits.clear(waiter, waiter.alarm)
        of_session = self._by_session.get(waiter.session)
        if of_session is not None:
            of_session.waiters.pop(waiter, None)
            if not of_session.waiters:
                of_session.unhook()
                del self._by_session[waiter.session]
        asked = waiter.asked
        group = asked.group
        del asked.waiters[waiter]
        group.size -= 1
        if not asked.waiters:
            del group.asked[asked.generation, asked.message_generation]
        if not group.asked:
            self._drop_group(group)

    def end_all(self) -> None:
        """Answer everybody with what there is."""
        for group in self._groups.values():
            for asked in group.asked.values():
                self._end(asked.waiters)

    def note(self, changes: Iterable[Step]) -> None:
        """Objects have changed."""
        if not self._groups:
            return
        for change in changes:
            for group in self._by_class.get(change.cls, ()):
                self._wake_soon(group)
            for group in self._by_object.get(change.ref, ()):
                if (change.cls, change.ref) in group.subscription.objects:
                    self._wake_soon(group)

    def note_messages(self) -> None:
        """Messages have come or gone."""
        for group in self._by_message:
            self._wake_soon(group)

    # Groups

    def _new_group(self, subscription: Subscription) -> _Group:
        group = self._groups[subscription] = _Group(subscription)
        for cls in subscription.classes:
            self._by_class.setdefault(cls, set()).add(group)
        for _, ref in subscription.objects:
            self._by_object.setdefault(ref, set()).add(group)
        if subscription.messages:
            self._by_message.add(group)
        return group

    def _drop_group(self, group: _Group) -> None:
        del self._groups[group.subscription]
        if group.alarm is not None:
            self._gathering.clear(group, group.alarm)
        for cls in group.subscription.classes:
            self._by_class[cls].discard(group)
        for ref in {ref for _, ref in group.subscription.objects}:
            self._by_object[ref].discard(group)
            if not self._by_object[ref]:
                del self._by_object[ref]
        self._by_message.discard(group)

    # What ends a wait

    def _wake_soon(self, group: _Group) -> None:
        if group.alarm is None:
            # Where telling everybody takes long by itself, the last ones need not wait for more changes as well.
            delay = max(0.0, self._gather_seconds - group.size * _TELLING_SECONDS)
            group.alarm = self._gathering.set(group, delay)

    def _wake(self, groups: Iterable[_Group]) -> None:
        for group in groups:
            group.alarm = None
            self.wake_ups += group.size
            for asked in group.asked.values():
                self._line_up(asked.waiters)

    def _end(self, waiters: Iterable[Waiter]) -> None:
        """Answer some with what there is, be it nothing.

        After a time-out as well: other classes may have changed, and the counts must be those of now.
        """
        for waiter in waiters:
            waiter.must_end = True
        self._line_up(waiters)

    def _on_logout(self, session: str) -> None:
        waiters = self._by_session.pop(session).waiters
        ended = ApiError("SESSION_INVALID", session)
        for waiter in waiters:
            waiter.error = ended
        self._end(waiters)

    # Telling

    def _line_up(self, waiters: Iterable[Waiter]) -> None:
        for waiter in waiters:
            if not waiter.is_due:
                waiter.is_due = True
                self._queue.append(waiter)
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._queue and not self._is_telling:
            self._is_telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """Tell those at the front of the queue, as many as others can be kept waiting for."""
        queue, batches, store = self._queue, self._batches, self._batches.store
        asked: _Asked | None = None
        generation = -1
        ends = perf_counter() + _TURN_SECONDS
        for _ in range(min(len(queue), _TURN_WAITERS)):
            waiter = queue.popleft()
            waiter.is_due = False
            if not waiter.is_here:
                continue
            if waiter.asked is not asked or store.generation != generation:
                asked, generation = waiter.asked, store.generation
                batch = batches.get(asked.group.subscription, asked.generation, asked.message_generation)
            if not (batch.events or waiter.must_end):
                continue  # what came is gone again
            self.remove(waiter)
            try:
                waiter.tell(waiter.error or batch)
            except Exception:  # others wait as well
                log.exception("a caller who waited for events could not be answered")
            if perf_counter() > ends:
                break
        self._is_telling = False
        self._tell_soon()


_TURN_SECONDS = 0.004
_TURN_WAITERS = 256
"""Answers of a turn at the most: small ones are only written after it, all together."""

_TELLING_SECONDS = 5e-6
"""What telling one waiter takes, at least."""

_GATHERING_MOMENT = 0.002
_TIME_LIMIT_MOMENT = 0.01

_LONGEST = 365 * 86400.0
"""Seconds: longer time-outs are as good as none, and the event loop takes no infinite ones."""
