"""Whether a VM could be moved with its disks: VM.assert_can_migrate, and what VM.migrate_send checks as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.placement import assert_host_has_gpus
from xapi_async.operations.storage.facts import has_feature
from xapi_async.operations.vm.can_boot import Boot, boot_error, sees_sr
from xapi_async.operations.vm.facts import vbds_of
from xapi_async.operations.vm.features import require_feature, the_pool
from xapi_async.operations.vm.placement import cpu_error, platform_version

MIRRORING = ("VDI_MIRROR", "VDI_SNAPSHOT")
"""What storage must offer for disks to be moved from or to it while a guest uses them."""

Refs = Mapping[str, str]


@dataclass(frozen=True)
class Move:
    """What was asked for.

    dest: what host.migrate_receive gave. vdi_map: SRs by disk. vif_map: networks by interface.
    """

    vm: str
    dest: Mapping[str, str]
    vdi_map: Refs
    vif_map: Refs = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def force(self) -> bool:
        """Whether the guest need not be fit for it."""
        return self.options.get("force") == "true"

    @property
    def is_copy(self) -> bool:
        """Whether the VM is to stay as well."""
        return self.options.get("copy") == "true"

    @property
    def host(self) -> str:
        """The host to move to. Raises INTERNAL_ERROR where the destination names none."""
        if "host" not in self.dest:
            raise ApiError("INTERNAL_ERROR", "the destination names no host")
        return self.dest["host"]


async def assert_can_migrate(
    ctx: Context,
    vm: str,
    dest: Mapping[str, str],
    live: bool,
    vdi_map: Refs,
    vif_map: Refs,
    options: Mapping[str, str],
    vgpu_map: Refs,
) -> None:
    """VM.assert_can_migrate: raise why VM.migrate_send with the same parameters could not succeed."""
    require_migratable(ctx.store, Move(vm, dest, vdi_map, vif_map, options))


async def assert_can_migrate_sender(
    ctx: Context,
    vm: str,
    dest: Mapping[str, str],
    live: bool,
    vdi_map: Refs,
    vif_map: Refs,
    vgpu_map: Refs,
    options: Mapping[str, str],
) -> None:
    """VM.assert_can_migrate_sender: what only the sending host can tell, that is whether its cards suit the others."""
    _require_gpus(ctx.store, Move(vm, dest, vdi_map, vif_map, options))


def require_migratable(reader: Reader, move: Move) -> None:
    """Raise the first error that forbids a move.

    Moves to another pool are not built: NOT_IMPLEMENTED [text] tells of it after the checks made here.
    """
    vm = reader.get(VM, move.vm)
    require_feature(reader, "Storage_motion")
    if move.is_copy and vm.has_vendor_device:
        require_feature(reader, "PCI_device_for_auto_update")
    require_mapped(reader, move)
    for disk in disks_of(reader, vm):
        if disk.cbt_enabled:
            raise ApiError("VDI_CBT_ENABLED", disk.ref)
    target = reader.find(Host, move.host)
    if target is None:
        raise ApiError("NOT_IMPLEMENTED", "VM.migrate_send to another pool")
    source = reader.find(Host, vm.resident_on) or reader.get(Host, the_pool(reader).master)
    if platform_version(target) < platform_version(source):
        raise ApiError("NOT_SUPPORTED_DURING_UPGRADE")
    _require_mirroring(reader, move)
    error = (None if move.force else cpu_error(reader, vm, target)) or boot_error(
        Boot(reader, vm, target), with_storage=False
    )
    if error is not None:
        raise error
    if move.vif_map:
        raise ApiError("OPERATION_NOT_ALLOWED", "within a pool interfaces stay on their networks")
    require_no_cbt(reader, {disk: sr for disk, sr in destinations(reader, move).items() if sr})
    _require_gpus(reader, move)


def require_mapped(reader: Reader, move: Move) -> None:
    """Raise VDI_NOT_IN_MAP [VDI] for a disk that is to go nowhere."""
    for disk in disks_of(reader, reader.get(VM, move.vm)):
        if disk.ref not in move.vdi_map:
            raise ApiError("VDI_NOT_IN_MAP", disk.ref)


def require_no_cbt(reader: Reader, wanted: Refs) -> None:
    """Raise VDI_CBT_ENABLED [VDI] for a disk whose changes are tracked and that is to leave its SR."""
    for ref, sr in wanted.items():
        disk = reader.get(VDI, ref)
        if disk.cbt_enabled and sr != disk.SR:
            raise ApiError("VDI_CBT_ENABLED", ref)


def require_no_reset(reader: Reader, move: Move) -> None:
    """Raise VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION [VDI] for a disk that is reset at each start."""
    for disk in disks_of(reader, reader.get(VM, move.vm)):
        if disk.on_boot == "reset":
            raise ApiError("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION", disk.ref)


def require_images(reader: Reader, move: Move, working: str) -> None:
    """Raise SUSPEND_IMAGE_NOT_ACCESSIBLE [VDI] for saved memory that the working host cannot read."""
    for image in images_of(reader, move):
        if not sees_sr(reader, working, image.SR):
            raise ApiError("SUSPEND_IMAGE_NOT_ACCESSIBLE", image.ref)


def destinations(reader: Reader, move: Move) -> dict[str, str]:
    """Where each disk of the VM and of its snapshots goes, and saved memory that is not seen at the destination.

    Raises VDI_NOT_IN_MAP [VDI].
    """
    vm = reader.get(VM, move.vm)
    snapshots = [found for found in (reader.find(VM, ref) for ref in vm.snapshots) if found is not None]
    wanted = {disk.ref: move.vdi_map.get(disk.ref, disk.SR) for disk in disks_of(reader, vm)}
    for disk in (disk for snapshot in snapshots for disk in disks_of(reader, snapshot)):
        if disk.ref not in wanted:
            original = move.vdi_map.get(disk.snapshot_of)
            wanted[disk.ref] = move.vdi_map.get(disk.ref) or original or _fallback_sr(reader, move, disk)
    for image in images_of(reader, move):
        if not sees_sr(reader, move.host, image.SR):
            wanted[image.ref] = move.vdi_map.get(image.ref) or _fallback_sr(reader, move, image)
    return wanted


def images_of(reader: Reader, move: Move) -> list[VDI]:
    """The saved memory of the VM and of its snapshots."""
    vm = reader.get(VM, move.vm)
    vms = [vm, *(reader.find(VM, ref) for ref in vm.snapshots)]
    found = (reader.find(VDI, one.suspend_VDI) for one in vms if one is not None and one.suspend_VDI != NULL_REF)
    return [image for image in found if image is not None]


def disks_of(reader: Reader, vm: VM) -> list[VDI]:
    """The disks of a VM, CDs left out."""
    found = (reader.find(VDI, vbd.VDI) for vbd in vbds_of(reader, vm) if not vbd.empty and vbd.type != "CD")
    return [disk for disk in found if disk is not None]


def _fallback_sr(reader: Reader, move: Move, disk: VDI) -> str:
    """Where a disk goes that nobody says anything of."""
    pool, host = the_pool(reader), reader.find(Host, move.host)
    is_image = disk.type == "suspend"
    wishes = [*([pool.suspend_image_SR, host.suspend_image_sr if host else NULL_REF] if is_image else [])]
    for sr in (*wishes, pool.default_SR):
        if reader.find(SR, sr) is not None:
            return sr
    raise ApiError("VDI_NOT_IN_MAP", disk.ref)


def _require_mirroring(reader: Reader, move: Move) -> None:
    """Raise SR_DOES_NOT_SUPPORT_MIGRATION [SR] for storage that disks cannot be moved from or to."""
    for ref, target in move.vdi_map.items():
        disk = reader.get(VDI, ref)
        if target == disk.SR:
            continue
        for sr in (reader.find(SR, disk.SR), reader.get(SR, target)):
            if sr is not None and not all(has_feature(reader, sr, feature) for feature in MIRRORING):
                raise ApiError("SR_DOES_NOT_SUPPORT_MIGRATION", sr.ref)


def _require_gpus(reader: Reader, move: Move) -> None:
    if reader.find(Host, move.host) is not None and reader.get(VM, move.vm).VGPUs:
        assert_host_has_gpus(reader, move.vm, move.host)


HANDLERS: Handlers = {
    "VM.assert_can_migrate": assert_can_migrate,
    "VM.assert_can_migrate_sender": assert_can_migrate_sender,
}
