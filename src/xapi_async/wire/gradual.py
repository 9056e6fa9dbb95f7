"""Answers with many records that are not written yet: these are written a few at a time.

When a thousand objects have changed, writing their records takes a tenth of a second, and nobody else would be
answered for as long. So they are written beforehand, a millisecond's worth in each turn of the event loop, and
kept with their objects. The answer itself is then put together in one step, and what has changed meanwhile is
written in that step. So a list is what it always was: all objects as they were at one moment, which is that
of the answer.

Answers with many events are put together in turns as well. Each event shows its object as of the moment in which it is
written, with the token of the call: what changed since then, or in between, is told once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from time import perf_counter
from typing import Any, Protocol

from xapi_async.objects.entity import Entity
from xapi_async.objects.table import Selection, Table
from xapi_async.rpc.call import EventBatch
from xapi_async.wire.batches import Batches

AT_ONCE = 32
"""How many records may be written in one step."""

_SLICE_SECONDS = 0.001
_PASSES = 2
"""How often all that is not written is gone through; the second time there is only what changed in the first."""

WITH_MANY = frozenset((Table, Selection, EventBatch))
"""The types of values that may hold many objects."""


class Records(Protocol):
    """An encoder, for what it writes of objects. batches: what it writes of events."""

    batches: Batches

    def unwritten(self, value: Any) -> Iterator[Entity]:
        """The objects in a list whose records are not kept."""
        ...

    def write(self, entity: Entity) -> object:
        """Write the record of an object, and keep it."""
        ...


def takes_long(records: Records, value: Any) -> bool:
    """Whether too much is to be written for a value, of those with many objects, to be done in one step."""
    if type(value) is EventBatch:
        return records.batches.takes_long(value)
    return len(list(islice(records.unwritten(value), AT_ONCE + 1))) > AT_ONCE


class Gradually:
    """Writes what answers need, for one of them at a time: they often need the same."""

    def __init__(self) -> None:
        self._writing = asyncio.Lock()

    async def write(self, records: Records, value: Any) -> Any:
        """Write what takes long in a value; gives it as it is after that."""
        async with self._writing:
            for _ in range(_PASSES):
                if takes_long(records, value):
                    await _do_all(_steps(records, value))
        return value.now() if type(value) is Selection else value


def _steps(records: Records, value: Any) -> Iterator[object]:
    if type(value) is EventBatch:
        return records.batches.writing(value)
    return map(records.write, list(records.unwritten(value)))


async def _do_all(steps: Iterator[object]) -> None:
    ends = perf_counter() + _SLICE_SECONDS
    for _ in steps:
        if perf_counter() > ends:
            await asyncio.sleep(0)
            ends = perf_counter() + _SLICE_SECONDS
