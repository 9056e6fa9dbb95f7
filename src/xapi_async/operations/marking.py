"""Marked operations: what current_operations and allowed_operations show, for every class that has them.

A class states its rules once, as a function from an object and an operation to the error that forbids
it, or None. The check before an operation and the allowed_operations field both come from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, cast

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.finishing import finish
from xapi_async.objects.reader import Reader
from xapi_async.objects.step import Step
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context

A = TypeVar("A", bound=ApiClass)

LONGEST_WAIT = 7200.0
"""Seconds an operation waits for others on the same object before their error reaches the caller."""

RETRY_WAITS = (1.0, 20.0)
"""Seconds between looks while waiting; the end of an operation on the object cuts them short."""

MOST_WAITERS = 100
"""Operations of a server that may wait at the same time."""


@dataclass(frozen=True)
class Rules(Generic[A]):
    """When which operation is allowed on objects of a class.

    shown: the operations that allowed_operations may list, in its order. check: the error that forbids
    an operation now, or None. also_refresh: refreshes what else depends on the object's operations.
    check_call: as check, of what only matters when an operation is called. may_show: whether
    allowed_operations may list an operation that is allowed. candidates: gives, quickly, those of the shown
    that the check needs to be asked about; None for all.
    """

    cls: type[A]
    shown: tuple[str, ...]
    check: Callable[[Reader, A, str], ApiError | None]
    also_refresh: Callable[[Transaction, A], None] = lambda tx, target: None
    check_call: Callable[[Reader, A, str], ApiError | None] = lambda reader, target, operation: None
    may_show: Callable[[Reader, A, str], bool] = lambda reader, target, operation: True
    candidates: Callable[[Reader, A], Sequence[str]] | None = None


class Mark(NamedTuple):
    """An operation on an object, to be marked along with others."""

    rules: Rules[Any]
    ref: str
    operation: str


def allowed_operations(reader: Reader, rules: Rules[A], target: A) -> tuple[str, ...]:
    """The operations allowed on an object now, of those that are shown."""
    candidates = rules.shown if rules.candidates is None else rules.candidates(reader, target)
    return tuple(
        operation
        for operation in candidates
        if rules.may_show(reader, target, operation) and rules.check(reader, target, operation) is None
    )


def refresh(tx: Transaction, rules: Rules[A], ref: str) -> None:
    """Compute allowed_operations anew; nothing is written where it stays as it is."""
    target = tx.find(rules.cls, ref)
    if target is None:
        return
    allowed = allowed_operations(tx.view, rules, target)
    if allowed != cast(Any, target).allowed_operations:
        tx.set(target, allowed_operations=allowed)
    rules.also_refresh(tx, target)


def mark(tx: Transaction, rules: Rules[A], ref: str, operation: str, key: str) -> A:
    """Check an operation and enter it in current_operations under ``key``. Raises the error that forbids it."""
    target = tx.get(rules.cls, ref)
    error = rules.check(tx.view, target, operation) or rules.check_call(tx.view, target, operation)
    if error is not None:
        raise error
    tx.set(target, current_operations={**cast(Any, target).current_operations, key: operation})
    refresh(tx, rules, ref)
    return target


def unmark(tx: Transaction, rules: Rules[A], ref: str, key: str) -> None:
    """Take an operation out of current_operations; no error where the object or the entry is gone."""
    target = tx.find(rules.cls, ref)
    if target is None:
        return
    current = cast(Any, target).current_operations
    if key in current:
        tx.set(target, current_operations={k: v for k, v in current.items() if k != key})
    refresh(tx, rules, ref)


def marked(
    ctx: Context, rules: Rules[A], ref: str, operation: str, *, longest_wait: float = LONGEST_WAIT
) -> AbstractAsyncContextManager[None]:
    """Run the body as an operation on an object: checked and shown before it, cleared after it, even on failure.

    Where another operation is in the way, waits for it, up to ``longest_wait`` seconds; the task may
    be cancelled meanwhile. Raises the error that forbids the operation, or TOO_MANY_PENDING_TASKS [].
    """
    return marked_together(ctx, Mark(rules, ref, operation), longest_wait=longest_wait)


@asynccontextmanager
async def marked_together(ctx: Context, *marks: Mark, longest_wait: float = LONGEST_WAIT) -> AsyncIterator[None]:
    """As :func:`marked`, on several objects at once: checked in that order, and all marked or none."""
    key = ctx.task.ref
    await _mark_waiting(ctx, marks, key, longest_wait)
    try:
        yield
    finally:
        # Whatever ended the body, the entries must go; and what it made must be known to whoever is cancelled here.
        await finish(_clear(ctx, marks, key))


async def _clear(ctx: Context, marks: Sequence[Mark], key: str) -> None:
    async with ctx.store.transaction() as tx:
        for mark in marks:
            unmark(tx, mark.rules, mark.ref, key)


async def _mark_waiting(ctx: Context, marks: Sequence[Mark], key: str, longest_wait: float) -> None:
    clock, waited = ctx.services.clock, 0.0
    while True:
        try:
            async with ctx.store.transaction() as tx:
                for one in marks:
                    mark(tx, one.rules, one.ref, one.operation, key)
            return
        except ApiError as error:
            if error.code != "OTHER_OPERATION_IN_PROGRESS" or waited >= longest_wait:
                raise
            busy = {one.ref for one in marks} | set(error.params[1:2])
        start = clock.now()
        with _counted(ctx):
            async with ctx.task.cancellable():
                at_most = min(ctx.services.rng.uniform(*RETRY_WAITS), longest_wait - waited)
                await operation_end(ctx, busy, at_most)
        waited += max(clock.now() - start, 0.001)


@contextmanager
def _counted(ctx: Context) -> Iterator[None]:
    """Count the body as waiting. Raises TOO_MANY_PENDING_TASKS [] where too many do already."""
    services = ctx.services
    if services.waiters >= MOST_WAITERS:
        raise ApiError("TOO_MANY_PENDING_TASKS")
    services.waiters += 1
    try:
        yield
    finally:
        services.waiters -= 1


async def operation_end(ctx: Context, busy: Collection[str], at_most: float) -> None:
    """Wait until one of the objects has fewer current_operations, or that many seconds."""
    ended = asyncio.Event()
    counts: dict[str, int] = {}

    def look(change: Step) -> None:
        before = counts.get(change.ref, 1)
        counts[change.ref] = len(getattr(change.entity, "current_operations", ()))
        if change.operation == "del" or not counts[change.ref] or counts[change.ref] < before:
            ended.set()

    stop = ctx.store.watch(busy, look)
    try:
        timer = asyncio.ensure_future(ctx.services.clock.sleep(at_most))
        waiter = asyncio.ensure_future(ended.wait())
        try:
            await asyncio.wait((timer, waiter), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            waiter.cancel()
    finally:
        stop()
