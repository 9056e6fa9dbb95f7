"""What event.from tells: the changes since a token, and the token that comes after them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol, cast

from xapi_async.datamodel.classes import CLASSES, PoolMessage, Role
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Entity
from xapi_async.objects.store import Store
from xapi_async.rpc.call import Event, EventBatch
from xapi_async.rpc.subscriptions import Subscription
from xapi_async.rpc.told import Told

TOKEN_DIGITS = 20

_MOST_COMPARED = 1000
"""How many events an answer may have to be looked for among those of other callers."""


class Messages(Protocol):
    """The objects of class message, which are kept beside the store."""

    generation: int

    def since(self, generation: int) -> Sequence[tuple[int, str, Mapping[str, Any]]]:
        """Messages created after a generation: its own generation, reference and record."""
        ...

    def removed_since(self, generation: int) -> Sequence[tuple[int, str]]:
        """Messages removed after a generation: the removal's generation and the reference."""
        ...


class Token:
    """``N,M``: the generation of the store, and that of the messages, up to which a client has seen all."""

    @staticmethod
    @lru_cache(maxsize=1024)  # those who wait for the same have the same
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


class Batches:
    """Answers, each made once for all who ask the same between two changes. made: how many were made."""

    def __init__(self, store: Store, messages: Messages) -> None:
        self.store = store
        self._messages = messages
        self._now = (-1, -1)
        self._found: dict[tuple[Subscription, int, int], EventBatch] = {}
        # Those who asked for other things, or earlier, are often told the same: it is encoded once as well.
        self._by_contents: dict[tuple[Any, ...], EventBatch] = {}
        self._counts: Mapping[str, int] | None = None
        self.made = 0

    def get(self, subscription: Subscription, generation: int, message_generation: int) -> EventBatch:
        """What has changed since the generations of a token."""
        now = self.store.generation, self._messages.generation
        if now != self._now:
            self._found.clear()
            self._by_contents.clear()
            self._counts = None
            self._now = now
        key = (subscription, generation, message_generation)
        batch = self._found.get(key)
        if batch is None:
            batch = self._found[key] = self._make(subscription, generation, message_generation)
        return batch

    def _make(self, subscription: Subscription, generation: int, message_generation: int) -> EventBatch:
        messages, newest_message = self._message_events(subscription, message_generation)
        added: list[Entity] = []
        modified: list[Entity] = []
        removed: list[Event] = []
        newest = generation
        for cls in subscription.in_order:
            wanted = subscription.singles.get(cls)
            changed = self._changed_entities(cls, wanted, generation)
            added += [entity for entity in changed if entity.born > generation]
            modified += [entity for entity in changed if entity.born <= generation]
            removals = [
                removal
                for removal in self.store.removals.since(cls, generation)
                if removal.created <= generation and (wanted is None or removal.ref in wanted)
            ]
            removed += [Event(removal.removed, "0.0", cls, "del", removal.ref, None) for removal in removals]
            newest = max((newest, *(each.removed for each in removals), *(each.modified for each in changed[:1])))
        token = Token.text(newest, newest_message)
        told = Told(messages, added, modified, removed)
        if len(told) > _MOST_COMPARED:
            self.made += 1
            return EventBatch(told, self._all_counts(), token)
        contents = (token, *((event.operation, event.ref) for event in told))
        batch = self._by_contents.get(contents)
        if batch is None:
            self.made += 1
            batch = self._by_contents[contents] = EventBatch(told, self._all_counts(), token)
        return batch

    def _changed_entities(self, cls: type[ApiClass], wanted: frozenset[str] | None, since: int) -> list[Entity]:
        """The objects of a class that changed, the newest first."""
        if wanted is None:
            return list(cast("Iterator[Entity]", self.store.changed_since(cls, since)))
        found = (cast("Entity | None", self.store.find(cls, ref)) for ref in wanted)
        changed = [entity for entity in found if entity is not None and entity.modified > since]
        return sorted(changed, key=attrgetter("modified"), reverse=True)

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

    def _all_counts(self) -> Mapping[str, int]:
        """How many objects each class has, by lower-case name; 0 for classes that are not stored."""
        if self._counts is None:
            counts = {cls.FACTS.name.lower(): len(self.store.table(cls)) for cls in CLASSES}
            counts[Role.FACTS.name] = 0
            self._counts = counts
        return self._counts
