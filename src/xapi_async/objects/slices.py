"""Slices: long work that gives way to others every half a millisecond."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

from xapi_async.objects.turns import Turns

T = TypeVar("T")

SLICE = 0.0005
"""Seconds of work between two looks at what has arrived meanwhile."""


async def sliced(items: Iterable[T], turns: Turns) -> AsyncIterator[T]:
    """Give items one by one, and let others have their turn whenever work on them has taken a while.

    items: nothing that others may change meanwhile.
    """
    began = perf_counter()
    for item in items:
        yield item
        if perf_counter() - began > SLICE:
            await asyncio.sleep(0)
            await turns.take()
            began = perf_counter()
