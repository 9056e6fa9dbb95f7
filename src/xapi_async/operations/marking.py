"""Marked operations: what current_operations and allowed_operations show, for every class that has them.

A class states its rules once, as a function from an object and an operation to the error that forbids
it, or None. The check before an operation and the allowed_operations field both come from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context

A = TypeVar("A", bound=ApiClass)

LONGEST_WAIT = 7200.0
"""Seconds an operation waits for others on the same object before their error reaches the caller."""

RETRY_WAITS = (1.0, 20.0)
"""Seconds between looks while waiting; the end of an operation on the object cuts them short."""


@dataclass(frozen=True)
class Rules(Generic[A]):
    """When which operation is allowed on objects of a class.

    shown: the operations that allowed_operations may list, in its order. check: the error that forbids
    an operation now, or None. also_refresh: refreshes what else depends on the object's operations.
    """

    cls: type[A]
    shown: tuple[str, ...]
    check: Callable[[Reader, A, str], ApiError | None]
    also_refresh: Callable[[Transaction, A], None] = lambda tx, target: None


def refresh(tx: Transaction, rules: Rules[A], ref: str) -> None:
    """Compute allowed_operations anew; nothing is written where it stays as it is."""
    target = tx.find(rules.cls, ref)
    if target is None:
        return
    allowed = tuple(operation for operation in rules.shown if rules.check(tx, target, operation) is None)
    if allowed != cast(Any, target).allowed_operations:
        tx.set(target, allowed_operations=allowed)
    rules.also_refresh(tx, target)


def mark(tx: Transaction, rules: Rules[A], ref: str, operation: str, key: str) -> A:
    """Check an operation and enter it in current_operations under ``key``. Raises the error that forbids it."""
    target = tx.get(rules.cls, ref)
    error = rules.check(tx, target, operation)
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


@asynccontextmanager
async def marked(
    ctx: Context, rules: Rules[A], ref: str, operation: str, *, longest_wait: float = LONGEST_WAIT
) -> AsyncIterator[None]:
    """Run the body as an operation on an object: checked and shown before it, cleared after it, even on failure.

    Where another operation is in the way, waits for it, up to ``longest_wait`` seconds; the task may
    be cancelled meanwhile. Raises the error that forbids the operation.
    """
    key = ctx.task.ref
    await mark_waiting(ctx, rules, ref, operation, key, longest_wait=longest_wait)
    try:
        yield
    finally:
        # Shielded: whatever ended the body, the entry must go.
        await asyncio.shield(_clear(ctx, rules, ref, key))


async def _clear(ctx: Context, rules: Rules[A], ref: str, key: str) -> None:
    async with ctx.store.transaction() as tx:
        unmark(tx, rules, ref, key)


async def mark_waiting(
    ctx: Context, rules: Rules[A], ref: str, operation: str, key: str, *, longest_wait: float = LONGEST_WAIT
) -> None:
    """As :func:`mark`, in a transaction of its own, waiting while another operation is in the way."""
    clock, waited = ctx.services.clock, 0.0
    while True:
        try:
            async with ctx.store.transaction() as tx:
                mark(tx, rules, ref, operation, key)
            return
        except ApiError as error:
            if error.code != "OTHER_OPERATION_IN_PROGRESS" or waited >= longest_wait:
                raise
        start = clock.now()
        async with ctx.task.cancellable():
            await _operation_end(ctx, rules.cls, ref, ctx.services.rng.uniform(*RETRY_WAITS))
        waited += max(clock.now() - start, 0.001)


async def _operation_end(ctx: Context, cls: type[ApiClass], ref: str, at_most: float) -> None:
    """Wait until the object changes its current_operations, or that many seconds."""
    ended = asyncio.Event()
    before = getattr(ctx.store.find(cls, ref), "current_operations", None)

    def look(changes: Any) -> None:
        for change in changes:
            if change.ref == ref and getattr(change.entity, "current_operations", None) != before:
                ended.set()

    stop = ctx.store.listen(look)
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
