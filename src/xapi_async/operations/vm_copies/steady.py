"""Work that goes on even where its task was cancelled: tidying up, and what must not stop half-way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from xapi_async.hypervisor.driver import Progress, unobserved
from xapi_async.operations.context import Context, Task


class SteadyTask:
    """A task as seen by work that pays no regard to its being cancelled."""

    def __init__(self, task: Task, watch: Progress) -> None:
        self.ref = task.ref
        self._watch = watch

    async def progress(self, value: float) -> None:
        """Pass on how far the work is."""
        await self._watch(value)

    @asynccontextmanager
    async def cancellable(self) -> AsyncIterator[None]:
        """Nothing stops the body."""
        yield

    def check(self) -> None:
        """Never raises."""

    @asynccontextmanager
    async def child(self, name: str, watch: Progress = unobserved) -> AsyncIterator[SteadyTask]:
        """Parts of such work are done in its own name."""
        yield SteadyTask(self, watch)


def steady(ctx: Context) -> Context:
    """The context for work that is not to be stopped."""
    return replace(ctx, task=SteadyTask(ctx.task, ctx.task.progress))
