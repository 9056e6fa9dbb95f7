"""Work that must not be left half way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def finish(work: Awaitable[object], *, is_cancelled: bool = False) -> None:
    """Wait for work to end, even when cancelled meanwhile; the cancellation takes effect at the next ``await``.

    For writes that were handed over: they may be durable at any moment, and what follows depends on
    whether they are. is_cancelled: whether that has come already, and is put off as well. Raises what the work raises.
    """
    task, current, cancelled = asyncio.ensure_future(work), asyncio.current_task(), int(is_cancelled)
    assert current is not None  # a coroutine runs in a task
    if is_cancelled:
        current.uncancel()
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled += 1
            current.uncancel()
    for _ in range(cancelled):
        current.cancel()
    task.result()
