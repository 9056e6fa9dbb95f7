"""What the pool shows of its failover plan, and the messages that tell when it gets worse."""

from __future__ import annotations

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.pools.facts import post
from xapi_async.operations.pools.planning import Answer, answer, most_failures, situation
from xapi_async.operations.vm.features import the_pool

DROP = "HA_POOL_DROP_IN_PLAN_EXISTS_FOR"
OVERCOMMITTED = "HA_POOL_OVERCOMMITTED"

Notices = list[tuple[str, str]]
"""Names and bodies of messages about the pool that are to follow a change."""


async def recompute_plan(services: Services) -> None:
    """Find out for how many failures there is a plan, up to as many as are to be tolerated, and show it."""
    async with services.store.transaction() as tx:
        pool = tx.get(Pool, the_pool(tx.view).ref)
        found, tolerated = situation(tx.view), pool.ha_host_failures_to_tolerate
        notices: Notices = []
        if answer(found, tolerated) is Answer.ALL:
            _put(tx, pool, ha_overcommitted=False, ha_plan_exists_for=tolerated)
        else:
            most = most_failures(found)
            notices = [*_lower(tx, pool, most), *_overcommit(tx, pool)]
        uuid = pool.uuid
    await _tell(services, uuid, notices)


async def note_overcommitted(services: Services) -> None:
    """Show that protected VMs need more than there is, as one of them could not be started."""
    async with services.store.transaction() as tx:
        pool = tx.get(Pool, the_pool(tx.view).ref)
        notices, uuid = _overcommit(tx, pool), pool.uuid
    await _tell(services, uuid, notices)


async def show_most(services: Services) -> int:
    """The most failures there is a plan for; shown too where high availability is on."""
    most = most_failures(situation(services.store))
    if not the_pool(services.store).ha_enabled:
        return most
    async with services.store.transaction() as tx:
        pool = tx.get(Pool, the_pool(tx.view).ref)
        _put(tx, pool, ha_overcommitted=pool.ha_host_failures_to_tolerate > most)
        notices, uuid = _lower(tx, pool, most), pool.uuid
    await _tell(services, uuid, notices)
    return most


def _overcommit(tx: Transaction, pool: Pool) -> Notices:
    if pool.ha_overcommitted:
        return []
    tx.set(pool, ha_overcommitted=True)
    wanted = pool.ha_host_failures_to_tolerate
    return [(OVERCOMMITTED, f"There is no plan any more for {wanted} failing hosts, as it was asked for")]


def _lower(tx: Transaction, pool: Pool, most: int) -> Notices:
    before = pool.ha_plan_exists_for
    if before == most:
        return []
    planned = min(pool.ha_host_failures_to_tolerate, most)
    _put(tx, pool, ha_plan_exists_for=planned)
    return [(DROP, str(most))] if planned < before else []


def _put(tx: Transaction, pool: Pool, **values: object) -> None:
    changed = {name: value for name, value in values.items() if getattr(pool, name) != value}
    if changed:
        tx.set(pool, **changed)


async def _tell(services: Services, pool: str, notices: Notices) -> None:
    for name, body in notices:
        await post(services, name, "Pool", pool, body)
