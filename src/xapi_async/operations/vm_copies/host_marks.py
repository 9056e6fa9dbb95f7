"""A host shown as busy with a VM's provisioning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context
from xapi_async.operations.marking import LONGEST_WAIT, RETRY_WAITS, operation_end

PROVISION = "provision"
CONFLICTS = frozenset({"evacuate", "reboot", "shutdown", "provision"})
"""What a host may not be doing while it provisions a VM."""


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
            errors = {ref: _conflict(tx, ref) for ref in candidates}
            free = [ref for ref, error in errors.items() if error is None]
            if free:
                host = tx.get(Host, rng.choice(free))
                tx.set(host, current_operations={**host.current_operations, ctx.task.ref: PROVISION})
                return host.ref
        error = next(iter(errors.values()))
        if error is not None and clock.now() >= deadline:
            raise error
        async with ctx.task.cancellable():
            await operation_end(ctx, candidates, rng.uniform(*RETRY_WAITS))


def _conflict(reader: Reader, ref: str) -> ApiError | None:
    for current in reader.get(Host, ref).current_operations.values():
        if current in CONFLICTS:
            return ApiError("OTHER_OPERATION_IN_PROGRESS", "host", ref, current)
    return None


async def _release(ctx: Context, ref: str) -> None:
    async with ctx.store.transaction() as tx:
        host = tx.find(Host, ref)
        if host is not None:
            rest = {key: operation for key, operation in host.current_operations.items() if key != ctx.task.ref}
            tx.set(host, current_operations=rest)
