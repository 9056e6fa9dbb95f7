"""What the server does without being asked: who does it, and under which task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xapi_async.hypervisor.driver import Progress, unobserved
from xapi_async.objects.entity import new_ref
from xapi_async.operations.context import Context, Services


class TheServer:
    """The server as caller of its own operations."""

    session = ""
    user_name = ""
    user_sid = ""
    is_superuser = True
    is_pool = True

    def may(self, permission: str) -> bool:
        """Everything."""
        return True


class UnseenTask:
    """A task that no object stands for."""

    def __init__(self, watch: Progress = unobserved) -> None:
        self.ref = new_ref()
        self._watch = watch

    async def progress(self, value: float) -> None:
        """Pass on how far the work is."""
        await self._watch(value)

    @asynccontextmanager
    async def cancellable(self) -> AsyncIterator[None]:
        """Nobody can cancel it."""
        yield

    def check(self) -> None:
        """Nobody can cancel it."""

    @asynccontextmanager
    async def child(self, name: str, watch: Progress = unobserved) -> AsyncIterator[UnseenTask]:
        """Another one."""
        yield UnseenTask(watch)


@asynccontextmanager
async def own_context(services: Services, name: str) -> AsyncIterator[Context]:
    """A context for work of the server's own. name: the label of its task."""
    if services.own_task is None:
        yield Context(services, TheServer(), UnseenTask())
        return
    async with services.own_task(name) as task:
        yield Context(services, TheServer(), task)
