"""Records that something they cannot be without has left behind: found after deletions, and deleted too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, cast

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.slices import sliced
from xapi_async.objects.step import Step
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Background, Services

PERIOD = 30.0
"""Seconds between passes; one does nothing unless something was deleted since the last."""

Needs = Mapping[type[ApiClass], Mapping[str, type[ApiClass]]]
"""By class, the references without which its objects are not kept, and the classes these point at."""

Deleters = Mapping[type[ApiClass], Callable[[Transaction, Any], None]]
"""How objects are deleted with what belongs to them; classes not listed are simply deleted."""


def collector(needs: Needs, deleters: Deleters) -> Background:
    """Work that deletes orphans once at the start, and again after deletions that may have made some."""
    needed = frozenset(cls for fields in needs.values() for cls in fields.values())

    async def collect_orphans(services: Services) -> None:
        await after_deletions(services, needed, lambda: collect(services, needs, deleters))

    return collect_orphans


async def after_deletions(
    services: Services, classes: Collection[type[ApiClass]], work: Callable[[], Awaitable[None]]
) -> None:
    """Do some work at once, and again a while after objects of these classes were deleted, until cancelled."""
    deleted = True

    def look(changes: Sequence[Step]) -> None:
        nonlocal deleted
        deleted = deleted or any(change.cls in classes for change in changes)

    stop = services.store.listen_to_removals(look)
    try:
        while True:
            if deleted:
                deleted = False
                await work()
            await services.clock.sleep(PERIOD)
    finally:
        stop()


async def collect(services: Services, needs: Needs, deleters: Deleters) -> None:
    """Delete orphans until there are none: deleting one may make others."""
    while orphans := [(cls, ref) for cls in needs for ref in await _orphans(services, cls, needs[cls])]:
        async with services.store.transaction() as tx:
            for cls, ref in orphans:
                target = tx.find(cls, ref)
                if target is not None:
                    deleters.get(cls, Transaction.delete)(tx, cast(Any, target))


async def _orphans(services: Services, cls: type[ApiClass], needs: Mapping[str, type[ApiClass]]) -> list[str]:
    store = services.store
    found: list[str] = []
    async for ref in sliced([target.ref for target in store.all(cls)], store.turns):
        target = store.find(cls, ref)
        if target is not None and any(store.find(to, getattr(target, field)) is None for field, to in needs.items()):
            found.append(ref)
    return found
