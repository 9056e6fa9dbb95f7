"""A pool of two hosts, each with two cards that can be shared by two or four and one USB device."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support import context, memory_services
from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.operations.context import Context, Services
from xapi_async.operations.devices.capacity import CARD_SIZE
from xapi_async.operations.devices.messages import HANDLERS

LICENSED = {f"restrict_{name}": "false" for name in ("gpu", "vgpu", "integrated_gpu_passthrough", "usb_passthrough")}


class Rack:
    """The pool under test, and the references of what is in it."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.ctx: Context = context(services)
        self.hosts: list[str] = []
        self.cards: list[str] = []
        self.types: dict[str, str] = {}
        self.group = ""
        self.usbs: list[str] = []

    async def call(self, message: str, *args: Any) -> Any:
        return await HANDLERS[message](self.ctx, *args)

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
    def pool(self) -> str:
        return next(iter(self.store.all(Pool))).ref

    async def vm(self, state: str = "Halted", host: int | None = None, **given: Any) -> str:
        values: dict[str, Any] = {
            "power_state": state,
            "HVM_boot_policy": "BIOS order",
            "domid": 3 if state in ("Running", "Paused") else -1,
            "metrics": await self.put(VMMetrics, hvm=given.pop("hvm", True)),
        }
        if host is not None or values["domid"] != -1:
            values["resident_on"] = self.hosts[host or 0]
        return await self.put(VM, **{**values, **given})

    async def vgpu(self, kind: str, vm: str | None = None, **given: Any) -> str:
        owner = vm or await self.vm()
        ref = await self.call("VGPU.create", owner, self.group, "0", {}, self.types[kind])
        if given:
            await self.set(VGPU, ref, **given)
        return ref


@pytest.fixture
async def rack() -> AsyncIterator[Rack]:
    async with memory_services() as services:
        rack = Rack(services)
        async with rack.store.transaction() as tx:
            for name, implementation, per_card in (
                ("whole", "passthrough", 0),
                ("half", "nvidia", 2),
                ("quarter", "nvidia", 4),
                ("other", "nvidia", 1),
            ):
                identifier = "0001:passthrough" if name == "whole" else f"0001:{name}"
                size = CARD_SIZE // per_card if per_card else 0
                rack.types[name] = tx.create(
                    VGPUType, model_name=name, implementation=implementation, identifier=identifier, size=size
                ).ref
            supported = tuple(rack.types[name] for name in ("whole", "half", "quarter"))
            rack.group = tx.create(
                GPUGroup,
                GPU_types=("10de/0ff2",),
                allocation_algorithm="depth_first",
                supported_VGPU_types=supported,
                enabled_VGPU_types=supported,
            ).ref
            for number in range(2):
                host = tx.create(Host, address=f"10.0.0.{number + 1}", chipset_info={"iommu": "true"})
                rack.hosts.append(host.ref)
                for slot in range(2):
                    pci = tx.create(
                        PCI, host=host.ref, pci_id=f"0000:0{slot + 4}:00.0", vendor_id="10de", device_id="0ff2"
                    )
                    rack.cards.append(
                        tx.create(
                            PGPU,
                            PCI=pci.ref,
                            host=host.ref,
                            GPU_group=rack.group,
                            dom0_access="enabled",
                            supported_VGPU_types=supported,
                            enabled_VGPU_types=supported,
                        ).ref
                    )
                group = tx.create(USBGroup)
                rack.usbs.append(tx.create(PUSB, host=host.ref, USB_group=group.ref, path="1-1").ref)
            tx.create(Pool, master=rack.hosts[0], restrictions=LICENSED)
        yield rack
