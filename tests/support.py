"""Stand-ins for unit tests that need no server: services without delays, a caller who may do everything."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.client import PATIENCE
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import Progress, unobserved
from xapi_async.objects.entity import new_ref
from xapi_async.objects.store import MemoryJournal, Store
from xapi_async.operations.context import Context, Services


async def eventually(condition: Callable[[], object]) -> None:
    """Wait for something that comes by itself."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  no event tells of it
            await asyncio.sleep(0.01)


class FakeClock:
    """A clock whose waits pass at once and are added to its time."""

    def __init__(self, start: float = 1_519_218_309.0) -> None:
        self.time = start
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    stamp = now

    def at(self, stamp: float) -> float:
        return stamp

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Superuser:
    """A caller with every permission."""

    session = "OpaqueRef:00000000-0000-4000-8000-000000000001"
    user_name = "root"
    user_sid = ""
    is_pool = False
    is_superuser = True

    def may(self, permission: str) -> bool:
        return True


class FakeTask:
    """A task that remembers its progress and can be cancelled."""

    def __init__(self, above: FakeTask | None = None, watch: Progress = unobserved) -> None:
        self.ref = new_ref()
        self.reached: list[float] = []
        self.cancelled = False
        self.above = above
        self.watch = watch

    async def progress(self, value: float) -> None:
        self.reached.append(value)
        await self.watch(value)

    @asynccontextmanager
    async def child(self, name: str, watch: Progress = unobserved) -> AsyncIterator[FakeTask]:
        self.check()
        yield FakeTask(self, watch)

    @asynccontextmanager
    async def cancellable(self) -> AsyncIterator[None]:
        self.check()
        yield
        self.check()

    def check(self) -> None:
        if self.cancelled or (self.above is not None and self.above.cancelled):
            raise ApiError("TASK_CANCELLED", self.ref)


@asynccontextmanager
async def memory_services(**parts: Any) -> AsyncIterator[Services]:
    """Services over a store that keeps nothing; name ``hypervisor``, ``storage``, ``clock`` to put others in."""
    store = Store(MemoryJournal())
    writer = asyncio.create_task(store.run())
    try:
        yield Services(
            store=store,
            clock=parts.get("clock", FakeClock()),
            rng=random.Random(1),
            hypervisor=parts.get("hypervisor"),  # type: ignore[arg-type]
            storage=parts.get("storage"),  # type: ignore[arg-type]
        )
    finally:
        writer.cancel()


def context(services: Services) -> Context:
    """A context for one call by a superuser."""
    return Context(services=services, caller=Superuser(), task=FakeTask())
