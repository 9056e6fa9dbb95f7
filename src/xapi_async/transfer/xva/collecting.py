"""Which objects an export takes along, and what their records say outside their server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xapi_async.datamodel.classes import (
    BY_NAME,
    SR,
    VBD,
    VDI,
    VGPU,
    VIF,
    VM,
    GPUGroup,
    Host,
    Network,
    PVSProxy,
    PVSSite,
    VGPUType,
    VMGuestMetrics,
)
from xapi_async.datamodel.types import NULL_REF, Set, zero
from xapi_async.objects.reader import Reader
from xapi_async.transfer.xva.records import Item

ISO = "iso"
_OPERATIONS = ("allowed_operations", "current_operations")


@dataclass(frozen=True)
class Manner:
    """How VMs are exported. keep_power: they stay suspended, or attached to what they are. is_metadata: no disks."""

    keep_power: bool = False
    is_metadata: bool = False
    snapshots: bool = True


_CLASSES = (
    Host, VM, VMGuestMetrics, VBD, VIF, Network, VDI, SR, VGPUType, VGPU, GPUGroup, PVSProxy, PVSSite,
)  # fmt: skip
"""Classes in the order of the document."""

_MAPPED: Mapping[type, tuple[str, ...]] = {
    Host: ("crash_dump_sr", "suspend_image_sr", "resident_VMs"),
    VM: ("VIFs", "VBDs", "VGPUs", "resident_on", "affinity", "guest_metrics"),
    VIF: ("network", "VM"),
    VBD: ("VDI", "VM"),
    Network: ("VIFs",),
    VDI: ("VBDs", "SR"),
    SR: ("VDIs",),
    VGPU: ("GPU_group", "type", "VM"),
    GPUGroup: ("VGPUs",),
    PVSProxy: ("site", "VIF"),
    PVSSite: ("proxies",),
}
"""Fields whose references become ids of the document."""

_BLANK: Mapping[type, tuple[str, ...]] = {
    Host: (
        *_OPERATIONS, "PIFs", "PBDs", "PGPUs", "PCIs", "host_CPUs", "license_params", "blobs", "external_auth_type",
        "external_auth_service_name", "external_auth_configuration", "metrics", "patches", "crashdumps", "logging",
        "supported_bootloaders", "cpu_configuration", "other_config", "capabilities", "software_version",
        "sched_policy", "ha_statefiles", "ha_network_peers", "tags",
    ),
    VM: (*_OPERATIONS, "crash_dumps", "VTPMs", "consoles", "metrics", "protection_policy", "blobs"),
    VIF: (*_OPERATIONS, "metrics"),
    VBD: (*_OPERATIONS, "metrics"),
    Network: (*_OPERATIONS, "PIFs"),
    VDI: (*_OPERATIONS, "crash_dumps"),
    SR: (*_OPERATIONS, "PBDs"),
    GPUGroup: ("PGPUs",),
    PVSProxy: ("currently_attached",),
    PVSSite: ("cache_storage", "servers"),
}  # fmt: skip
"""Fields that mean nothing elsewhere."""

_NO_SNAPSHOT = ("is_a_snapshot", "snapshot_of", "snapshots", "snapshot_time", "transportable_snapshot_id", "parent")


def collected(reader: Reader, vms: Iterable[str], manner: Manner, next_id: Callable[[], int]) -> list[Item]:
    """The objects of an export of some VMs, in the order of the document. next_id: numbers them."""
    found: dict[type, dict[str, Any]] = {cls: {} for cls in _CLASSES}
    for ref in vms:
        _walk(reader, ref, manner, found)
    ids = {ref: f"Ref:{next_id()}" for cls in _CLASSES for ref in found[cls]}
    return [
        Item(cls.FACTS.name, ids[ref], _outside(cls, entity, manner, ids))
        for cls in _CLASSES
        for ref, entity in found[cls].items()
    ]


def has_bytes(vbd: VBD | Mapping[str, Any], sr: SR | Mapping[str, Any] | None) -> bool:
    """Whether the content of what a block device holds belongs to its VM."""
    kind = vbd["type"] if isinstance(vbd, Mapping) else vbd.type
    content = "" if sr is None else sr["content_type"] if isinstance(sr, Mapping) else sr.content_type
    return kind != "CD" and content != ISO


def _walk(reader: Reader, ref: str, manner: Manner, found: dict[type, dict[str, Any]]) -> None:
    def take(cls: Any, target: str) -> Any:
        entity = reader.find(cls, target)
        if entity is not None:
            found[cls].setdefault(target, entity)
        return entity

    if ref in found[VM]:
        return
    vm = take(VM, ref)
    if vm is None:
        return
    for host in (vm.resident_on, vm.affinity):
        take(Host, host)
    take(VMGuestMetrics, vm.guest_metrics)
    for one in vm.VIFs:
        vif = take(VIF, one)
        if vif is not None:
            take(Network, vif.network)
    disks = [vm.suspend_VDI] if _keeps_image(vm, manner) else []
    for one in vm.VBDs:
        vbd = take(VBD, one)
        if vbd is not None and not vbd.empty:
            disks.append(vbd.VDI)
    for one in disks:
        vdi = take(VDI, one)
        if vdi is not None:
            take(SR, vdi.SR)
    for one in vm.VGPUs:
        vgpu = take(VGPU, one)
        if vgpu is not None:
            take(VGPUType, vgpu.type)
            take(GPUGroup, vgpu.GPU_group)
    for proxy in reader.all(PVSProxy) if vm.VIFs else ():
        if proxy.VIF in vm.VIFs:
            take(PVSProxy, proxy.ref)
            take(PVSSite, proxy.site)
    if manner.is_metadata and manner.snapshots:
        for other in (*vm.snapshots, vm.parent):
            _walk(reader, other, manner, found)


def _keeps_image(vm: VM, manner: Manner) -> bool:
    return vm.power_state == "Suspended" and (manner.keep_power or manner.is_metadata)


def _outside(cls: Any, entity: Any, manner: Manner, ids: Mapping[str, str]) -> dict[str, Any]:
    """A record as it is exported."""
    keeps = manner.keep_power or manner.is_metadata
    record = {name: getattr(entity, name) for name in cls.FIELDS}
    mapped, blank = list(_MAPPED.get(cls, ())), list(_BLANK.get(cls, ()))
    if cls is VM:
        (mapped if _keeps_image(entity, manner) else blank).append("suspend_VDI")
        if manner.is_metadata:
            mapped += ["snapshot_of", "parent"]
        else:
            blank += _NO_SNAPSHOT
        if not keeps:
            record["power_state"] = "Halted"
    if cls in (VIF, VBD, VGPU) and not keeps:
        blank.append("currently_attached")
    for name in blank:
        record[name] = zero(BY_NAME[cls.FACTS.name].FIELDS[name].type)
    for name in mapped:
        value = record[name]
        if isinstance(cls.FIELDS[name].type, Set):
            record[name] = tuple(ids[ref] for ref in value if ref in ids)
        else:
            record[name] = ids.get(value, NULL_REF)
    return record
