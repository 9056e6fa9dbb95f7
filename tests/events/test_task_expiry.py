"""How long tasks are remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import FakeClock, memory_services
from xapi_async.datamodel.classes import Task
from xapi_async.objects.clock import api_time
from xapi_async.objects.store import Store
from xapi_async.rpc.tasks import Tasks, TaskSettings

HOUR = 3600.0


class Past:
    """Tasks of the past, and passes over them."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.tasks = Tasks(store, clock, TaskSettings(), lambda api_type, value: "", lambda: "OpaqueRef:host")

    async def add(self, status: str, age: float, **values: Any) -> str:
        """A task that began, and where it has ended also ended, that many seconds ago."""
        then = api_time(self.clock.now() - age)
        async with self.store.transaction() as tx:
            finished = {} if status == "pending" else {"finished": then}
            return tx.create(Task, status=status, created=then, **finished, **values).ref

    async def left(self) -> set[str]:
        """What a pass leaves."""
        await self.tasks.expire()
        return {task.ref for task in self.store.all(Task)}


@pytest.fixture
async def past() -> AsyncIterator[Past]:
    clock = FakeClock()
    async with memory_services(clock=clock) as services:
        yield Past(services.store, clock)


@pytest.mark.parametrize("status", ["success", "failure", "cancelled"])
async def test_finished_ones_go_after_an_hour(past: Past, status: str) -> None:
    old, young = await past.add(status, 66 * 60), await past.add(status, 64 * 60)
    pending = await past.add("pending", 66 * 60)
    assert old not in await past.left()
    assert await past.left() == {young, pending}


async def test_unfinished_ones_go_after_a_day_without_progress(past: Past) -> None:
    stuck = await past.add("pending", 23 * HOUR, progress=0.3)
    moving = await past.add("pending", 23 * HOUR, progress=0.3)
    assert await past.left() == {stuck, moving}
    past.clock.time += 2 * HOUR
    assert await past.left() == {stuck, moving}  # one pass has to see them first
    for step in range(3):
        async with past.store.transaction() as tx:
            tx.set(tx.get(Task, moving), progress=0.4 + step / 10)
        assert await past.left() == {moving}
    assert await past.left() == set()


async def test_beyond_two_hundred_the_oldest_finished_go(past: Past) -> None:
    finished = [await past.add("success", 1000.0 - number) for number in range(150)]
    pending = [await past.add("pending", 2000.0) for _ in range(53)]
    assert await past.left() == {*finished[3:], *pending}
    more = [await past.add("pending", 0.0) for _ in range(200)]
    assert await past.left() == {*pending, *more}


async def test_those_that_were_to_go_when_they_end(past: Past) -> None:
    marked = {"current_operations": {"task": "destroy"}}
    ended, pending = await past.add("success", 1.0, **marked), await past.add("pending", 1.0, **marked)
    assert ended not in await past.left()
    assert await past.left() == {pending}
