"""The table of a class: its objects by reference, in the order of their last change; and a selection of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xapi_async.objects.entity import Entity


class Table(dict[str, Any]):
    """The live objects of one class, the most recently changed last."""

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


class Selection(dict[str, Any]):
    """The objects of a table for which something holds, as it was when they were selected."""

    __slots__ = ("_holds", "_table")

    def __init__(self, table: Mapping[str, Any], holds: Callable[[Entity], bool]) -> None:
        super().__init__({ref: entity for ref, entity in table.items() if holds(entity)})
        self._table, self._holds = table, holds

    def now(self) -> Selection:
        """The objects for which it holds now."""
        return Selection(self._table, self._holds)
