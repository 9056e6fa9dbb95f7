"""Records that something they cannot be without has left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_proxy import PVSProxy
from xapi_async.datamodel.classes.pvs_server import PVSServer
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.history import Change
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.networking.vif import delete_vif

PERIOD = 30.0
"""Seconds between passes; one does nothing unless something was deleted since the last."""

NEEDS: Mapping[type[ApiClass], Mapping[str, type[ApiClass]]] = {
    VIF: {"VM": VM, "network": Network},
    PVSProxy: {"site": PVSSite, "VIF": VIF},
    PVSServer: {"site": PVSSite},
    PVSCacheStorage: {"site": PVSSite, "host": Host},
}
"""The references without which an object is not kept; in an order in which one pass settles all."""

_NEEDED = frozenset(cls for fields in NEEDS.values() for cls in fields.values())


async def collect_orphans(services: Services) -> None:
    """Delete orphans once at the start, and again after deletions that may have made some."""
    deleted = True

    def look(changes: Sequence[Change]) -> None:
        nonlocal deleted
        deleted = deleted or any(change.operation == "del" and change.cls in _NEEDED for change in changes)

    stop = services.store.listen(look)
    try:
        while True:
            if deleted:
                deleted = False
                await collect(services)
            await services.clock.sleep(PERIOD)
    finally:
        stop()


async def collect(services: Services) -> None:
    """One pass."""
    orphans = [(cls, ref) for cls in NEEDS for ref in _orphans(services, cls)]
    # A VIF on its way out takes its proxy along, so the second look finds what the first has made.
    while orphans:
        async with services.store.transaction() as tx:
            for cls, ref in orphans:
                target = tx.find(cls, ref)
                if target is not None:
                    _DELETERS.get(cls, Transaction.delete)(tx, cast(Any, target))
        orphans = [(cls, ref) for cls in NEEDS for ref in _orphans(services, cls)]


def _orphans(services: Services, cls: type[ApiClass]) -> list[str]:
    store, needs = services.store, NEEDS[cls]
    return [
        target.ref
        for target in store.all(cls)
        if any(store.find(needed, getattr(target, field)) is None for field, needed in needs.items())
    ]


_DELETERS: Mapping[type[ApiClass], Callable[[Transaction, Any], None]] = {VIF: delete_vif}
