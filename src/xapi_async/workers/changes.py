"""Objects and changes as they travel from the writer to its readers.

A snapshot travels in slices, between which changes go on. Each slice has its objects as they are at
that moment in the stream, so a reader applies a change to an object that it has, and leaves it out for
one that is still to come, which will come with that change in it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import EMPTY_MAP, Entity, is_put_off, live_class
from xapi_async.objects.step import NONE, Operation, Step
from xapi_async.objects.store import Store

LATE_FIELD = "allowed_operations"
"""The field that is put off in a copy where it is in the original: it follows from other objects."""

PackedObject = tuple[str, int, int, bool, tuple[Any, ...]]
"""Reference, generations of creation and last change, whether a field was put off, and all values in order."""

PackedStep = tuple[Operation, int, str, Any, Any]
"""Operation, number of the class, reference; then all values of an ``add``, or the values and links of a ``mod``."""

PackedCommit = tuple[int, list[PackedStep]] | tuple[int, int, str, Any]
"""The generation of a commit's first step, and its steps; each further one has the next generation.

Of the most frequent ones, which write fields of one object and join or leave no set, instead of the steps
the number of the class, the reference, and the values.
"""

SLICE = 500
"""Objects that are packed in one go: the writer answers nobody meanwhile."""

_NUMBERS = {cls: number for number, cls in enumerate(CLASSES)}


def pack_commit(steps: Sequence[Step], first: int) -> PackedCommit:
    """A commit, to be called as it lands: objects that it adds change later."""
    step = steps[0]
    if step.operation == "mod" and not step.links and len(steps) == 1:
        return first, _NUMBERS[step.cls], step.ref, step.values
    packed: list[PackedStep] = []
    for step in steps:
        operation = step.operation
        if operation == "mod":
            packed.append(("mod", _NUMBERS[step.cls], step.ref, step.values, step.links))
        else:
            values = values_in_order(step.entity) if operation == "add" else None
            packed.append((operation, _NUMBERS[step.cls], step.ref, values, None))
    return first, packed


def unpack_commit(packed: PackedCommit) -> list[Step]:
    """The steps again, for :meth:`Store.repeat`."""
    if len(packed) == 2:
        return [_unpack_step(step) for step in packed[1]]
    _, number, ref, values = packed
    return [Step("mod", CLASSES[number], ref, values, NONE)]


def _unpack_step(packed: PackedStep) -> Step:
    operation, number, ref, values, links = packed
    if operation == "mod":
        return Step("mod", CLASSES[number], ref, values, links)
    step = Step(operation, CLASSES[number], ref, NONE, NONE)
    if operation == "add":
        step.entity = _entity(step.cls, ref, values)
    return step


def pack_slices(store: Store) -> Iterator[tuple[int, list[PackedObject]]]:
    """Every object there is now and still is when its turn comes, in slices by number of class."""
    refs = [(cls, list(store.table(cls))) for cls in CLASSES if cls.FACTS.in_database]
    for cls, of_class in refs:
        table: Any = store.table(cls)
        for start in range(0, len(of_class), SLICE):
            found = (table.get(ref) for ref in of_class[start : start + SLICE])
            yield _NUMBERS[cls], [_pack(entity) for entity in found if entity is not None]


def _pack(entity: Entity) -> PackedObject:
    is_late = is_put_off(entity, LATE_FIELD)
    if not is_late:
        values = values_in_order(entity)
    else:  # without computing it: there may be very many of them
        values = tuple([None if name == LATE_FIELD else getattr(entity, name) for name in entity.FIELD_NAMES])
    return entity.ref, entity.born, entity.modified, is_late, values


class Unpacker:
    """Makes objects of slices, equal texts and other small values shared between them as far as that goes."""

    def __init__(self) -> None:
        self._shared: dict[Any, Any] = {}

    def entities(self, number: int, packed: Iterable[PackedObject]) -> Iterator[tuple[Entity, bool]]:
        """The objects of a slice, and whether a field of each was put off."""
        cls = CLASSES[number]
        for ref, born, modified, is_late, values in packed:
            entity = _entity(cls, self._share(ref), [self._share(value) for value in values])
            entity.born, entity.modified = born, modified
            yield entity, is_late

    def _share(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._shared.setdefault(value, value)
        if kind is tuple and len(value) < _SHARED_ITEMS and all(type(item) is str for item in value):
            items = tuple([self._shared.setdefault(item, item) for item in value])
            return self._shared.setdefault(items, items)
        return value


_SHARED_ITEMS = 64


def values_in_order(entity: Entity) -> tuple[Any, ...]:
    """All values of an object, in the order in which its class names the fields."""
    return type(entity).read_all(entity)


def _entity(cls: type[ApiClass], ref: str, values: Sequence[Any]) -> Entity:
    live = live_class(cls)
    entity = live.__new__(live)
    entity.ref = ref
    entity.born = entity.modified = 0
    entity.memo = entity.unset = None
    for name, value in zip(live.FIELD_NAMES, values, strict=True):
        # As everywhere: nobody changes a map in place, so all empty ones are the same.
        setattr(entity, name, value if value or type(value) is not dict else EMPTY_MAP)
    return entity


def packed_batch(commits: list[PackedCommit]) -> bytes:
    """Commits in one piece, made once for all readers."""
    return pickle.dumps(commits, 5)


def unpacked_batch(batch: bytes) -> list[PackedCommit]:
    """The commits in a piece."""
    found: list[PackedCommit] = pickle.loads(batch)  # noqa: S301  from our own writer, see xapi_async.workers.link
    return found
