"""What a pool allows, against the table of the API."""

from __future__ import annotations

import pytest

from tests.support import memory_services
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.operations.marking import allowed_operations
from xapi_async.operations.pools.rules import RULES

TABLE = [
    # running, ha_enabled, ha_enable, ha_disable
    ((), False, None, "HA_NOT_ENABLED"),
    ((), True, "HA_IS_ENABLED", None),
    (("ha_enable",), False, "HA_ENABLE_IN_PROGRESS", "HA_ENABLE_IN_PROGRESS"),
    (("ha_enable",), True, "HA_ENABLE_IN_PROGRESS", "HA_ENABLE_IN_PROGRESS"),
    (("ha_disable",), False, "HA_DISABLE_IN_PROGRESS", "HA_DISABLE_IN_PROGRESS"),
    (("ha_disable",), True, "HA_DISABLE_IN_PROGRESS", "HA_DISABLE_IN_PROGRESS"),
    (("ha_disable", "ha_enable"), True, "HA_ENABLE_IN_PROGRESS", "HA_ENABLE_IN_PROGRESS"),
]


@pytest.mark.parametrize(("running", "is_on", "enable", "disable"), TABLE)
async def test_what_is_allowed(running: tuple[str, ...], is_on: bool, enable: str | None, disable: str | None):
    async with memory_services() as services:
        async with services.store.transaction() as tx:
            current = {f"task{number}": operation for number, operation in enumerate(running)}
            pool = tx.create(Pool, ha_enabled=is_on, current_operations=current)
        store = services.store
        for operation, code in (("ha_enable", enable), ("ha_disable", disable)):
            error = RULES.check(store, store.get(Pool, pool.ref), operation)
            assert (error and error.description) == ([code] if code else None)
        expected = tuple(name for name, code in (("ha_enable", enable), ("ha_disable", disable)) if code is None)
        assert allowed_operations(store, RULES, store.get(Pool, pool.ref)) == expected
