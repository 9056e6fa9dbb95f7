"""Tasks: what clients see of a call while it runs and after it, and how they stop it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from xapi_async.datamodel.classes import Session
from xapi_async.datamodel.classes import Task as TaskClass
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER, NULL_REF, ApiType
from xapi_async.hypervisor.driver import Progress, unobserved
from xapi_async.objects.clock import Clock, api_time, from_api_time
from xapi_async.objects.entity import new_ref, new_uuid
from xapi_async.objects.slices import sliced
from xapi_async.objects.store import Store
from xapi_async.operations.context import Caller, Context, Handlers
from xapi_async.rpc.call import Call
from xapi_async.rpc.roles import denied

EncodeValue = Callable[[ApiType[Any], Any], str]

FINISHED = ("success", "failure", "cancelled")
DESTROY_ANY = "task.destroy/any"
REMOVED_AT_ONCE = 20
"""Tasks that a pass removes in one transaction: more would keep others waiting."""

SMALLEST_PROGRESS = 0.005
"""Progress that moved less than this since it was last shown is not worth an event."""


@dataclass(frozen=True)
class TaskSettings:
    """When tasks are forgotten."""

    finished_seconds: float = field(
        default=3900.0, metadata={"doc": "Seconds after its end when a finished task is removed."}
    )
    pending_seconds: float = field(
        default=86400.0, metadata={"doc": "Seconds after its start when a task that makes no progress is removed."}
    )
    kept: int = field(default=200, metadata={"doc": "Tasks kept; beyond it the oldest finished ones are removed."})
    pass_seconds: float = field(default=30.0, metadata={"doc": "Seconds between two passes that remove tasks."})


class RunningTask:
    """A task with work behind it."""

    def __init__(self, tasks: Tasks, ref: str, watch: Progress = unobserved) -> None:
        self.ref = ref
        self._tasks = tasks
        self._cancelled = False
        self._scope: asyncio.Task[Any] | None = None
        self._shown = 0.0
        self._watch = watch
        self._children: list[RunningTask] = []

    async def progress(self, value: float) -> None:
        """Say how far the work is, from 0 to 1."""
        await self._watch(value)
        if abs(value - self._shown) < SMALLEST_PROGRESS:
            return
        self._shown = value
        await self._tasks.write(self.ref, progress=value)

    def check(self) -> None:
        """Raise TASK_CANCELLED [task] if the task was cancelled."""
        if self._cancelled:
            raise ApiError("TASK_CANCELLED", self.ref)

    @asynccontextmanager
    async def cancellable(self) -> AsyncIterator[None]:
        """A stretch of work that a cancel stops by TASK_CANCELLED [task]."""
        if self._scope is not None:
            yield  # the outer stretch takes care
            return
        self.check()
        current = asyncio.current_task()
        assert current is not None  # a coroutine always runs in a task
        self._scope = current
        try:
            try:
                await self._tasks.write(self.ref, allowed_operations=("cancel",))
                yield
            finally:
                self._scope = None
                await self._tasks.write(self.ref, allowed_operations=())
                if self._cancelled:
                    await asyncio.sleep(0)  # a cancel that was put off until something had landed takes effect here
        except asyncio.CancelledError:
            # Ours to answer only if the cancel came from the client and nobody else cancels as well.
            if self._cancelled and current.uncancel() <= 0:
                raise ApiError("TASK_CANCELLED", self.ref) from None
            raise
        self.check()

    def cancel(self) -> None:
        """Have the work stop at its next point that allows it."""
        if self._cancelled:
            return
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()
        for child in self._children:
            child.cancel()

    @asynccontextmanager
    async def child(self, name: str, watch: Progress = unobserved) -> AsyncIterator[RunningTask]:
        """A task below this one, gone with the body; whoever cancels this one cancels it too."""
        self.check()
        child = await self._tasks.begin_child(self.ref, name, watch)
        self._children.append(child)
        try:
            yield child
        finally:
            self._children.remove(child)
            await asyncio.shield(self._tasks.forget(child))


class Tasks:
    """All tasks of the server.

    encode_value: how a result becomes the text of a task's result. this_host: the host tasks are resident on.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: TaskSettings,
        encode_value: EncodeValue,
        this_host: Callable[[], str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._encode_value = encode_value
        self._this_host = this_host
        self._running: dict[str, RunningTask] = {}
        self._last_progress: dict[str, float] = {}

    # For the dispatcher and transfers

    async def begin(self, name: str, caller: Caller, call: Call) -> RunningTask:
        """Make the task of a call, or take the one its headers name, if the caller may act on it."""
        if call.task_id is not None and self._is_there_for(caller, call.task_id):
            ref = call.task_id
        else:
            other_config = {f"http:{key.lower()}": value for key, value in call.task_other_config.items()}
            ref = await self._create(name, "", caller.session, call.subtask_of or NULL_REF, other_config)
        return self.attach(ref)

    def attach(self, ref: str) -> RunningTask:
        """Put work behind an existing task."""
        running = self._running[ref] = RunningTask(self, ref)
        return running

    async def begin_child(self, parent: str, name: str, watch: Progress) -> RunningTask:
        """Make a task below another one, of the same session."""
        above = self._store.find(TaskClass, parent)
        ref = await self._create(name, "", above.session if above else "", parent, {})
        child = self._running[ref] = RunningTask(self, ref, watch)
        return child

    @asynccontextmanager
    async def own(self, name: str) -> AsyncIterator[RunningTask]:
        """A task of the server itself, gone with the body."""
        task = self.attach(await self._create(name, "", "", NULL_REF, {}))
        try:
            yield task
        finally:
            await asyncio.shield(self.forget(task))

    async def succeed(self, task: RunningTask, result_type: ApiType[Any], value: Any) -> None:
        """End a task with a value."""
        await self.end(task.ref, "success", result=self._encode_value(result_type, value))

    async def fail(self, task: RunningTask, error: ApiError) -> None:
        """End a task with an error."""
        if error.code == "TASK_CANCELLED":
            await self.end(task.ref, "cancelled")
            return
        trace = "".join(traceback.format_exception(error)).strip()
        await self.end(task.ref, "failure", error_info=tuple(error.description), backtrace=trace or "()")

    async def end(self, ref: str, status: str, **outcome: Any) -> None:
        """End a task; one that is no longer pending stays as it is."""
        self._running.pop(ref, None)
        async with self._store.transaction() as tx:
            task = tx.find(TaskClass, ref)
            if task is None or task.status != "pending":
                return
            finished = api_time(self._clock.now())
            tx.set(task, **outcome, status=status, progress=1.0, finished=finished, allowed_operations=())

    def cancel(self, ref: str) -> None:
        """Have the work of a task stop at its next point that allows it; no error where it is over."""
        running = self._running.get(ref)
        if running is not None:
            running.cancel()

    def detach(self, task: RunningTask) -> None:
        """Take away the work behind a task that goes on without it."""
        self._running.pop(task.ref, None)

    async def forget(self, task: RunningTask) -> None:
        """Remove the task of a synchronous call that has ended."""
        self._running.pop(task.ref, None)
        async with self._store.transaction() as tx:
            found = tx.find(TaskClass, task.ref)
            if found is not None:
                tx.delete(found)

    async def write(self, ref: str, **values: Any) -> None:
        """Write fields of a task that may be gone by now."""
        async with self._store.transaction() as tx:
            task = tx.find(TaskClass, ref)
            if task is not None and task.status not in FINISHED:
                tx.set(task, **values)

    async def _create(
        self, label: str, description: str, session: str, parent: str, other_config: dict[str, str]
    ) -> str:
        async with self._store.transaction() as tx:
            task = tx.create(
                TaskClass,
                ref=new_ref(),
                uuid=new_uuid(),
                name_label=label,
                name_description=description,
                created=api_time(self._clock.now()),
                finished=NEVER,
                status="pending",
                type="<none/>",
                session=session or NULL_REF,
                resident_on=self._this_host(),
                subtask_of=parent,
                other_config=other_config,
            )
            return task.ref

    # Messages

    def handlers(self) -> Handlers:
        """The explicit messages of class task."""
        return {
            "task.create": self._message_create,
            "task.destroy": self._message_destroy,
            "task.cancel": self._message_cancel,
            "task.set_status": self._message_set_status,
        }

    async def _message_create(self, ctx: Context, label: str, description: str) -> str:
        return await self._create(label, description, ctx.caller.session, NULL_REF, {})

    async def _message_destroy(self, ctx: Context, self_ref: str) -> None:
        self._assert_may_act(ctx.caller, self_ref)
        async with self._store.transaction() as tx:
            task = tx.get(TaskClass, self_ref)
            if task.status in FINISHED:
                tx.delete(task)
                return
            if "task" in task.current_operations:
                raise ApiError("MAP_DUPLICATE_KEY", "task", "current_operations", self_ref, "task")
            tx.set(task, current_operations={"task": "destroy", **task.current_operations})

    async def _message_cancel(self, ctx: Context, task_ref: str) -> None:
        self._assert_may_act(ctx.caller, task_ref)
        async with self._store.transaction() as tx:
            task = tx.get(TaskClass, task_ref)
            # That it is to go when it ends is remembered: the client has been told so.
            kept = {key: value for key, value in task.current_operations.items() if value == "destroy"}
            tx.set(task, current_operations={ctx.task.ref: "cancel", **kept})
        self.cancel(task_ref)

    async def _message_set_status(self, ctx: Context, self_ref: str, value: str) -> None:
        self._assert_may_act(ctx.caller, self_ref)
        async with self._store.transaction() as tx:
            tx.set(tx.get(TaskClass, self_ref), status=value)

    def _assert_may_act(self, caller: Caller, ref: str) -> None:
        if not self._may_act(caller, ref):
            raise denied(DESTROY_ANY)

    def _may_act(self, caller: Caller, ref: str) -> bool:
        """Tasks of the same user may be acted on; others only with a permission of its own."""
        task = self._store.find(TaskClass, ref)
        owner = self._store.find(Session, task.session) if task is not None else None
        return (owner is not None and owner.auth_user_sid == caller.user_sid) or caller.may(DESTROY_ANY)

    def _is_there_for(self, caller: Caller, ref: str) -> bool:
        return self._store.find(TaskClass, ref) is not None and self._may_act(caller, ref)

    # Expiry

    async def run(self) -> None:
        """Remove old tasks every now and then, until cancelled."""
        while True:
            await self._clock.sleep(self._settings.pass_seconds)
            await self.expire()

    async def expire(self) -> None:
        """One pass: remove the tasks whose time is over, then those beyond the number kept."""
        now = self._clock.now()
        tasks = list(self._store.all(TaskClass))
        over = {task.ref async for task in sliced(tasks, self._store.turns) if self._is_over(task, now)}
        left = [task for task in tasks if task.ref not in over]
        finished = sorted((task for task in left if task.status in FINISHED), key=lambda task: task.finished)
        beyond = {task.ref for task in finished[: max(0, len(left) - self._settings.kept)]}
        await self._remove(over, lambda task: self._is_over(task, now))
        await self._remove(beyond, lambda task: True)
        self._last_progress = {
            task.ref: task.progress async for task in sliced(left, self._store.turns) if self._is_old(task, now)
        }

    async def _remove(self, refs: Iterable[str], is_over: Callable[[TaskClass], bool]) -> None:
        """Remove tasks of which that still holds, some at a time."""
        left = iter(refs)
        while some := tuple(islice(left, REMOVED_AT_ONCE)):
            async with self._store.transaction() as tx:
                for ref in some:
                    found = tx.find(TaskClass, ref)
                    if found is not None and is_over(found):
                        tx.delete(found)

    def _is_over(self, task: TaskClass, now: float) -> bool:
        if task.status in FINISHED:
            ended = from_api_time(task.finished)
            return "destroy" in task.current_operations.values() or now - ended > self._settings.finished_seconds
        # Only a pass that has seen it old before can say that it stands still.
        return self._is_old(task, now) and task.progress <= self._last_progress.get(task.ref, -1.0)

    def _is_old(self, task: TaskClass, now: float) -> bool:
        return task.status not in FINISHED and now - from_api_time(task.created) > self._settings.pending_seconds
