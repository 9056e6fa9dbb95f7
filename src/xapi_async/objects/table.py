"""The table of a class: its objects by reference, in the order of their last change, the newest last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xapi_async.objects.entity import Entity


class Table(dict[str, Any]):
    """The live objects of one class. A type of its own tells it from other maps of objects, which never change."""

    __slots__ = ()

    @property
    def newest(self) -> int:
        """The generation of the last creation or change that still shows; 0 where it is empty."""
        return next(reversed(self.values())).modified if self else 0

    def changed_since(self, generation: int) -> Iterator[Entity]:
        """Objects created or changed after a generation, the newest first."""
        for entity in reversed(self.values()):
            if entity.modified <= generation:
                return
            yield entity
