"""Which records are not kept without others: one table for all classes; and the pool's heartbeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.crashdump import Crashdump
from xapi_async.datamodel.classes.gpu_group import GPUGroup
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
from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_proxy import PVSProxy
from xapi_async.datamodel.classes.pvs_server import PVSServer
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Background, Services
from xapi_async.operations.devices.gpu_group import refresh_types
from xapi_async.operations.devices.vgpu import delete_vgpu
from xapi_async.operations.devices.vusb import delete_vusb
from xapi_async.operations.marking import refresh
from xapi_async.operations.networking.vif import delete_vif
from xapi_async.operations.orphans import PERIOD, Deleters, Needs, after_deletions, collector
from xapi_async.operations.storage import vbd_rules
from xapi_async.operations.storage.records import delete_vbd

NEEDS: Needs = {
    VDI: {"SR": SR},
    PBD: {"host": Host, "SR": SR},
    VBD: {"VM": VM},
    Crashdump: {"VM": VM, "VDI": VDI},
    VIF: {"VM": VM, "network": Network},
    PIF: {"host": Host, "network": Network},
    PVSProxy: {"site": PVSSite, "VIF": VIF},
    PVSServer: {"site": PVSSite},
    PVSCacheStorage: {"site": PVSSite, "host": Host},
    VGPU: {"VM": VM, "GPU_group": GPUGroup},
    PGPU: {"host": Host},
    VUSB: {"VM": VM, "USB_group": USBGroup},
    Console: {"VM": VM},
    HostPatch: {"host": Host, "pool_patch": PoolPatch},
    HostCpu: {"host": Host},
}
"""By class, the references without which an object is removed. What more it takes to be kept: see :func:`tidy_now`."""


def delete_pif(tx: Transaction, pif: PIF) -> None:
    """Delete an interface with what makes it one: the VLAN, tunnels or bond it stands for.

    Its metrics go where it has them for itself, which only those have that are not made of others.
    """
    metrics = tx.find(PIFMetrics, pif.metrics)
    if metrics is not None and (pif.physical or pif.bond_master_of):
        tx.delete(metrics)
    _delete_all(tx, VLAN, (pif.VLAN_master_of,))
    _delete_all(tx, Tunnel, pif.tunnel_access_PIF_of)
    _delete_all(tx, Bond, pif.bond_master_of)
    tx.delete(pif)


def delete_pgpu(tx: Transaction, pgpu: PGPU) -> None:
    """Delete a card; its group then offers fewer types."""
    group = pgpu.GPU_group
    tx.delete(pgpu)
    refresh_types(tx, group)


def _delete_all(tx: Transaction, cls: type[ApiClass], refs: Iterable[str]) -> None:
    for ref in refs:
        found: Any = tx.find(cls, ref)
        if found is not None:
            tx.delete(found)


DELETERS: Deleters = {
    VBD: delete_vbd,
    VIF: delete_vif,
    PIF: delete_pif,
    PGPU: delete_pgpu,
    VGPU: delete_vgpu,
    VUSB: delete_vusb,
}


async def tidy(services: Services) -> None:
    """Remove what other rules than the table's leave without a use, again and again."""
    await after_deletions(services, _LOOKED_FOR, lambda: tidy_now(services))


_LOOKED_FOR = frozenset({VDI, Host, VGPU, PGPU})
"""The classes whose deletions may leave something to tidy."""


async def tidy_now(services: Services) -> None:
    """Remove block devices whose disk is gone, or empty them; metrics that no host has; types no card or VM has."""
    store = services.store
    without = [vbd.ref for vbd in store.all(VBD) if not vbd.empty and store.find(VDI, vbd.VDI) is None]
    unused = list(_unused_metrics(store))
    useless = list(_useless_types(store))
    if not without and not unused and not useless:
        return
    async with store.transaction() as tx:
        for ref in without:
            _tidy_device(tx, ref)
        _delete_all(tx, HostMetrics, set(unused).intersection(_unused_metrics(tx.view)))
        _delete_all(tx, VGPUType, set(useless).intersection(_useless_types(tx.view)))


def _tidy_device(tx: Transaction, ref: str) -> None:
    """Delete a block device without a disk; a CD drive is only emptied."""
    vbd = tx.find(VBD, ref)
    if vbd is None or vbd.empty or tx.find(VDI, vbd.VDI) is not None:
        return
    if vbd.type == "CD" and tx.find(VM, vbd.VM) is not None:
        tx.set(vbd, VDI=NULL_REF, empty=True)
        refresh(tx, vbd_rules.RULES, ref)
    else:
        delete_vbd(tx, vbd)


def _unused_metrics(reader: Reader) -> Iterable[str]:
    used = {host.metrics for host in reader.all(Host)}
    return (metrics.ref for metrics in reader.all(HostMetrics) if metrics.ref not in used)


def _useless_types(reader: Reader) -> Iterable[str]:
    used = {vgpu.type for vgpu in reader.all(VGPU)}
    used.update(kind for pgpu in reader.all(PGPU) for kind in pgpu.supported_VGPU_types)
    return (kind.ref for kind in reader.all(VGPUType) if kind.ref not in used)


async def heartbeat(services: Services) -> None:
    """Have the pool count as changed every so often, so that clients see that events come through."""
    while True:
        await services.clock.sleep(PERIOD)
        async with services.store.transaction() as tx:
            for pool in tx.all(Pool):
                tx.touch(pool)


BACKGROUND: tuple[Background, ...] = (collector(NEEDS, DELETERS), tidy, heartbeat)
