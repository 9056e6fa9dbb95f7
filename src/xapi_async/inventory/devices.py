"""PCI, graphics and USB devices: the records that a host makes of its hardware when its agent starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.hardware import GpuSettings, HostSettings, UsbSettings, VgpuTypeSettings
from xapi_async.inventory.maker import Maker

CARD_SIZE = 1 << 20
"""The size of a graphics card in the unit that virtual GPUs are measured in."""

PASSTHROUGH = "0001:passthrough"


@dataclass(frozen=True)
class _Device:
    """A PCI device that is recorded; ids are four hex digits. physical: of what it is a virtual function."""

    pci_id: str
    class_id: str
    class_name: str
    vendor_id: str
    vendor_name: str
    device_id: str
    device_name: str
    subsystem_vendor_id: str = ""
    subsystem_vendor_name: str = ""
    subsystem_device_id: str = ""
    subsystem_device_name: str = ""
    physical: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes a record found earlier the same device's."""
        ids = (self.vendor_id, self.device_id, self.subsystem_vendor_id, self.subsystem_device_id)
        return (self.pci_id, *ids)


def nic_bus_path(number: int, configured: str) -> str:
    """Where a network card is plugged in: as configured, or the next function of the next slot."""
    return configured or f"0000:04:{number // 8:02x}.{number % 8}"


def virtual_function_address(card: str, number: int) -> str:
    """Where a virtual function of a card is found: on its bus, behind the two slots of the card itself."""
    return f"{card.rsplit(':', 1)[0]}:{2 + number // 8:02x}.{number % 8}"


def synchronise_pci(maker: Maker, host: Host, hardware: HostSettings) -> None:
    """Make the PCI and PGPU records of a host agree with its hardware; what is unchanged keeps its record."""
    known = {_identity(pci): pci for ref in host.PCIs if (pci := maker.tx.find(PCI, ref)) is not None}
    found: dict[str, PCI] = {}
    for device in _devices(hardware):
        names: dict[str, Any] = {
            "class_name": device.class_name,
            "vendor_name": device.vendor_name,
            "device_name": device.device_name,
            "subsystem_vendor_name": device.subsystem_vendor_name,
            "subsystem_device_name": device.subsystem_device_name,
        }
        pci = known.pop(device.identity, None)
        if pci is not None:
            maker.update(pci, **names)
        else:
            pci = maker.create(
                PCI,
                host=host.ref,
                pci_id=device.pci_id,
                class_id=device.class_id,
                vendor_id=device.vendor_id,
                device_id=device.device_id,
                subsystem_vendor_id=device.subsystem_vendor_id,
                subsystem_device_id=device.subsystem_device_id,
                physical_function=found[device.physical].ref if device.physical else NULL_REF,
                **names,
            )
        found[device.pci_id] = pci
    by_slot: dict[str, list[PCI]] = {}
    for pci in found.values():
        if pci.physical_function == NULL_REF:  # virtual functions go to guests one by one
            by_slot.setdefault(pci.pci_id.rpartition(".")[0], []).append(pci)
    for slot in by_slot.values():
        for pci in slot:
            maker.update(pci, dependencies=tuple(other.ref for other in slot if other is not pci))
    _synchronise_gpus(maker, host, hardware, found)
    for vanished in known.values():
        maker.tx.delete(vanished)


def synchronise_usb(maker: Maker, host: Host, hardware: HostSettings) -> None:
    """Make the records of USB devices agree with the hardware; each new one gets a group of its own."""
    pusbs = (maker.tx.get(PUSB, ref) for ref in host.PUSBs)
    known = {(pusb.path, pusb.vendor_id, pusb.product_id, pusb.serial): pusb for pusb in pusbs}
    for usb in hardware.usb_devices:
        if known.pop((usb.path, usb.vendor_id, usb.product_id, usb.serial), None) is None:
            _create_pusb(maker, host, usb)
    for gone in known.values():
        _delete_pusb(maker, gone)


def _delete_pusb(maker: Maker, pusb: PUSB) -> None:
    """Delete a device that is gone, with its group and what VMs have of it."""
    group = maker.tx.find(USBGroup, pusb.USB_group)
    maker.tx.delete(pusb)
    if group is not None:
        for ref in group.VUSBs:
            maker.tx.delete(maker.tx.get(VUSB, ref))
        maker.tx.delete(group)


def _create_pusb(maker: Maker, host: Host, usb: UsbSettings) -> None:
    group = maker.create(USBGroup, name_label=f"Group of {usb.vendor_id} {usb.product_id} USBs")
    maker.create(
        PUSB,
        host=host.ref,
        USB_group=group.ref,
        path=usb.path,
        vendor_id=usb.vendor_id,
        vendor_desc=usb.vendor_desc,
        product_id=usb.product_id,
        product_desc=usb.product_desc,
        serial=usb.serial,
        version=usb.version,
        description=usb.description or f"{usb.vendor_desc} {usb.product_desc}".strip(),
    )


def _identity(pci: PCI) -> tuple[str, ...]:
    return (pci.pci_id, pci.vendor_id, pci.device_id, pci.subsystem_vendor_id, pci.subsystem_device_id)


def _devices(hardware: HostSettings) -> Iterator[_Device]:
    """What of the hardware is recorded: the storage controller, network cards and graphics cards."""
    yield _Device(
        "0000:03:00.0",
        "0104",
        "RAID bus controller",
        "1000",
        "LSI Logic / Symbios Logic",
        "005d",
        "MegaRAID SAS-3 3108 [Invader]",
    )
    for number, nic in enumerate(hardware.nics):
        path = nic_bus_path(number, nic.pci_bus_path)
        name = "Ethernet controller"
        yield _Device(path, "0200", name, nic.vendor_id, nic.vendor_name, nic.device_id, nic.device_name)
    for pci_id, gpu in _cards(hardware):
        yield _Device(
            pci_id,
            "0300",
            "VGA compatible controller",
            gpu.vendor_id,
            gpu.vendor_name,
            gpu.device_id,
            gpu.device_name,
            gpu.subsystem_vendor_id,
            gpu.subsystem_vendor_name,
            gpu.subsystem_device_id,
            gpu.subsystem_device_name,
        )
        yield from _virtual_functions(pci_id, gpu)


def _virtual_functions(card: str, gpu: GpuSettings) -> Iterator[_Device]:
    """What a card that shares itself with SR-IOV can be handed out as: as many as guests can share it."""
    shared = [kind.per_card for kind in gpu.vgpu_types if kind.implementation == "mxgpu"]
    for number in range(max(shared, default=0)):
        yield _Device(
            virtual_function_address(card, number),
            "0300",
            "VGA compatible controller",
            gpu.vendor_id,
            gpu.vendor_name,
            gpu.device_id,
            gpu.device_name,
            physical=card,
        )


def _cards(hardware: HostSettings) -> Iterator[tuple[str, GpuSettings]]:
    """The graphics cards and where they are plugged in."""
    for number, gpu in enumerate(hardware.gpus):
        yield gpu.pci_id or f"0000:{0x0A + number:02x}:00.0", gpu


def _synchronise_gpus(maker: Maker, host: Host, hardware: HostSettings, pcis: dict[str, PCI]) -> None:
    tx = maker.tx
    known = {pgpu.PCI: pgpu for ref in host.PGPUs if (pgpu := tx.find(PGPU, ref)) is not None}
    groups = set()
    for pci_id, gpu in _cards(hardware):
        pci = pcis[pci_id]
        types = tuple(_supported_types(maker, gpu, display_off=host.display in _DISPLAY_OFF))
        supported = tuple(vgpu_type.ref for vgpu_type in types)
        capacities = {t.ref: CARD_SIZE // t.size if t.size else 1 for t in types}
        values: dict[str, Any] = {
            "supported_VGPU_types": supported,
            "supported_VGPU_max_capacities": capacities,
            "is_system_display_device": gpu.system_display,
        }
        pgpu = known.pop(pci.ref, None)
        if pgpu is not None:
            kept = tuple(t for t in supported if t in pgpu.enabled_VGPU_types or t not in pgpu.supported_VGPU_types)
            maker.update(pgpu, enabled_VGPU_types=kept, **values)
        else:
            pgpu = maker.create(
                PGPU,
                PCI=pci.ref,
                host=host.ref,
                GPU_group=_group(maker, gpu).ref,
                enabled_VGPU_types=supported,
                dom0_access="disabled" if gpu.hidden_from_dom0 else "enabled",
                **values,
            )
        groups.add(pgpu.GPU_group)
    for vanished in known.values():
        groups.add(vanished.GPU_group)
        tx.set(vanished, supported_VGPU_types=(), enabled_VGPU_types=())
        tx.delete(vanished)
    for ref in sorted(groups):
        group = tx.find(GPUGroup, ref)
        if group is not None:
            _refresh_group(maker, group)


def _group(maker: Maker, gpu: GpuSettings) -> GPUGroup:
    kind = (f"{gpu.vendor_id}/{gpu.device_id}",)
    for group in maker.tx.all(GPUGroup):
        if group.GPU_types == kind:
            return group
    name = f"Group of {gpu.vendor_name} {gpu.device_name} GPUs"
    return maker.create(GPUGroup, name_label=name, GPU_types=kind, allocation_algorithm="depth_first")


def _refresh_group(maker: Maker, group: GPUGroup) -> None:
    cards = [maker.tx.get(PGPU, ref) for ref in group.PGPUs]
    maker.update(
        group,
        supported_VGPU_types=tuple(dict.fromkeys(t for card in cards for t in card.supported_VGPU_types)),
        enabled_VGPU_types=tuple(dict.fromkeys(t for card in cards for t in card.enabled_VGPU_types)),
    )


def _supported_types(maker: Maker, gpu: GpuSettings, *, display_off: bool) -> Iterator[VGPUType]:
    shared = [] if gpu.vendor_id == "10de" and gpu.system_display else gpu.vgpu_types
    if _passes_through(gpu, has_shared=bool(shared), display_off=display_off):
        yield _passthrough_type(maker)
    for described in shared:
        yield _vgpu_type(maker, described)


_DISPLAY_OFF = {"disabled", "enable_on_reboot"}


def _passes_through(gpu: GpuSettings, *, has_shared: bool, display_off: bool) -> bool:
    """Whether a card can go to one guest whole."""
    if gpu.vendor_id == "1002" and has_shared:
        return False
    return not gpu.system_display or (gpu.vendor_id in _INTEGRATED and display_off and gpu.hidden_from_dom0)


_INTEGRATED = {"8086", "1002"}
"""Vendors whose cards can be passed through even when they could show the host's console."""


def _passthrough_type(maker: Maker) -> VGPUType:
    return _by_identifier(maker, PASSTHROUGH) or maker.create(
        VGPUType, model_name="passthrough", implementation="passthrough", identifier=PASSTHROUGH
    )


def _vgpu_type(maker: Maker, described: VgpuTypeSettings) -> VGPUType:
    values: dict[str, Any] = {
        "vendor_name": described.vendor_name,
        "model_name": described.model_name,
        "framebuffer_size": described.framebuffer_size,
        "max_heads": described.max_heads,
        "max_resolution_x": described.max_resolution_x,
        "max_resolution_y": described.max_resolution_y,
        "size": CARD_SIZE // described.per_card,
        "experimental": described.experimental,
        "implementation": described.implementation,
    }
    existing = _by_identifier(maker, described.identifier)
    if existing is None:
        return maker.create(VGPUType, identifier=described.identifier, **values)
    maker.update(existing, **values)
    return existing


def _by_identifier(maker: Maker, identifier: str) -> VGPUType | None:
    return next((t for t in maker.tx.all(VGPUType) if t.identifier == identifier), None)
