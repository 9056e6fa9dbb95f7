"""A pool of two hosts with three cards each, managed through eth0, and what tests do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import FakeClock, context, memory_services
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import RO_RUNTIME, ApiClass
from xapi_async.hypervisor.driver import Domain, DomainConfig
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.network.settings import NetworkSettings
from xapi_async.network.simulated import SimulatedNetwork
from xapi_async.objects.entity import start_value
from xapi_async.operations.context import Context, Services
from xapi_async.operations.networking import HANDLERS
from xapi_async.operations.networking.starting import bring_up_networks

LICENSED = {f"restrict_{name}": "false" for name in ("vif_locking", "guest_ip_setting", "pvs_proxy", "igmp_snooping")}


class Lab:
    """The pool under test. Calls go straight to the handlers, with the checks of the wire left out."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.ctx: Context = context(services)
        self.hosts: list[str] = []

    async def call(self, message: str, *args: Any) -> Any:
        return await HANDLERS[message](self.ctx, *args)

    async def create(self, message_class: type[ApiClass], **given: Any) -> str:
        fields = message_class.FIELDS.values()
        values = {field.name: start_value(field) for field in fields if field.qualifier != RO_RUNTIME}
        return await self.call(f"{message_class.FACTS.name}.create", {**values, **given})

    async def refused(self, message: str, *args: Any) -> list[str]:
        with pytest.raises(ApiError) as caught:
            await self.call(message, *args)
        return caught.value.description

    async def set(self, cls: type[ApiClass], ref: str, **values: Any) -> None:
        async with self.store.transaction() as tx:
            tx.set(tx.get(cls, ref), **values)

    async def put(self, cls: type[ApiClass], **values: Any) -> str:
        async with self.store.transaction() as tx:
            return tx.create(cls, **values).ref

    @property
    def pool(self) -> Pool:
        return next(iter(self.store.all(Pool)))

    def pif(self, host: int, device: str, vlan: int = -1) -> PIF:
        return next(
            pif
            for pif in self.store.all(PIF)
            if pif.host == self.hosts[host] and pif.device == device and vlan == pif.VLAN
        )

    async def network(self, name: str = "internal", **given: Any) -> str:
        return await self.create(Network, name_label=name, **given)

    async def vm(self, state: str = "Halted", host: int | None = None, **given: Any) -> str:
        hvm = given.pop("hvm", False)
        values: dict[str, Any] = {
            "power_state": state,
            "domid": 7 if state in ("Running", "Paused") else -1,
            "other_config": {"mac_seed": "00000000-0000-0000-0000-000000000000"},
            "metrics": await self.put(VMMetrics, hvm=hvm),
        }
        if host is not None:
            values["resident_on"] = self.hosts[host]
        vm = await self.put(VM, **{**values, **given})
        if host is not None and values["domid"] != -1:
            home = self.store.get(Host, self.hosts[host]).uuid
            config = DomainConfig(
                vm=self.store.get(VM, vm).uuid,
                host=home,
                name="guest",
                is_hvm=hvm,
                vcpus=1,
                memory=1 << 30,
                memory_max=1 << 30,
            )
            self.services.hypervisor.adopt([Domain(config, domid=7, is_paused=state == "Paused", started=0.0)])
        return vm

    async def vif(self, vm: str, network: str = "", device: str = "0", *, attached: bool = False, **given: Any) -> str:
        """An interface of a VM, on a network of its own where none is given. attached: shown so, at least."""
        ref = await self.create(VIF, VM=vm, network=network or await self.network(), device=device, **given)
        if attached:
            await self.set(VIF, ref, currently_attached=True)
        return ref


async def bridged(lab: Lab) -> None:
    for host in lab.hosts:
        await lab.set(Host, host, software_version={"network_backend": "bridge"})


async def switched(lab: Lab) -> None:
    for host in lab.hosts:
        await lab.set(Host, host, software_version={"network_backend": "openvswitch"})


@pytest.fixture
def settings() -> NetworkSettings:
    return NetworkSettings(
        cards_per_host=3, unlinked=("eth2",), external_vlans=("eth0.99",), failing_bridges=("broken",)
    )


@pytest.fixture
async def lab(settings: NetworkSettings) -> AsyncIterator[Lab]:
    clock = FakeClock()
    async with memory_services(clock=clock, hypervisor=SimulatedHypervisor(clock)) as services:
        services.network = SimulatedNetwork(settings, services.clock)
        lab = Lab(services)
        async with lab.store.transaction() as tx:
            for number in range(2):
                metrics = tx.create(HostMetrics, live=True)
                host = tx.create(
                    Host,
                    name_label=f"host{number}",
                    enabled=True,
                    metrics=metrics.ref,
                    software_version={"network_backend": "openvswitch"},
                )
                lab.hosts.append(host.ref)
            tx.create(Pool, master=lab.hosts[0], restrictions=LICENSED)
        for host in lab.hosts:
            await lab.call("PIF.scan", host)
        await bring_up_networks(services)
        for number in range(2):
            eth0 = lab.pif(number, "eth0").ref
            await lab.call("PIF.reconfigure_ip", eth0, "DHCP", "", "", "", "")
            await lab.call("host.management_reconfigure", eth0)
        yield lab
