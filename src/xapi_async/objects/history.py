"""What happened when: the changes that events are made from.

Live objects carry the generations of their creation and last change, and each class keeps its objects
in the order of their last change (see :class:`~xapi_async.objects.store.Store`). Only removals need a
memory of their own, which is kept here, bounded.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from xapi_async.datamodel.language import ApiClass


@dataclass(frozen=True)
class Removal:
    """An object that is gone: its reference and the generations between which it lived."""

    ref: str
    created: int
    removed: int


class Removals:
    """The newest removals of each class; older ones are forgotten, as the event calls allow."""

    def __init__(self, limit: int = 512) -> None:
        self._limit = limit
        self._by_class: dict[type[ApiClass], deque[Removal]] = {}

    def add(self, cls: type[ApiClass], removal: Removal) -> None:
        """Remember a removal."""
        if cls not in self._by_class:
            self._by_class[cls] = deque(maxlen=self._limit)
        self._by_class[cls].append(removal)

    def since(self, cls: type[ApiClass], generation: int) -> list[Removal]:
        """Removals after a generation, oldest first."""
        found: list[Removal] = []
        for removal in reversed(self._by_class.get(cls, ())):
            if removal.removed <= generation:
                break
            found.append(removal)
        found.reverse()
        return found
