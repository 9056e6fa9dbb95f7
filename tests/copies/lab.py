"""A freshly installed pool of two hosts in memory, with storage that keeps no bytes, called without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support import FakeClock, FakeTask, context, memory_services
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.inventory.pool import populate
from xapi_async.inventory.settings import InventorySettings
from xapi_async.objects.entity import STARTS
from xapi_async.operations import handlers, put_off_refreshing
from xapi_async.operations.context import Services
from xapi_async.operations.storage.starting import adopt_storage
from xapi_async.operations.vm import messages as vm_messages
from xapi_async.storage.driver import Storage
from xapi_async.storage.nominal import NominalDriver
from xapi_async.storage.nominal_settings import NominalSettings

TEMPLATE = "Debian Stretch 9.0"
GIB = 1 << 30


class Lab:
    """The pool, and short ways to make and ask things."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.handlers = handlers()
        self.pool = next(iter(self.store.all(Pool)))
        self.sr = next(sr.ref for sr in self.store.all(SR) if sr.shared and sr.content_type != "iso")
        self.master = self.pool.master
        self.slave = next(host.ref for host in self.store.all(Host) if host.ref != self.master)
        self.task: FakeTask | None = None

    async def call(self, message: str, *args: Any) -> Any:
        ctx = context(self.services)
        self.task = ctx.task  # type: ignore[assignment]
        return await self.handlers[message](ctx, *args)

    async def refused(self, message: str, *args: Any) -> list[str]:
        with pytest.raises(ApiError) as caught:
            await self.call(message, *args)
        return caught.value.description

    def get(self, cls: type[Any], ref: str) -> Any:
        return self.store.get(cls, ref)

    def vm(self, ref: str) -> VM:
        return self.store.get(VM, ref)

    async def set(self, target: ApiClass, **values: Any) -> None:
        async with self.store.transaction() as tx:
            tx.set(target, **values)

    async def restrict(self, **restrictions: str) -> None:
        pool = self.store.get(Pool, self.pool.ref)
        await self.set(pool, restrictions={**pool.restrictions, **restrictions})

    async def built(self, name: str = "web", disks: int = 1, template: str = TEMPLATE) -> str:
        """A VM from a built-in template, as clients make one."""
        (source,) = self.store.by_name(VM, template)
        vm: str = await self.call("VM.clone", source, name)
        uuid = self.store.get(SR, self.sr).uuid
        await self.wish(vm, "".join(disk_xml(str(number), uuid) for number in range(disks)))
        await self.call("VM.provision", vm)
        return vm

    async def wish(self, vm: str, inner: str) -> None:
        target = self.vm(vm)
        text = f"<provision>{inner}</provision>"
        await self.set(target, other_config={**target.other_config, "disks": text})

    async def interface(self, vm: str, device: str = "0", MAC: str = "") -> str:
        network = next(iter(self.store.all(Network)))
        starts = STARTS[VIF]
        values = {name: starts[name] for name in ("other_config", "qos_algorithm_type", "qos_algorithm_params")}
        values |= {"locking_mode": "network_default", "ipv4_allowed": (), "ipv6_allowed": ()}
        made: str = await self.call(
            "VIF.create", {**values, "VM": vm, "network": network.ref, "device": device, "MAC": MAC, "MTU": 1500}
        )
        return made

    def disks(self, vm: str) -> list[VDI]:
        vbds = (self.store.get(VBD, ref) for ref in self.vm(vm).VBDs)
        return [self.store.get(VDI, vbd.VDI) for vbd in vbds if not vbd.empty]

    async def running(self, **kind: Any) -> str:
        """A running VM that can be suspended."""
        vm = await self.built(**kind)
        await self.set(self.vm(vm), HVM_boot_policy="", PV_bootloader="pygrub")
        await self.call("VM.start", vm, False, False)
        return vm


def disk_xml(device: str, sr: str, *, size: int = GIB, bootable: str = "true", kind: str = "system") -> str:
    return f'<disk device="{device}" size="{size}" sr="{sr}" bootable="{bootable}" type="{kind}"/>'


@asynccontextmanager
async def lab() -> AsyncIterator[Lab]:
    clock = FakeClock()
    hypervisor = SimulatedHypervisor(clock)
    storage = Storage(NominalDriver(clock, NominalSettings()))
    async with memory_services(clock=clock, hypervisor=hypervisor, storage=storage) as services:
        async with services.store.transaction() as tx:
            populate(tx, InventorySettings(seed=1, hosts=2, shared_srs=2), clock.now())
        put_off_refreshing(services.store)
        adopt_storage(services.store, storage)
        watchers = [asyncio.create_task(watch(services)) for watch in vm_messages.BACKGROUND]
        try:
            yield Lab(services)
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)


__all__ = ["GIB", "NULL_REF", "TEMPLATE", "Lab", "disk_xml", "lab"]
