"""The events of one answer, each made only when it is written: a client that begins gets one for every object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import overload

from xapi_async.objects.entity import Entity
from xapi_async.rpc.call import Event


class Told(Sequence[Event]):
    """Events in the order in which they are told. Objects show as they are when their event is looked at.

    messages: events of the class message. added, modified: objects that came or changed. removed: events of those gone.
    """

    def __init__(
        self, messages: Sequence[Event], added: Sequence[Entity], modified: Sequence[Entity], removed: Sequence[Event]
    ) -> None:
        self._messages = messages
        self._added = added
        self._modified = modified
        self._removed = removed
        self._size = len(messages) + len(added) + len(modified) + len(removed)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Event]:
        return chain(self._messages, _events("add", self._added), _events("mod", self._modified), self._removed)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return list(self)[index]


def _events(operation: str, entities: Iterable[Entity]) -> Iterator[Event]:
    for entity in entities:
        yield Event(entity.modified, "0.0", type(entity), operation, entity.ref, entity)
