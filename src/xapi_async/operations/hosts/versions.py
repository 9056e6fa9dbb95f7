"""Whether hosts are being upgraded one by one: the pool says so as long as their versions differ."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Background, Services
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.marking import refresh
from xapi_async.operations.vm.features import find_pool
from xapi_async.operations.vm.placement import platform_version

PERIOD = 30.0
"""Seconds between looks."""

UPGRADING = "rolling_upgrade_in_progress"


async def watch_versions(services: Services) -> None:
    """Background work: keep the pool's mark true."""
    while True:
        await services.clock.sleep(PERIOD)
        await compare(services)


async def compare(services: Services) -> None:
    """Look once, and write what has changed."""
    pool = find_pool(services.store)
    if pool is None or versions_differ(services.store) == (UPGRADING in pool.other_config):
        return
    async with services.store.transaction() as tx:
        pool = find_pool(tx)
        if pool is None:
            return
        rest = {key: value for key, value in pool.other_config.items() if key != UPGRADING}
        tx.set(pool, other_config={**rest, UPGRADING: "true"} if versions_differ(tx) else rest)
        for host in list(tx.view.all(Host)):
            refresh(tx, RULES, host.ref)


def versions_differ(reader: Reader) -> bool:
    """Whether not all hosts run the same version; those that have never been up say none."""
    return len({platform_version(host) for host in reader.all(Host)} - {()}) > 1


BACKGROUND: tuple[Background, ...] = (watch_versions,)
