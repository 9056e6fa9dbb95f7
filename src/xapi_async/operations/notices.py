"""The objects of class message: notices kept beside the store, with generations of their own for events.

They are kept in *segments*, documents of a few dozen notices each, so that keeping one more rewrites
one small document. Who asks for a change waits until it is durable; changes asked for meanwhile are
gathered and written together. Only then does anybody see them.
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
from xapi_async.objects.entity import new_ref, new_uuid
from xapi_async.operations.documents import Document, Documents

log = logging.getLogger(__name__)

SEGMENT_SIZE = 64
"""Messages that follow each other and are kept together."""

SEGMENTS = 4096
"""Segments there can be; counting begins anew after the last, whose messages are long gone by then, as a rule."""


@dataclass(frozen=True)
class MessageSettings:
    """How many notices are kept."""

    kept: int = field(default=10_000, metadata={"doc": "Messages kept; beyond it the oldest are removed."})
    pass_seconds: float = field(default=30.0, metadata={"doc": "Seconds between two passes that remove messages."})
    removals_kept: int = field(default=1024, metadata={"doc": "Removals of messages that event.from can still tell."})


@dataclass(frozen=True, slots=True)
class Notice:
    """A message. number: counts all that were ever made. time: seconds since 1970, with fractions."""

    number: int
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

    @property
    def segment(self) -> int:
        """The number of the segment that keeps it."""
        return self.number // SEGMENT_SIZE % SEGMENTS


_Segment = dict[str, tuple[int, Notice]]
"""Messages by reference, each with the generation of its creation."""


@dataclass(eq=False, slots=True)
class _Change:
    """A notice to be added or removed. done: whether it is durable, None until that is known."""

    notice: Notice
    is_removal: bool
    done: bool | None = None


class Messages:
    """All messages. documents: where they are kept. Its generations go on over restarts."""

    def __init__(self, documents: Documents, clock: Clock, settings: MessageSettings | None = None) -> None:
        self._documents = documents
        self._clock = clock
        self._settings = settings or MessageSettings()
        self._by_ref: _Segment = {}  # oldest first
        self._segments: dict[int, _Segment] = {}
        self._by_uuid: dict[str, str] = {}
        self._removals: deque[tuple[int, str]] = deque(maxlen=self._settings.removals_kept)
        self._listeners: list[Callable[[], None]] = []
        self._pending: list[_Change] = []
        self._lock = asyncio.Lock()
        self.generation = 0
        self._next_number = 0
        self._load()

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
        return [removal for removal in self._removals if removal[0] > generation]

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each change; gives the way to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # Writing

    async def post(self, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str | None:
        """Make a message about an object; gives its reference, or None where it could not be kept.

        cls: the object's class, as the enumeration ``cls`` spells it. body: must be legal in XML.
        """
        notice = Notice(
            self._next_number, new_ref(), new_uuid(), name, priority, cls, obj_uuid, self._clock.now(), body
        )
        self._next_number += 1
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
            segments = self._segments_after(batch)
            try:
                for number, segment in segments.items():
                    await self._documents.put(_document_name(number), self._document(segment, len(batch)))
            except Exception:
                log.exception("messages could not be stored")
                for failed in batch:
                    failed.done = False
                return
            self._segments.update(segments)
            self._apply(batch)

    def _segments_after(self, batch: Sequence[_Change]) -> dict[int, _Segment]:
        """What the segments that a batch touches will hold."""
        segments = {number: dict(self._segments.get(number, {})) for number in {c.notice.segment for c in batch}}
        for generation, change in enumerate(batch, self.generation + 1):
            segment = segments[change.notice.segment]
            if change.is_removal:
                segment.pop(change.notice.ref, None)
            else:
                segment[change.notice.ref] = (generation, change.notice)
        return segments

    def _document(self, segment: _Segment, changes: int) -> Document:
        kept = [[generation, asdict(notice)] for generation, notice in segment.values()]
        return {"generation": self.generation + changes, "next_number": self._next_number, "messages": kept}

    def _apply(self, batch: Sequence[_Change]) -> None:
        for change in batch:
            self.generation += 1
            notice = change.notice
            if not change.is_removal:
                self._by_ref[notice.ref] = (self.generation, notice)
                self._by_uuid[notice.uuid] = notice.ref
            elif self._by_ref.pop(notice.ref, None) is not None:
                del self._by_uuid[notice.uuid]
                self._removals.append((self.generation, notice.ref))
            change.done = True
        for listener in tuple(self._listeners):
            listener()

    def _load(self) -> None:
        loaded: list[tuple[int, Notice]] = []
        for number in range(SEGMENTS):
            document = self._documents.get(_document_name(number))
            if document is None:
                continue
            self.generation = max(self.generation, document["generation"])
            self._next_number = max(self._next_number, document["next_number"])
            notices = [(generation, Notice(**values)) for generation, values in document["messages"]]
            self._segments[number] = {notice.ref: (generation, notice) for generation, notice in notices}
            loaded.extend(notices)
        loaded.sort(key=lambda item: item[0])
        self._by_ref = {notice.ref: (generation, notice) for generation, notice in loaded}
        self._by_uuid = {notice.uuid: notice.ref for _, notice in loaded}


def _document_name(segment: int) -> str:
    return f"messages/{segment}"
