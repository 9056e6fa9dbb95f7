"""The objects attached to a VM: copied for its copies, deleted along with it. All within one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NEVER, NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.devices import vgpu as vgpus
from xapi_async.operations.networking import vif as vifs
from xapi_async.operations.storage.records import delete_vbd
from xapi_async.operations.vm.facts import vbds_of

A = TypeVar("A", bound=ApiClass)

COPIED_OF_VBD = (
    "userdevice",
    "device",
    "bootable",
    "mode",
    "type",
    "unpluggable",
    "qos_algorithm_type",
    "qos_algorithm_params",
    "currently_attached",
)


def copy_vbds(tx: Transaction, source: str, vm: str, disks: Mapping[str, str]) -> None:
    """Give a VM copies of another's block devices. disks: what takes the place of each disk of the source."""
    for vbd in list(vbds_of(tx, tx.get(VM, source))):
        vdi = NULL_REF if vbd.empty else disks.get(vbd.VDI, NULL_REF)
        owned = {"owner": ""} if vbd.type == "Disk" else {}
        tx.create(
            VBD,
            VM=vm,
            VDI=vdi,
            empty=vdi == NULL_REF,
            other_config={**owned, **vbd.other_config},
            metrics=tx.create(VBDMetrics, last_updated=NEVER).ref,
            **{name: getattr(vbd, name) for name in COPIED_OF_VBD},
        )


def copy_vifs(tx: Transaction, source: str, vm: str, *, keep_mac: bool) -> None:
    """Give a VM copies of another's interfaces, see :func:`~xapi_async.operations.networking.vif.copy_vif`."""
    for vif in vifs.vifs_of(tx, source):
        copy = vifs.copy_vif(tx, vif.ref, vm, keep_mac=keep_mac)
        if vif.currently_attached:
            tx.set(copy, currently_attached=True)


def copy_vgpus(tx: Transaction, source: str, vm: str) -> None:
    """Give a VM copies of another's virtual graphics cards."""
    vgpus.copy_vgpus(tx, source, vm)
    copies = _each(tx, VGPU, tx.get(VM, vm).VGPUs)
    for original, copy in zip(_each(tx, VGPU, tx.get(VM, source).VGPUs), copies, strict=True):
        if original.currently_attached:
            tx.set(copy, currently_attached=True)


def copy_metrics(tx: Transaction, source: VM) -> dict[str, str]:
    """Copies of what was measured in a VM and reported by its guest, as fields for another VM."""
    measured, reported = tx.find(VMMetrics, source.metrics), tx.find(VMGuestMetrics, source.guest_metrics)
    never_ran = {"VCPUs_utilisation": {0: 0.0}}
    return {
        "metrics": tx.create(VMMetrics, **(_values(measured) if measured else never_ran)).ref,
        "guest_metrics": tx.create(VMGuestMetrics, **_values(reported)).ref if reported else NULL_REF,
    }


def delete_metrics(tx: Transaction, vm: VM) -> None:
    """Delete what was measured in a VM and reported by its guest; the VM's fields still name it."""
    for found in (tx.find(VMMetrics, vm.metrics), tx.find(VMGuestMetrics, vm.guest_metrics)):
        if found is not None:
            tx.delete(found)


def delete_vbds(tx: Transaction, vm: str) -> None:
    """Delete a VM's block devices; the disks stay."""
    for vbd in list(vbds_of(tx, tx.get(VM, vm))):
        delete_vbd(tx, vbd)


def delete_vifs(tx: Transaction, vm: str) -> None:
    """Delete a VM's interfaces."""
    for vif in vifs.vifs_of(tx, vm):
        vifs.delete_vif(tx, vif)


def delete_vgpus(tx: Transaction, vm: str) -> None:
    """Delete a VM's virtual graphics cards."""
    for vgpu in list(_each(tx, VGPU, tx.get(VM, vm).VGPUs)):
        tx.delete(vgpu)


def release_pcis(tx: Transaction, vm: VM) -> None:
    """Have no PCI device name a VM as its user."""
    for pci in list(_each(tx, PCI, vm.attached_PCIs)):
        tx.set(pci, attached_VMs=tuple(user for user in pci.attached_VMs if user != vm.ref))


def _values(target: ApiClass) -> dict[str, Any]:
    return {name: getattr(target, name) for name in type(target).FIELDS if name != "uuid"}


def _each(reader: Reader, cls: type[A], refs: tuple[str, ...]) -> Iterator[A]:
    return (found for found in (reader.find(cls, ref) for ref in refs) if found is not None)
