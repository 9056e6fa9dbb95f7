"""Where the virtual GPUs and USB devices of a starting VM go: which hosts can have it, and on which cards.

For those who start, stop and move VMs; nothing here is a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.devices.capacity import card_capacity, pgpus, require_group_capacity, vgpus
from xapi_async.operations.devices.licensing import require_feature

NEEDS_IOMMU = frozenset({"passthrough", "mxgpu"})
"""Implementations that hand a device, or a function of it, to the guest."""

PCI_KEY = "pci"
"""Where a VM's other_config lists the PCI devices it gets."""

_ENTRY = re.compile(r"([0-9]+)/([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")

# Which hosts


def assert_host_has_gpus(reader: Reader, vm: str, host: str) -> None:
    """Check that a host could run the VGPUs of a VM now.

    Raises VM_REQUIRES_IOMMU [host] or VM_REQUIRES_GPU [VM, group].
    """
    for vgpu in vgpus(reader, reader.get(VM, vm).VGPUs):
        kind = reader.get(VGPUType, vgpu.type).implementation
        if kind in NEEDS_IOMMU and reader.get(Host, host).chipset_info.get("iommu") != "true":
            raise ApiError("VM_REQUIRES_IOMMU", host)
        if not _viable(reader, vgpu, host):
            raise ApiError("VM_REQUIRES_GPU", vm, vgpu.GPU_group)


def assert_host_has_usbs(reader: Reader, vm: str, host: str) -> None:
    """Check that a host has the USB devices of a VM. Raises OPERATION_NOT_ALLOWED [text]."""
    for vusb in (reader.find(VUSB, ref) for ref in reader.get(VM, vm).VUSBs):
        group = reader.find(USBGroup, vusb.USB_group) if vusb else None
        devices = (reader.find(PUSB, ref) for ref in (group.PUSBs if group else ()))
        if vusb is not None and not any(pusb is not None and pusb.host == host for pusb in devices):
            raise ApiError("OPERATION_NOT_ALLOWED", f"host {host} has no device of VUSB {vusb.ref} of VM {vm}")


def host_tiers(reader: Reader, vm: str) -> list[tuple[str, ...]] | None:
    """The hosts to try for a VM, the best tier first; those of a tier are as good as each other for its VGPU.

    None where the VM has no VGPU, so that it is all the same. Raises why the group has no capacity.
    """
    first = next(iter(vgpus(reader, reader.get(VM, vm).VGPUs)), None)
    group = reader.find(GPUGroup, first.GPU_group) if first else None
    if first is None or group is None:
        return None
    require_group_capacity(reader, group, first.type)
    spread = group.allocation_algorithm == "breadth_first"
    best = max if spread else min
    ranks: dict[str, int] = {}
    for host in reader.all(Host):
        viable = _viable(reader, first, host.ref)
        if viable:
            ranks[host.ref] = best(card_capacity(reader, pgpu, first.type) for pgpu in viable)
    return [
        tuple(host for host, rank in ranks.items() if rank == tier)
        for tier in sorted(set(ranks.values()), reverse=spread)
    ]


# Which cards


def allocate_gpus(tx: Transaction, vm_ref: str, host: str) -> None:
    """Reserve cards of a host for the VGPUs of a starting VM, and tell the guest's configuration of them.

    Raises FEATURE_REQUIRES_HVM [text], LICENCE_RESTRICTION ["VGPU"], VM_REQUIRES_GPU [VM, group] or
    VM_REQUIRES_VGPU [VM, group, type].
    """
    vm = tx.get(VM, vm_ref)
    other_config = {key: value for key, value in vm.other_config.items() if key != "vgpu_pci"}
    platform = {key: value for key, value in vm.platform.items() if key != "igd_passthrough"}
    by_hand = vm.platform.get("vgpu_manual_setup") == "true"
    for vgpu in vgpus(tx, vm.VGPUs):
        if not vm.HVM_boot_policy:
            raise ApiError("FEATURE_REQUIRES_HVM", "virtual GPUs need a VM that boots with full virtualisation")
        kind = tx.get(VGPUType, vgpu.type)
        if kind.implementation != "passthrough":
            require_feature(tx, "VGPU")
            if by_hand:
                continue
        pgpu = _choose(tx, vgpu, host)
        functions = _functions(tx, pgpu, kind) if pgpu is not None else None
        if pgpu is None or functions is None:
            if kind.implementation == "passthrough":
                raise ApiError("VM_REQUIRES_GPU", vm_ref, vgpu.GPU_group)
            raise ApiError("VM_REQUIRES_VGPU", vm_ref, vgpu.GPU_group, vgpu.type)
        tx.set(vgpu, scheduled_to_be_resident_on=pgpu.ref)
        for pci in functions:
            tx.set(pci, scheduled_to_be_attached_to=vm_ref)
        if functions:
            other_config["vgpu_pci"] = ",".join(f"{number}/{pci.pci_id}" for number, pci in enumerate(functions))
        if kind.implementation == "passthrough" and _is_integrated(functions[0]):
            platform["igd_passthrough"] = "true"
    if other_config != vm.other_config:
        tx.set(vm, other_config=other_config)
    if platform != vm.platform:
        tx.set(vm, platform=platform)


def release_schedule(tx: Transaction, vm: str) -> None:
    """Give back the cards reserved for a VM whose start has ended, one way or the other."""
    for vgpu in vgpus(tx, tx.get(VM, vm).VGPUs):
        for pci in _reserved(tx, vgpu.scheduled_to_be_resident_on, vm):
            tx.set(pci, scheduled_to_be_attached_to=NULL_REF)
        if vgpu.scheduled_to_be_resident_on != NULL_REF:
            tx.set(vgpu, scheduled_to_be_resident_on=NULL_REF)


def drop_reservations(tx: Transaction) -> None:
    """Give back every card and device that is reserved, as when no VM can be starting."""
    for vgpu in tx.view.all(VGPU):
        if vgpu.scheduled_to_be_resident_on != NULL_REF:
            tx.set(tx.get(VGPU, vgpu.ref), scheduled_to_be_resident_on=NULL_REF)
    for pci in tx.view.all(PCI):
        if pci.scheduled_to_be_attached_to != NULL_REF:
            tx.set(tx.get(PCI, pci.ref), scheduled_to_be_attached_to=NULL_REF)


# What becomes of devices with their VM


def note_gpus_plugged(tx: Transaction, vm_ref: str) -> None:
    """Show the VGPUs of a started VM on the cards reserved for them."""
    vm = tx.get(VM, vm_ref)
    attached = list(vm.attached_PCIs)
    for vgpu in vgpus(tx, vm.VGPUs):
        card = vgpu.scheduled_to_be_resident_on
        if card == NULL_REF:
            continue
        for pci in _reserved(tx, card, vm_ref):
            tx.set(pci, scheduled_to_be_attached_to=NULL_REF)
            attached.append(pci.ref)
        tx.set(vgpu, resident_on=card, scheduled_to_be_resident_on=NULL_REF, currently_attached=True)
    if tuple(attached) != vm.attached_PCIs:
        tx.set(vm, attached_PCIs=tuple(dict.fromkeys(attached)))


def note_pcis_plugged(tx: Transaction, vm_ref: str) -> None:
    """Show the devices of its host that a started VM names in ``other_config:pci`` as plugged in.

    Entries that say nothing of a device there, or of one that another VM has, are passed over.
    """
    vm = tx.get(VM, vm_ref)
    wanted = passed_through(vm.other_config.get(PCI_KEY, ""))
    host = tx.find(Host, vm.resident_on) if wanted else None
    own = {pci.pci_id: pci for pci in _pcis(tx, host.PCIs if host else ())}
    free = [own[place].ref for place in wanted if place in own and set(own[place].attached_VMs) <= {vm_ref}]
    attached = tuple(dict.fromkeys((*vm.attached_PCIs, *free)))
    if attached != vm.attached_PCIs:
        tx.set(vm, attached_PCIs=attached)


def passed_through(text: str) -> list[str]:
    """The places of devices in a list such as ``0/0000:04:00.0,1/0000:04:00.1``, in order of the numbers."""
    entries = (_ENTRY.fullmatch(entry.strip()) for entry in text.split(","))
    return [found[2] for found in sorted(filter(None, entries), key=lambda found: int(found[1]))]


def note_usbs_plugged(tx: Transaction, vm: str) -> None:
    """Show the USB devices of a started VM as plugged in."""
    for vusb in _vusbs(tx, vm):
        if not vusb.currently_attached:
            tx.set(vusb, currently_attached=True)


def note_gpus_suspended(tx: Transaction, vm: str) -> None:
    """Take the VGPUs of a suspended VM off their cards; they count as attached still."""
    release_schedule(tx, vm)
    for vgpu in vgpus(tx, tx.get(VM, vm).VGPUs):
        if vgpu.resident_on != NULL_REF:
            tx.set(vgpu, resident_on=NULL_REF)


def note_devices_halted(tx: Transaction, vm_ref: str) -> None:
    """Show the VGPUs, PCI and USB devices of a halted VM as detached."""
    note_gpus_suspended(tx, vm_ref)
    vm = tx.get(VM, vm_ref)
    for vgpu in vgpus(tx, vm.VGPUs):
        if vgpu.currently_attached:
            tx.set(vgpu, currently_attached=False)
    if vm.attached_PCIs:
        tx.set(vm, attached_PCIs=())
    for vusb in _vusbs(tx, vm_ref):
        if vusb.currently_attached or vusb.current_operations:
            tx.set(vusb, currently_attached=False, current_operations={})


# Helpers


def _viable(reader: Reader, vgpu: VGPU, host: str) -> list[PGPU]:
    """The cards of a host that could run a VGPU now."""
    group = reader.find(GPUGroup, vgpu.GPU_group)
    cards = [card for card in pgpus(reader, group.PGPUs if group else ()) if card.host == host]
    return [card for card in cards if _fits(vgpu, card) and card_capacity(reader, card, vgpu.type) > 0]


def _fits(vgpu: VGPU, pgpu: PGPU) -> bool:
    """Whether what the vendors' drivers say of both goes together; where one says nothing it does."""
    mine, its = vgpu.compatibility_metadata, pgpu.compatibility_metadata
    return all(its.get(key, value) == value for key, value in mine.items())


def _choose(reader: Reader, vgpu: VGPU, host: str) -> PGPU | None:
    """The card for a VGPU: the fullest that has room, or the emptiest, as the group has it."""
    viable = _viable(reader, vgpu, host)
    group = reader.find(GPUGroup, vgpu.GPU_group)
    if not viable or group is None:
        return None
    spread = group.allocation_algorithm == "breadth_first"
    return sorted(viable, key=lambda card: card_capacity(reader, card, vgpu.type), reverse=spread)[0]


def _functions(reader: Reader, pgpu: PGPU, kind: VGPUType) -> list[PCI] | None:
    """The PCI functions that go to the guest, in order of address; None where none is free."""
    card = reader.find(PCI, pgpu.PCI)
    if kind.implementation not in NEEDS_IOMMU:
        return []
    if card is None:
        return None
    if kind.implementation == "passthrough":
        return _in_order([card, *_pcis(reader, card.dependencies)])
    functions = _in_order(_pcis(reader, card.virtual_functions))
    free = [pci for pci in functions if not pci.attached_VMs and pci.scheduled_to_be_attached_to == NULL_REF]
    return free[:1] or None


def _reserved(reader: Reader, pgpu: str, vm: str) -> list[PCI]:
    """The functions of a card that are reserved for a VM."""
    found = reader.find(PGPU, pgpu)
    card = reader.find(PCI, found.PCI) if found else None
    if card is None:
        return []
    functions = [card, *_pcis(reader, card.dependencies), *_pcis(reader, card.virtual_functions)]
    return [pci for pci in functions if pci.scheduled_to_be_attached_to == vm]


def _is_integrated(pci: PCI) -> bool:
    """Whether a card is part of an Intel processor, which sits on bus 0."""
    return pci.vendor_id == "8086" and pci.pci_id.split(":")[1:2] == ["00"]


def _pcis(reader: Reader, refs: Iterable[str]) -> list[PCI]:
    return [pci for pci in (reader.find(PCI, ref) for ref in refs) if pci is not None]


def _in_order(pcis: Iterable[PCI]) -> list[PCI]:
    return sorted(pcis, key=lambda pci: pci.pci_id)


def _vusbs(tx: Transaction, vm: str) -> list[VUSB]:
    return [vusb for vusb in (tx.find(VUSB, ref) for ref in tx.get(VM, vm).VUSBs) if vusb is not None]
