"""A pool of a few hosts in memory, for tests that call the handlers directly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support import FakeClock, context, memory_services
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.settings import SimulatorSettings
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.operations.context import Context, Services
from xapi_async.operations.networking.vif import new_vif
from xapi_async.operations.vm import messages
from xapi_async.operations.vm.creating import new_vm

GIB = 1 << 30
MIB = 1 << 20
CPU = {"vendor": "GenuineIntel", "features_hvm": "ff-0f", "features_pv": "0f-0f"}


class World:
    """A pool with its storage and network, and short ways to make and ask things."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.hosts: list[str] = []
        self.sr = self.network = ""
        self.pool = ""

    @property
    def simulator(self) -> SimulatedHypervisor:
        assert isinstance(self.services.hypervisor, SimulatedHypervisor)
        return self.services.hypervisor

    async def set_up(self, hosts: int, memory: int) -> None:
        async with self.store.transaction() as tx:
            self.sr = tx.create(SR, type="nfs", shared=True).ref
            self.network = tx.create(Network, bridge="xapi0", managed=True).ref
            for number in range(hosts):
                metrics = tx.create(HostMetrics, live=True, memory_total=memory).ref
                host = tx.create(
                    Host,
                    name_label=f"host{number}",
                    address=f"10.0.0.{number + 1}",
                    metrics=metrics,
                    enabled=True,
                    capabilities=("hvm-3.0-x86_64",),
                    cpu_info=CPU,
                    virtual_hardware_platform_versions=(0, 1, 2),
                    software_version={"platform_version": "2.5.0"},
                ).ref
                self.hosts.append(host)
                tx.create(PBD, host=host, SR=self.sr, currently_attached=True)
            pool = tx.create(Pool, master=self.hosts[0], suspend_image_SR=self.sr, restrictions=dict(LICENCE))
            self.pool = pool.ref

    def context(self) -> Context:
        return context(self.services)

    async def call(self, message: str, *args: Any) -> Any:
        return await messages.HANDLERS[message](self.context(), *args)

    async def start(self, vm: str) -> None:
        await self.call("VM.start", vm, False, False)

    async def vm(self, **values: Any) -> str:
        """A halted paravirtual VM of 1 GiB."""
        async with self.store.transaction() as tx:
            return new_vm(tx, **{**VM_VALUES, **values}).ref

    async def disk(self, vm: str, **values: Any) -> tuple[str, str]:
        async with self.store.transaction() as tx:
            vdi = tx.create(VDI, SR=self.sr, managed=True, virtual_size=GIB, type="user").ref
            values = {"userdevice": "0", "mode": "RW", "type": "Disk", **values}
            return tx.create(VBD, VM=vm, VDI=vdi, **values).ref, vdi

    async def interface(self, vm: str) -> str:
        async with self.store.transaction() as tx:
            vif: VIF = new_vif(tx, VM=vm, network=self.network, device="0", MAC="02:00:00:00:00:01")
            return vif.ref

    async def set(self, cls: Any, ref: str, **values: Any) -> None:
        async with self.store.transaction() as tx:
            tx.set(tx.get(cls, ref), **values)

    def get(self, ref: str) -> VM:
        return self.store.get(VM, ref)

    def state(self, ref: str) -> str:
        return self.get(ref).power_state

    async def settle(self) -> None:
        """Let what goes on in the background come to its end."""
        for _ in range(40):
            await asyncio.sleep(0)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a change after which something is so."""
        changed = asyncio.Event()
        stop = self.store.listen(lambda changes: changed.set())
        try:
            while not is_so():
                changed.clear()
                await changed.wait()
        finally:
            stop()


LICENCE = {
    "restrict_dmc": "false",
    "restrict_checkpoint": "false",
    "restrict_set_vcpus_number_live": "false",
    "restrict_nested_virt": "false",
    "restrict_vmss": "false",
    "restrict_pci_device_for_auto_update": "false",
}

VM_VALUES: dict[str, Any] = {
    "name_label": "guest",
    "memory_static_min": 0,
    "memory_static_max": GIB,
    "memory_dynamic_min": GIB,
    "memory_dynamic_max": GIB,
    "VCPUs_max": 1,
    "VCPUs_at_startup": 1,
    "actions_after_shutdown": "destroy",
    "actions_after_reboot": "restart",
    "actions_after_crash": "restart",
    "PV_bootloader": "pygrub",
    "affinity": NULL_REF,
}


@asynccontextmanager
async def world(
    *,
    hosts: int = 2,
    memory: int = 16 * GIB,
    settings: SimulatorSettings | None = None,
    background: bool = True,
    clock: FakeClock | None = None,
) -> AsyncIterator[World]:
    """A pool; ``background``: with guests that live and are watched."""
    clock = clock or FakeClock()
    hypervisor = SimulatedHypervisor(clock, settings)
    async with memory_services(clock=clock, hypervisor=hypervisor) as services:
        made = World(services)
        await made.set_up(hosts, memory)
        work = [hypervisor.run(), *(watch(services) for watch in messages.BACKGROUND)] if background else []
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
