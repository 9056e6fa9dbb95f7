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
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice
from operator import attrgetter
from time import perf_counter
from typing import NamedTuple, Protocol

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.step import Step
from xapi_async.rpc.alarms import Alarms
from xapi_async.rpc.call import EventBatch, Waiting
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

    __slots__ = ("_waiters", "same")

    def __init__(self, waiters: Waiters, same: _Same) -> None:
        super().__init__()
        self._waiters = waiters
        self.same = same

    def give_up(self) -> None:
        """Nobody wants to be told any more."""
        self._waiters.remove(self)


class _Key(NamedTuple):
    """What those have in common who are told the same: their token, their session and when their time is over."""

    generation: int
    message_generation: int
    session: str
    time_over: int


class _Same:
    """Waiters of a group who are told the same, at the same time, so that each of them stands in one place only.

    is_due: whether they stand in the queue. must_end: whether they are answered even if there is nothing to tell.
    error: what they are told instead.
    """

    __slots__ = ("error", "group", "is_due", "key", "must_end", "waiters")

    def __init__(self, group: _Group, key: _Key) -> None:
        self.group = group
        self.key = key
        self.waiters: dict[Waiter, None] = {}
        self.is_due = False
        self.must_end = False
        self.error: ApiError | None = None


class _Group:
    """Waiters with the same subscription."""

    __slots__ = ("alarm", "sames", "size", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.sames: dict[_Key, _Same] = {}
        self.size = 0
        self.alarm: int | None = None  # set while more changes are waited for


class _OfSession(NamedTuple):
    """The waiters of one session. unhook: forgets the session's end."""

    sames: dict[_Same, None]
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
        self._time_limits = Alarms[_Same](_TIME_LIMIT_MOMENT, self._end)
        self._gathering = Alarms[_Group](_GATHERING_MOMENT, self._wake)
        self._queue: deque[_Same] = deque()
        self._is_telling = False
        self.wake_ups = 0

    def __len__(self) -> int:
        return sum(group.size for group in self._groups.values())

    def add(self, session: str, subscription: Subscription, token: tuple[int, int], seconds: float) -> Waiter:
        """Have a caller wait for something to tell, so many seconds at the most."""
        group = self._groups.get(subscription) or self._new_group(subscription)
        key = _Key(*token, session, self._time_limits.moment(min(seconds, _LONGEST)))
        same = group.sames.get(key) or self._new_same(group, key)
        waiter = Waiter(self, same)
        same.waiters[waiter] = None
        group.size += 1
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """End a wait, unless it has ended; nothing is told."""
        if waiter in waiter.same.waiters:
            self._remove(waiter.same, (waiter,))

    def end_all(self) -> None:
        """Answer everybody with what there is."""
        for group in self._groups.values():
            self._end(group.sames.values())

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

    def _new_same(self, group: _Group, key: _Key) -> _Same:
        same = group.sames[key] = _Same(group, key)
        self._time_limits.set(same, key.time_over)
        session = key.session
        of_session = self._by_session.get(session)
        if of_session is None:
            unhook = self._sessions.on_logout(session, lambda: self._on_logout(session))
            of_session = self._by_session[session] = _OfSession({}, unhook)
        of_session.sames[same] = None
        return same

    def _remove(self, same: _Same, waiters: Sequence[Waiter]) -> None:
        for waiter in waiters:
            del same.waiters[waiter]
        group = same.group
        group.size -= len(waiters)
        if not same.waiters:
            self._drop_same(same)
            del group.sames[same.key]
            if not group.sames:
                self._drop_group(group)

    def _drop_same(self, same: _Same) -> None:
        session = same.key.session
        self._time_limits.clear(same, same.key.time_over)
        of_session = self._by_session.get(session)
        if of_session is not None:
            of_session.sames.pop(same, None)
            if not of_session.sames:
                of_session.unhook()
                del self._by_session[session]

    # What ends a wait

    def _wake_soon(self, group: _Group) -> None:
        if group.alarm is None:
            # Where telling everybody takes long by itself, the last ones need not wait for more changes as well.
            delay = max(0.0, self._gather_seconds - group.size * _TELLING_SECONDS)
            group.alarm = self._gathering.moment(delay)
            self._gathering.set(group, group.alarm)

    def _wake(self, groups: Iterable[_Group]) -> None:
        for group in groups:
            group.alarm = None
            self.wake_ups += group.size
            self._line_up(group.sames.values())

    def _end(self, sames: Iterable[_Same]) -> None:
        """Answer some with what there is, be it nothing.

        After a time-out as well: other classes may have changed, and the counts must be those of now.
        """
        for same in sames:
            same.must_end = True
        self._line_up(sames)

    def _on_logout(self, session: str) -> None:
        sames = self._by_session.pop(session).sames
        ended = ApiError("SESSION_INVALID", session)
        for same in sames:
            same.error = ended
        self._end(sames)

    # Telling

    def _line_up(self, sames: Iterable[_Same]) -> None:
        for same in sames:
            if not same.is_due:
                same.is_due = True
                self._queue.append(same)
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._queue and not self._is_telling:
            self._is_telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """Tell those at the front of the queue, as many as others can be kept waiting for."""
        queue = self._queue
        ends = perf_counter() + _TURN_SECONDS
        left, together = _TURN_WAITERS, 1
        while queue and left > 0 and perf_counter() < ends:
            same = queue[0]
            told = list(islice(same.waiters, together))
            left -= max(1, len(told))
            together = min(2 * together, _TOGETHER)  # how long one takes shows with the first ones
            batch = self._batches.get(same.group.subscription, same.key.generation, same.key.message_generation)
            # Where there are no events, what came is gone again.
            is_told = bool(told) and (bool(batch.events) or same.must_end)
            if is_told:
                self._remove(same, told)
                self._tell_same(told, same.error or batch)
            if not is_told or not same.waiters:
                same.is_due = False
                queue.popleft()
        self._is_telling = False
        self._tell_soon()

    def _tell_same(self, waiters: Sequence[Waiter], value: EventBatch | ApiError) -> None:
        for tell, some in groupby(waiters, attrgetter("tell")):
            try:
                tell(list(some), value)
            except Exception:  # others wait as well
                log.exception("callers who waited for events could not be answered")


_TURN_SECONDS = 0.004
_TURN_WAITERS = 256
_TOGETHER = 64
"""How many are told in a turn at the most, and how many of them together, before the clock is looked at."""

_TELLING_SECONDS = 5e-6
"""What telling one waiter takes, at least."""

_GATHERING_MOMENT = 0.002
_TIME_LIMIT_MOMENT = 0.01

_LONGEST = 365 * 86400.0
"""Seconds: longer time-outs are as good as none, and the event loop takes no infinite ones."""
