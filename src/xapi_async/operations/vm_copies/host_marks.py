"""A host shown as busy with a VM's provisioning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from xapi_async.datamodel.classes.host import Host
from xapi_async.operations.context import Context
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.marking import LONGEST_WAIT, RETRY_WAITS, mark, operation_end, unmark

PROVISION = "provision"


@asynccontextmanager
async def provisioning_on_any(ctx: Context, candidates: Sequence[str]) -> AsyncIterator[str]:
    """Have one of these hosts, at random, provision a VM while the body runs; gives it. Waits for one that may.

    Raises OTHER_OPERATION_IN_PROGRESS ["host", host, operation] after a long wait, TASK_CANCELLED [task].
    """
    host = await _reserve(ctx, candidates)
    try:
        yield host
    finally:
        await asyncio.shield(_release(ctx, host))


async def _reserve(ctx: Context, candidates: Sequence[str]) -> str:
    clock, rng = ctx.services.clock, ctx.services.rng
    deadline = clock.now() + LONGEST_WAIT
    while True:
        async with ctx.store.transaction() as tx:
            errors = {ref: RULES.check(tx, tx.get(Host, ref), PROVISION) for ref in candidates}
            free = [ref for ref, error in errors.items() if error is None]
            if free:
                return mark(tx, RULES, rng.choice(free), PROVISION, ctx.task.ref).ref
        error = next(iter(errors.values()))
        if error is not None and clock.now() >= deadline:
            raise error
        async with ctx.task.cancellable():
            await operation_end(ctx, candidates, rng.uniform(*RETRY_WAITS))


async def _release(ctx: Context, ref: str) -> None:
    async with ctx.store.transaction() as tx:
        unmark(tx, RULES, ref, ctx.task.ref)
