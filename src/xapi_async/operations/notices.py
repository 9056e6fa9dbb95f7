"""The objects of class message: notices kept beside the store, with generations of their own for events.

Who asks for a change waits until it is durable; changes asked for meanwhile are gathered and written
together. Only then does anybody see them, in the order in which they were asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.clock import Clock, api_time
from xapi_async.objects.documents import Log
from xapi_async.objects.entity import new_ref, new_uuid

log = logging.getLogger(__name__)

RESERVE = 1000
"""Generations that are noted as used before they are, so that few changes need a note of their own."""

_RESERVED = "reserved"


@dataclass(frozen=True)
class MessageSettings:
    """How many notices are kept."""

    kept: int = field(default=10_000, metadata={"doc": "Messages kept; beyond it the oldest are removed."})
    pass_seconds: float = field(default=30.0, metadata={"doc": "Seconds between two passes that remove messages."})
    removals_kept: int = field(default=1024, metadata={"doc": "Removals of messages that event.from can still tell."})


@dataclass(frozen=True, slots=True)
class Notice:
    """A message. time: seconds since 1970, with fractions."""

    ref: str
    uuid: str
    name: str
    priority: int
    cls: str
    obj_uuid: str
    time: float
    body: str

    @property
    def record(self) -> Mapping[str, Any]:
        """Its fields as clients see them."""
        return {
            "uuid": self.uuid,
            "name": self.name,
            "priority": self.priority,
            "cls": self.cls,
            "obj_uuid": self.obj_uuid,
            "timestamp": api_time(self.time),
            "body": self.body,
        }


@dataclass(eq=False, slots=True)
class _Change:
    """A notice to be added or removed. done: whether it is durable, None until that is known."""

    notice: Notice
    is_removal: bool
    done: bool | None = None


class Messages:
    """All messages. Its generations go on over restarts. Use :meth:`open` to make one."""

    def __init__(self, kept: Log, clock: Clock, settings: MessageSettings) -> None:
        self._log = kept
        self._clock = clock
        self._settings = settings
        self._by_ref: dict[str, tuple[int, Notice]] = {}  # oldest first, with the generation of creation
        self._by_uuid: dict[str, str] = {}
        self._removals: deque[tuple[int, Notice]] = deque(maxlen=settings.removals_kept)
        self._listeners: list[Callable[[], None]] = []
        self._pending: list[_Change] = []
        self._lock = asyncio.Lock()
        self._reserved = 0
        self.generation = 0

    @staticmethod
    async def open(kept: Log, clock: Clock, settings: MessageSettings | None = None) -> Messages:
        """The messages kept in a log."""
        messages = Messages(kept, clock, settings or MessageSettings())
        for key, value in await kept.rows():
            if key == _RESERVED:
                messages.generation = messages._reserved = value
                continue
            generation, notice = value.pop("generation"), Notice(**value)
            messages._by_ref[key] = (generation, notice)
            messages._by_uuid[notice.uuid] = key
        return messages

    # Reading

    def find(self, ref: str) -> Notice | None:
        """The message, or None."""
        found = self._by_ref.get(ref)
        return found[1] if found else None

    def find_by_uuid(self, uuid: str) -> Notice | None:
        """The message with a uuid, or None."""
        return self.find(self._by_uuid.get(uuid, ""))

    def newest_first(self) -> list[Notice]:
        """All messages."""
        return [notice for _, notice in reversed(self._by_ref.values())]

    def since(self, generation: int) -> Sequence[tuple[int, str, Mapping[str, Any]]]:
        """Messages created after a generation, newest first: its own generation, reference and record."""
        found: list[tuple[int, str, Mapping[str, Any]]] = []
        for created, notice in reversed(self._by_ref.values()):
            if created <= generation:
                break
            found.append((created, notice.ref, notice.record))
        return found

    def removed_since(self, generation: int) -> Sequence[tuple[int, str]]:
        """The newest removals after a generation: the removal's generation and the reference."""
        return [(removed, notice.ref) for removed, notice in self._removals if removed > generation]

    def changes_since(self, generation: int) -> Sequence[tuple[str, str, Mapping[str, Any]]]:
        """What came and went after a generation, in order: ``add`` or ``del``, the reference and the record."""
        found = [(created, "add", notice) for created, notice in self._by_ref.values() if created > generation]
        found += [(removed, "del", notice) for removed, notice in self._removals if removed > generation]
        found.sort(key=lambda change: change[0])
        return [(operation, notice.ref, notice.record) for _, operation, notice in found]

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each change; gives the way to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # Writing

    async def post(self, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str | None:
        """Make a message about an object; gives its reference, or None where it could not be kept.

        cls: the object's class, as the enumeration ``cls`` spells it. body: must be legal in XML.
        """
        notice = Notice(new_ref(), new_uuid(), name, priority, cls, obj_uuid, self._clock.now(), body)
        return notice.ref if await self._make([_Change(notice, is_removal=False)]) else None

    async def remove(self, ref: str) -> None:
        """Remove a message. Raises HANDLE_INVALID ["message", ref], INTERNAL_ERROR where that cannot be kept."""
        notice = self.find(ref)
        if notice is None:
            raise ApiError("HANDLE_INVALID", "message", ref)
        if not await self._make([_Change(notice, is_removal=True)]):
            raise ApiError("INTERNAL_ERROR", "the removal of the message could not be stored")

    async def trim(self) -> None:
        """Remove the oldest messages beyond the number kept."""
        surplus = len(self._by_ref) - self._settings.kept
        if surplus > 0:
            oldest = list(self._by_ref.values())[:surplus]
            await self._make([_Change(notice, is_removal=True) for _, notice in oldest])

    async def run(self) -> None:
        """Remove surplus messages every now and then, until cancelled."""
        while True:
            await self._clock.sleep(self._settings.pass_seconds)
            await self.trim()

    # How changes become durable

    async def _make(self, changes: list[_Change]) -> bool:
        self._pending.extend(changes)
        # Shielded: once begun, writing ends, whether or not the caller still wants the answer.
        await asyncio.shield(asyncio.ensure_future(self._flush(changes[-1])))
        return bool(changes[-1].done)

    async def _flush(self, change: _Change) -> None:
        async with self._lock:
            if change.done is not None:
                return  # whoever held the lock before wrote it along with their own
            batch, self._pending = self._pending, []
            try:
                await self._reserve(self.generation + len(batch))
            except Exception:
                log.exception("messages could not be stored")
                for failed in batch:
                    failed.done = False
                return
            # Asked for at once, they are written at once.
            numbered = list(enumerate(batch, self.generation + 1))
            outcomes = await asyncio.gather(*(self._keep(*item) for item in numbered), return_exceptions=True)
            for (generation, one), outcome in zip(numbered, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    log.error("a message could not be stored", exc_info=outcome)
                    one.done = False
                else:
                    self._apply(generation, one)
            for listener in tuple(self._listeners):
                listener()

    async def _reserve(self, generation: int) -> None:
        if generation > self._reserved:
            await self._log.append(_RESERVED, generation + RESERVE)
            self._reserved = generation + RESERVE

    async def _keep(self, generation: int, change: _Change) -> None:
        notice = change.notice
        if change.is_removal:
            await self._log.delete(notice.ref)
        else:
            await self._log.append(notice.ref, {**asdict(notice), "generation": generation})

    def _apply(self, generation: int, change: _Change) -> None:
        self.generation = generation
        notice = change.notice
        if not change.is_removal:
            self._by_ref[notice.ref] = (generation, notice)
            self._by_uuid[notice.uuid] = notice.ref
        elif self._by_ref.pop(notice.ref, None) is not None:
            del self._by_uuid[notice.uuid]
            self._removals.append((generation, notice))
        change.done = True
