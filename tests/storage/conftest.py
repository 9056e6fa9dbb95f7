"""A pool of two hosts with an SR of each common type, and what tests do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import FakeClock, context, memory_services
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import RO_RUNTIME, ApiClass
from xapi_async.hypervisor.driver import Domain, DomainConfig
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.plugins import synchronise_plugins
from xapi_async.objects.entity import start_value
from xapi_async.operations.context import Context, Services
from xapi_async.operations.storage.messages import HANDLERS
from xapi_async.storage.driver import Storage
from xapi_async.storage.nominal import NominalDriver
from xapi_async.storage.nominal_settings import NominalSettings

MIB = 1 << 20
GIB = 1 << 30
LICENCE = {"restrict_cbt": "false", "restrict_dr": "false"}

CONFIGS = {
    "lvm": {"device": "/dev/sdb"},
    "ext": {"device": "/dev/sdc"},
    "nfs": {"server": "nas", "serverpath": "/export"},
    "lvmoiscsi": {"target": "san", "targetIQN": "iqn.x", "SCSIid": "36001"},
    "iso": {"location": "nas:/iso"},
    "udev": {"location": "/dev/xapi/block"},
    "dummy": {},
}


class Lab:
    """The pool under test. Calls go straight to the handlers, with the checks of the wire left out."""

    def __init__(self, services: Services, clock: FakeClock) -> None:
        self.services = services
        self.store = services.store
        self.clock = clock
        self.ctx: Context = context(services)
        self.hosts: list[str] = []
        self.srs = 0

    async def call(self, message: str, *args: Any) -> Any:
        """Send a message under a task of its own."""
        return await HANDLERS[message](context(self.services), *args)

    async def refused(self, message: str, *args: Any) -> list[str]:
        with pytest.raises(ApiError) as caught:
            await self.call(message, *args)
        return caught.value.description

    async def create(self, cls: type[ApiClass], **given: Any) -> str:
        fields = cls.FIELDS.values()
        values = {field.name: start_value(field) for field in fields if field.qualifier != RO_RUNTIME}
        made: str = await self.call(f"{cls.FACTS.name}.create", {**values, **given})
        return made

    async def set(self, cls: type[ApiClass], ref: str, **values: Any) -> None:
        async with self.store.transaction() as tx:
            tx.set(tx.get(cls, ref), **values)

    async def put(self, cls: type[ApiClass], **values: Any) -> str:
        async with self.store.transaction() as tx:
            return tx.create(cls, **values).ref

    @property
    def pool(self) -> Pool:
        return next(iter(self.store.all(Pool)))

    # Storage

    async def sr(self, kind: str = "lvm", *, host: int = 0, shared: bool | None = None, **config: str) -> str:
        """An SR of a type, plugged; each is on a device of its own."""
        shared = kind in ("nfs", "lvmoiscsi") if shared is None else shared
        self.srs += 1
        own = {key: f"{CONFIGS[kind][key]}{self.srs}" for key in ("device", "SCSIid") if key in CONFIGS[kind]}
        given = {**CONFIGS[kind], **own, **config}
        made: str = await self.call("SR.create", self.hosts[host], given, 0, f"an {kind}", "", kind, "user", shared, {})
        return made

    async def vdi(self, sr: str, size: int = 8 * MIB, **given: Any) -> str:
        return await self.create(VDI, SR=sr, virtual_size=size, type=given.pop("type", "user"), **given)

    def get_sr(self, ref: str) -> SR:
        return self.store.get(SR, ref)

    def get_vdi(self, ref: str) -> VDI:
        return self.store.get(VDI, ref)

    def get_vbd(self, ref: str) -> VBD:
        return self.store.get(VBD, ref)

    def pbd(self, sr: str, host: int = 0) -> str:
        pbds = (self.store.get(PBD, ref) for ref in self.get_sr(sr).PBDs)
        return next(pbd.ref for pbd in pbds if pbd.host == self.hosts[host])

    # VMs

    async def vm(self, state: str = "Halted", *, host: int = 0, hvm: bool = False, **given: Any) -> str:
        """A VM in a power state, with a domain where it has one."""
        is_live = state in ("Running", "Paused")
        values: dict[str, Any] = {
            "power_state": state,
            "domid": 7 if is_live else -1,
            "HVM_boot_policy": "BIOS order" if hvm else "",
            "metrics": await self.put(VMMetrics, hvm=hvm and is_live),
            "resident_on": self.hosts[host] if is_live else "OpaqueRef:NULL",
        }
        vm = await self.put(VM, **{**values, **given})
        if is_live:
            where = self.store.get(Host, self.hosts[host]).uuid
            config = DomainConfig(self.store.get(VM, vm).uuid, where, "guest", hvm, 1, GIB, GIB)
            self.services.hypervisor.adopt([Domain(config, domid=7, is_paused=state == "Paused", started=0.0)])
        return vm

    async def with_drivers(self, vm: str, hotplug: str = "yes", **given: Any) -> None:
        """Give a VM guest metrics."""
        metrics = await self.put(VMGuestMetrics, can_use_hotplug_vbd=hotplug, **given)
        await self.set(VM, vm, guest_metrics=metrics)

    async def vbd(self, vm: str, vdi: str = "OpaqueRef:NULL", **given: Any) -> str:
        values = {"type": "Disk", "mode": "RW", "userdevice": "autodetect", "unpluggable": True, **given}
        return await self.create(VBD, VM=vm, VDI=vdi, empty=vdi == "OpaqueRef:NULL", **values)

    async def attached(self, vm: str, vdi: str, **given: Any) -> str:
        """A VBD that is attached without anybody having plugged it."""
        metrics = await self.put(VBDMetrics)
        values = {"type": "Disk", "mode": "RW", "userdevice": "0", "device": "xvda", "unpluggable": True}
        values |= {"currently_attached": True, "empty": False, "metrics": metrics}
        return await self.put(VBD, VM=vm, VDI=vdi, **{**values, **given})


@pytest.fixture
def settings() -> NominalSettings:
    return NominalSettings(sr_size=100 * GIB)


@pytest.fixture
async def lab(settings: NominalSettings) -> AsyncIterator[Lab]:
    clock = FakeClock()
    storage = Storage(NominalDriver(clock, settings))
    async with memory_services(clock=clock, hypervisor=SimulatedHypervisor(clock), storage=storage) as services:
        lab = Lab(services, clock)
        async with lab.store.transaction() as tx:
            for number in range(2):
                metrics = tx.create(HostMetrics, live=True)
                host = tx.create(Host, name_label=f"host{number}", enabled=True, metrics=metrics.ref)
                domain = tx.create(VM, is_control_domain=True, power_state="Running", resident_on=host.ref, domid=0)
                tx.set(host, control_domain=domain.ref)
                lab.hosts.append(host.ref)
            tx.create(Pool, master=lab.hosts[0], restrictions=LICENCE)
            synchronise_plugins(Maker(tx, services.rng, clock.now()))
        yield lab
