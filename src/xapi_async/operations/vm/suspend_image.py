"""The disk that holds the memory of a suspended VM: where it goes, and making and destroying it."""

from __future__ import annotations

import logging

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context
from xapi_async.operations.vm.features import the_pool

NAME = "Suspend image"
MEMORY_SHARE = (126, 100)
"""Room for each byte of memory, as a fraction: what is saved is a little more than the memory itself."""

VM_HINT = "vmhint"
"""The key of a disk's sm_config that names the VM it is for, by uuid."""

EXTRA = 100 << 20
"""Bytes beside it."""

_log = logging.getLogger(__name__)


def choose_sr(reader: Reader, vm: VM) -> str:
    """Where a running VM's memory goes. Raises VM_NO_SUSPEND_SR [VM]."""
    host = reader.get(Host, vm.resident_on)
    for ref in (vm.suspend_SR, the_pool(reader).suspend_image_SR, host.suspend_image_sr):
        sr = reader.find(SR, ref)
        pbds = (reader.find(PBD, pbd) for pbd in (sr.PBDs if sr else ()))
        if any(pbd is not None and pbd.host == host.ref for pbd in pbds):
            return ref
    raise ApiError("VM_NO_SUSPEND_SR", vm.ref)


def image_size(reader: Reader, vm: VM) -> int:
    """Bytes that the memory of a VM takes when saved."""
    vgpus = (reader.find(VGPU, ref) for ref in vm.VGPUs)
    kinds = (reader.find(VGPUType, vgpu.type) for vgpu in vgpus if vgpu is not None)
    graphics = sum(kind.framebuffer_size for kind in kinds if kind is not None)
    share, of = MEMORY_SHARE
    return vm.memory_static_max * share // of + graphics + EXTRA


async def make_image(ctx: Context, ref: str) -> str:
    """Make the disk for a running VM's memory and note it on the VM. Raises what making disks raises."""
    vm = ctx.store.get(VM, ref)
    size = image_size(ctx.store, vm)
    image: str = await call(
        ctx,
        "VDI.create",
        {
            "name_label": NAME,
            "name_description": NAME,
            "SR": choose_sr(ctx.store, vm),
            "virtual_size": size,
            "type": "suspend",
            "sharable": False,
            "read_only": False,
            "other_config": {},
            "xenstore_data": {},
            "sm_config": {VM_HINT: vm.uuid, "initial_allocation": str(size)},
            "tags": (),
        },
    )
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VM, ref), suspend_VDI=image)
    return image


async def destroy_image(ctx: Context, image: str) -> None:
    """Destroy a disk nobody needs any more; a failure is only logged."""
    if image == NULL_REF or ctx.store.find(VDI, image) is None:
        return
    try:
        await call(ctx, "VDI.destroy", image)
    except ApiError as error:
        _log.warning("the suspend image %s could not be destroyed: %s", image, error.description)
