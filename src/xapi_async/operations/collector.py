"""Which records are not kept without others: those of storage and of hosts; and the pool's heartbeat.

The records of networking and of hardware devices are collected with the rest of those, by the same means.
"""

from __future__ import annotations

from collections.abc import Sequence

from xapi_async.datamodel.classes.crashdump import Crashdump
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_cpu import HostCpu
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.host_patch import HostPatch
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pool_patch import PoolPatch
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.history import Change
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Background, Services
from xapi_async.operations.marking import refresh
from xapi_async.operations.orphans import PERIOD, Deleters, Needs, collector
from xapi_async.operations.storage import vbd_rules
from xapi_async.operations.storage.records import delete_vbd

NEEDS: Needs = {
    VDI: {"SR": SR},
    PBD: {"host": Host, "SR": SR},
    VBD: {"VM": VM},
    Crashdump: {"VM": VM, "VDI": VDI},
    PIF: {"host": Host, "network": Network},
    PGPU: {"host": Host},
    HostPatch: {"host": Host, "pool_patch": PoolPatch},
    HostCpu: {"host": Host},
}
"""By class, the references without which an object is removed. Block devices without a disk: see below."""


def delete_pif(tx: Transaction, pif: PIF) -> None:
    """Delete an interface with its metrics, which only those that are not made of others have for themselves."""
    metrics = tx.find(PIFMetrics, pif.metrics)
    if metrics is not None and (pif.physical or pif.bond_master_of):
        tx.delete(metrics)
    tx.delete(pif)


DELETERS: Deleters = {VBD: delete_vbd, PIF: delete_pif}


async def tidy_devices(services: Services) -> None:
    """Remove block devices whose disk is gone, again and again; CD drives are emptied instead."""
    deleted = True

    def look(changes: Sequence[Change]) -> None:
        nonlocal deleted
        deleted = deleted or any(change.operation == "del" and change.cls in (VDI, Host) for change in changes)

    stop = services.store.listen(look)
    try:
        while True:
            if deleted:
                deleted = False
                await tidy_now(services)
            await services.clock.sleep(PERIOD)
    finally:
        stop()


async def tidy_now(services: Services) -> None:
    """Remove block devices whose disk is gone, or empty them, and metrics that no host refers to."""
    store = services.store
    without = [vbd.ref for vbd in store.all(VBD) if not vbd.empty and store.find(VDI, vbd.VDI) is None]
    used = {host.metrics for host in store.all(Host)}
    unused = [metrics.ref for metrics in store.all(HostMetrics) if metrics.ref not in used]
    if not without and not unused:
        return
    async with store.transaction() as tx:
        for ref in without:
            vbd = tx.find(VBD, ref)
            if vbd is None or vbd.empty or tx.find(VDI, vbd.VDI) is not None:
                continue
            if vbd.type == "CD" and tx.find(VM, vbd.VM) is not None:
                tx.set(vbd, VDI=NULL_REF, empty=True)
                refresh(tx, vbd_rules.RULES, ref)
            else:
                delete_vbd(tx, vbd)
        for ref in unused:
            metrics = tx.find(HostMetrics, ref)
            if metrics is not None and all(host.metrics != ref for host in tx.view.all(Host)):
                tx.delete(metrics)


async def heartbeat(services: Services) -> None:
    """Have the pool count as changed every so often, so that clients see that events come through."""
    while True:
        await services.clock.sleep(PERIOD)
        async with services.store.transaction() as tx:
            for pool in tx.all(Pool):
                tx.touch(pool)


BACKGROUND: tuple[Background, ...] = (collector(NEEDS, DELETERS), tidy_devices, heartbeat)
