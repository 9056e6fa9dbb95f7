"""Work that must not be left half way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def finish(work: Awaitable[object]) -> None:
    """Wait for work to end, even when cancelled meanwhile; the cancellation takes effect at the next ``await``.

    For writes that were handed over: they may be durable at any moment, and what follows depends on
    whether they are. Raises what the work raises.
    """
    task, current, cancelled = asyncio.ensure_future(work), asyncio.current_task(), 0
    assert current is not None  # a coroutine runs in a task
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled += 1
            current.uncancel()
    for _ in range(cancelled):
        current.cancel()
    task.result()
