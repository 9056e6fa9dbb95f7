"""How many more virtual GPUs of a type fit on a card, or why none does."""

from __future__ import annotations

from collections.abc import Iterable

from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader

CARD_SIZE = 1 << 20
"""What every card has of the unit that the sizes of types are given in."""

SEVERITY = (
    "VGPU_TYPE_NOT_SUPPORTED",
    "VGPU_TYPE_NOT_ENABLED",
    "VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE",
    "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU",
)
"""Why a card has no room. Of a group's cards the one that came closest, which is the last here, gives the reason."""


def card_capacity(reader: Reader, pgpu: PGPU, vgpu_type: str) -> int:
    """How many more of a type fit on a card; 0 where none does, for whatever reason."""
    found = room_on(reader, pgpu, vgpu_type)
    return 0 if isinstance(found, ApiError) else found


def room_on(reader: Reader, pgpu: PGPU, type_ref: str) -> int | ApiError:
    """How many more of a type fit on a card, at least 1, or the error that says why none does."""
    if type_ref not in pgpu.supported_VGPU_types:
        return ApiError("VGPU_TYPE_NOT_SUPPORTED", type_ref, *pgpu.supported_VGPU_types)
    if type_ref not in pgpu.enabled_VGPU_types:
        return ApiError("VGPU_TYPE_NOT_ENABLED", type_ref, *pgpu.enabled_VGPU_types)
    scheduled = scheduled_on(reader, pgpu)
    allocated = [*vgpus(reader, pgpu.resident_VGPUs), *scheduled]
    if allocated and allocated[0].type != type_ref:
        return ApiError("VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE", pgpu.ref, type_ref, allocated[0].type)
    vgpu_type = reader.get(VGPUType, type_ref)
    if vgpu_type.implementation == "passthrough":
        pci = reader.find(PCI, pgpu.PCI)
        left = 0 if scheduled or (pci is not None and pci.attached_VMs) else 1
    else:
        taken = sum(_size(reader, vgpu.type) for vgpu in allocated)
        left = (CARD_SIZE - taken) // vgpu_type.size if vgpu_type.size else 0
    return left if left > 0 else ApiError("PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU", pgpu.ref, type_ref)


def group_capacity(reader: Reader, group: GPUGroup, vgpu_type: str) -> int:
    """How many more of a type fit on all cards of a group."""
    return sum(card_capacity(reader, pgpu, vgpu_type) for pgpu in pgpus(reader, group.PGPUs))


def require_group_capacity(reader: Reader, group: GPUGroup, vgpu_type: str) -> None:
    """Raise why no card of a group has room for a type: GPU_GROUP_CONTAINS_NO_PGPUS [group], or a card's reason."""
    found = [room_on(reader, pgpu, vgpu_type) for pgpu in pgpus(reader, group.PGPUs)]
    errors = [error for error in found if isinstance(error, ApiError)]
    if not found:
        raise ApiError("GPU_GROUP_CONTAINS_NO_PGPUS", group.ref)
    if len(errors) == len(found):
        raise max(errors, key=lambda error: SEVERITY.index(error.code))


def scheduled_on(reader: Reader, pgpu: PGPU) -> list[VGPU]:
    """The virtual GPUs that a card is reserved for."""
    group = reader.find(GPUGroup, pgpu.GPU_group)
    found = vgpus(reader, group.VGPUs) if group else []
    return [vgpu for vgpu in found if vgpu.scheduled_to_be_resident_on == pgpu.ref]


def pgpus(reader: Reader, refs: Iterable[str]) -> list[PGPU]:
    """Those of the cards that exist."""
    return [pgpu for pgpu in (reader.find(PGPU, ref) for ref in refs) if pgpu is not None]


def vgpus(reader: Reader, refs: Iterable[str]) -> list[VGPU]:
    """Those of the virtual GPUs that exist."""
    return [vgpu for vgpu in (reader.find(VGPU, ref) for ref in refs) if vgpu is not None]


def _size(reader: Reader, vgpu_type: str) -> int:
    found = reader.find(VGPUType, vgpu_type)
    return found.size if found else 0
