"""The relations between reference fields: one declaration gives both ends."""

from __future__ import annotations

from typing import Literal, NamedTuple

Cardinality = Literal["one-to-many", "many-to-many", "unknown type"]


class Relation(NamedTuple):
    """A pair of fields, as ``Class.field``, that always agree.

    one-to-many: ``one`` is a single reference and the truth, ``many`` the set computed from it.
    many-to-many: both are sets and either may be written. unknown type: listed by the API, kept by nobody.
    """

    one: str
    many: str
    cardinality: Cardinality


RELATIONS: tuple[Relation, ...] = (
    Relation("VM.snapshot_of", "VM.snapshots", "one-to-many"),
    Relation("VDI.snapshot_of", "VDI.snapshots", "one-to-many"),
    Relation("VM.parent", "VM.children", "one-to-many"),
    Relation("task.subtask_of", "task.subtasks", "one-to-many"),
    Relation("task.session", "session.tasks", "one-to-many"),
    Relation("PIF.bond_slave_of", "Bond.slaves", "one-to-many"),
    Relation("Bond.master", "PIF.bond_master_of", "one-to-many"),
    Relation("VLAN.tagged_PIF", "PIF.VLAN_slave_of", "one-to-many"),
    Relation("tunnel.access_PIF", "PIF.tunnel_access_PIF_of", "one-to-many"),
    Relation("tunnel.transport_PIF", "PIF.tunnel_transport_PIF_of", "one-to-many"),
    Relation("PBD.host", "host.PBDs", "one-to-many"),
    Relation("PBD.SR", "SR.PBDs", "one-to-many"),
    Relation("VBD.VDI", "VDI.VBDs", "one-to-many"),
    Relation("crashdump.VDI", "VDI.crash_dumps", "one-to-many"),
    Relation("VBD.VM", "VM.VBDs", "one-to-many"),
    Relation("crashdump.VM", "VM.crash_dumps", "one-to-many"),
    Relation("VIF.VM", "VM.VIFs", "one-to-many"),
    Relation("VIF.network", "network.VIFs", "one-to-many"),
    Relation("PIF.host", "host.PIFs", "one-to-many"),
    Relation("PIF.network", "network.PIFs", "one-to-many"),
    Relation("VDI.SR", "SR.VDIs", "one-to-many"),
    Relation("VTPM.VM", "VM.VTPMs", "one-to-many"),
    Relation("console.VM", "VM.consoles", "one-to-many"),
    Relation("VM.resident_on", "host.resident_VMs", "one-to-many"),
    Relation("host_cpu.host", "host.host_CPUs", "one-to-many"),
    Relation("host_crashdump.host", "host.crashdumps", "one-to-many"),
    Relation("host_patch.host", "host.patches", "one-to-many"),
    Relation("host_patch.pool_patch", "pool_patch.host_patches", "one-to-many"),
    Relation("host.updates", "pool_update.hosts", "many-to-many"),
    Relation("subject.roles", "subject.roles", "unknown type"),
    Relation("role.subroles", "role.subroles", "many-to-many"),
    Relation("VM.protection_policy", "VMPP.VMs", "one-to-many"),
    Relation("VM.snapshot_schedule", "VMSS.VMs", "one-to-many"),
    Relation("VM.appliance", "VM_appliance.VMs", "one-to-many"),
    Relation("PGPU.GPU_group", "GPU_group.PGPUs", "one-to-many"),
    Relation("VGPU.GPU_group", "GPU_group.VGPUs", "one-to-many"),
    Relation("VGPU.type", "VGPU_type.VGPUs", "one-to-many"),
    Relation("VGPU.VM", "VM.VGPUs", "one-to-many"),
    Relation("VGPU.resident_on", "PGPU.resident_VGPUs", "one-to-many"),
    Relation("PGPU.supported_VGPU_types", "VGPU_type.supported_on_PGPUs", "many-to-many"),
    Relation("PGPU.enabled_VGPU_types", "VGPU_type.enabled_on_PGPUs", "many-to-many"),
    Relation("GPU_group.supported_VGPU_types", "VGPU_type.supported_on_GPU_groups", "many-to-many"),
    Relation("GPU_group.enabled_VGPU_types", "VGPU_type.enabled_on_GPU_groups", "many-to-many"),
    Relation("PCI.host", "host.PCIs", "one-to-many"),
    Relation("PGPU.host", "host.PGPUs", "one-to-many"),
    Relation("PCI.attached_VMs", "VM.attached_PCIs", "many-to-many"),
    Relation("PCI.physical_function", "PCI.virtual_functions", "one-to-many"),
    Relation("VDI.metadata_of_pool", "pool.metadata_VDIs", "one-to-many"),
    Relation("SR.introduced_by", "DR_task.introduced_SRs", "one-to-many"),
    Relation("PVS_server.site", "PVS_site.servers", "one-to-many"),
    Relation("PVS_proxy.site", "PVS_site.proxies", "one-to-many"),
    Relation("PVS_cache_storage.site", "PVS_site.cache_storage", "one-to-many"),
    Relation("PUSB.host", "host.PUSBs", "one-to-many"),
    Relation("PUSB.USB_group", "USB_group.PUSBs", "one-to-many"),
    Relation("VUSB.USB_group", "USB_group.VUSBs", "one-to-many"),
    Relation("VUSB.VM", "VM.VUSBs", "one-to-many"),
    Relation("Feature.host", "host.features", "one-to-many"),
)
