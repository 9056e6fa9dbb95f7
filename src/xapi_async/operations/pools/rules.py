"""When high availability may be switched on and off: the only operations of a pool."""

from __future__ import annotations

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.marking import Rules, refresh
from xapi_async.operations.storage import vdi_rules

IN_PROGRESS = {"ha_enable": "HA_ENABLE_IN_PROGRESS", "ha_disable": "HA_DISABLE_IN_PROGRESS"}
"""The error that each operation gives while the first of these is under way."""

IN_THAT_STATE = {("ha_enable", True): "HA_IS_ENABLED", ("ha_disable", False): "HA_NOT_ENABLED"}
"""The error of each operation that has been done already, by ``ha_enabled``."""


def check(reader: Reader, pool: Pool, operation: str) -> ApiError | None:
    """The error that forbids an operation on the pool now; None where it is allowed."""
    running = set(pool.current_operations.values())
    code = next((code for name, code in IN_PROGRESS.items() if name in running), None)
    code = code or IN_THAT_STATE.get((operation, pool.ha_enabled))
    return ApiError(code) if code else None


def _refresh_disks(tx: Transaction, pool: Pool) -> None:
    """What is allowed of the disks that serve the pool depends on high availability, wherever they are."""
    for vdi in [vdi for vdi in tx.view.all(VDI) if vdi.type in vdi_rules.SERVING_POOL]:
        refresh(tx, vdi_rules.RULES, vdi.ref)


RULES = Rules(Pool, shown=("ha_enable", "ha_disable"), check=check, also_refresh=_refresh_disks)
