"""A task that is cancelled at the worst of moments is cancelled, and whoever waits for it is told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.support import FakeClock
from xapi_async.datamodel.classes import Task
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.finishing import finish
from xapi_async.objects.store import MemoryJournal, Store
from xapi_async.rpc.tasks import RunningTask, Tasks, TaskSettings


class HeldJournal(MemoryJournal):
    """A journal in which changes lie until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def append(self, pieces: Sequence[Any]) -> None:
        await self.open.wait()


class Scene:
    """A task, and a store in which changes wait for the journal. work: what the task does."""

    def __init__(self, store: Store, journal: HeldJournal) -> None:
        self.store = store
        self.journal = journal
        self.tasks = Tasks(store, FakeClock(), TaskSettings(), lambda api_type, value: "", lambda: "OpaqueRef:host")

    async def task(self) -> RunningTask:
        async with self.store.transaction() as tx:
            return self.tasks.attach(tx.create(Task, status="pending").ref)

    async def hold(self) -> None:
        """From now on every change waits behind one that the journal has not kept."""
        self.journal.open.clear()
        self.waiting = asyncio.create_task(self._change())
        await turns()

    async def assert_cancelled(self, task: RunningTask, working: asyncio.Task[None]) -> None:
        """Let what waits go on: then work ends as a client has it end who cancels its task."""
        self.journal.open.set()
        with pytest.raises(ApiError) as caught:
            await working
        assert caught.value.description == ["TASK_CANCELLED", task.ref]
        await self.waiting
        assert self.store.get(Task, task.ref).allowed_operations == ()

    async def _change(self) -> None:
        async with self.store.transaction() as tx:
            tx.create(VM)


async def turns() -> None:
    """Let everybody do what can be done now."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    journal = HeldJournal()
    journal.open.set()
    store = Store(journal)
    running = asyncio.create_task(store.run())
    yield Scene(store, journal)
    journal.open.set()
    running.cancel()
    await asyncio.wait((running,))


async def test_while_it_is_about_to_allow_that(scene: Scene) -> None:
    task = await scene.task()
    await scene.hold()

    async def work() -> None:
        async with task.cancellable():
            pass

    working = asyncio.create_task(work())
    await turns()
    task.cancel()
    await scene.assert_cancelled(task, working)


async def test_in_the_last_step_that_must_be_finished(scene: Scene) -> None:
    task, last_step = await scene.task(), asyncio.Event()

    async def work() -> None:
        async with task.cancellable():
            await finish(last_step.wait())

    working = asyncio.create_task(work())
    await turns()
    await scene.hold()
    task.cancel()
    last_step.set()
    await turns()
    await scene.assert_cancelled(task, working)


async def test_by_a_client_and_by_the_server_that_stops(scene: Scene) -> None:
    task = await scene.task()

    async def work() -> None:
        async with task.cancellable():
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await turns()
    task.cancel()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert scene.store.get(Task, task.ref).allowed_operations == ()
