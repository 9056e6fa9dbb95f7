"""A reader's copy of the objects: how it is filled, and how it follows the writer's."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from xapi_async import operations
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Late, declared_class, put_off
from xapi_async.objects.journal import MemoryJournal
from xapi_async.objects.store import Store
from xapi_async.operations.marking import allowed_operations
from xapi_async.workers.changes import LATE_FIELD, PackedObject, Unpacker, unpack_commit, unpacked_batch

Names = Mapping[int, Mapping[str, tuple[str, ...]]]


class Replica:
    """The copy. changed: called with class and reference of each object that changes."""

    def __init__(self, changed: Callable[[type[ApiClass], str], None]) -> None:
        self.store = Store(MemoryJournal())
        self._changed = changed
        self._unpacker: Unpacker | None = Unpacker()  # as long as the snapshot is on its way
        # What the writer put off is put off here as well, and comes to the same when it is asked for.
        self._late: dict[type[ApiClass], Late] = {
            rules.cls: {LATE_FIELD: partial(allowed_operations, self.store, rules)} for rules in operations.rules()
        }
        gc.disable()  # for as long as many lasting objects are made

    def fill(self, number: int, packed: list[PackedObject]) -> None:
        """Put in a slice of the snapshot."""
        assert self._unpacker is not None  # slices come before the snapshot's end
        for entity, is_late in self._unpacker.entities(number, packed):
            cls = declared_class(entity)
            self.store.restore(cls, entity)
            if is_late:
                put_off(entity, self._late[cls])

    @property
    def is_filling(self) -> bool:
        """Whether the snapshot is still on its way."""
        return self._unpacker is not None

    def filled(self, names: Names) -> None:
        """The snapshot is complete. names: see :meth:`Store.restore_order`, by number of the class."""
        self._unpacker = None
        self.store.restore_order({CLASSES[number]: by_name for number, by_name in names.items()})
        gc.enable()
        gc.collect()
        gc.freeze()

    def apply(self, batch: bytes) -> int:
        """Apply changes, and give the generation of the last."""
        store, is_filling = self.store, self.is_filling
        generation = 0
        for commit in unpacked_batch(batch):
            for generation, step in enumerate(unpack_commit(commit), commit[0]):
                if is_filling and step.operation != "add" and store.find(step.cls, step.ref) is None:
                    continue  # it will come with this change in it, or not at all
                store.repeat(step, generation)
                self._changed(step.cls, step.ref)
        return generation


def numbered(names: Mapping[type[ApiClass], Mapping[str, tuple[str, ...]]]) -> dict[int, Any]:
    """What :meth:`Replica.filled` takes, from a store's :meth:`~Store.names_in_order`."""
    numbers = {cls: number for number, cls in enumerate(CLASSES)}
    return {numbers[cls]: by_name for cls, by_name in names.items() if by_name}
