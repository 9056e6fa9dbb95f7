"""host: the ways by which hosts have disks attached, and ending one that was left behind."""

from __future__ import annotations

import re

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.storage.attaching import is_held
from xapi_async.operations.storage.facts import live, vbds_of_vdi
from xapi_async.operations.storage.plugging import note_inactive
from xapi_async.operations.storage.sites import failures

_PATH = re.compile(r"vbd/([0-9]+)/(\w+)")


async def sm_dp_destroy(ctx: Context, host: str, dp: str, allow_leak: bool) -> None:
    """host.sm_dp_destroy: end a data path that a plug which failed half-way left behind.

    dp: ``vbd/DOMAIN/DEVICE``, by the number of a domain on the host and a device of it. One that does not exist is no
    error. allow_leak: nor is a backend that fails. Raises HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host],
    VDI_IN_USE [VDI, "sm_dp_destroy"] while a guest there uses the disk, or what the backend does.
    """
    place = require_reachable(ctx.services, host)
    device = _device(ctx.store, place, dp)
    disk = ctx.store.find(VDI, device.VDI) if device is not None else None
    sr = ctx.store.find(SR, disk.SR) if disk is not None else None
    if device is None or disk is None or sr is None:
        return
    if is_held(disk, host) or any(_is_used(ctx.store, vbd, host) for vbd in vbds_of_vdi(ctx.store, disk)):
        raise ApiError("VDI_IN_USE", disk.ref, "sm_dp_destroy")
    driver = ctx.services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
    try:
        with failures(sr.ref, disk.ref):
            await driver.unplug(place.uuid, sr.uuid, disk.location)
    except ApiError:
        if not allow_leak:
            raise
    async with ctx.store.transaction() as tx:
        found = tx.find(VDI, disk.ref)
        if found is not None:
            note_inactive(tx, found, host)


def _device(reader: Reader, host: Host, dp: str) -> VBD | None:
    """The block device of a data path."""
    match = _PATH.fullmatch(dp)
    if match is None:
        return None
    domain, name = int(match[1]), match[2]
    for vm in live(reader, VM, host.resident_VMs):
        if vm.domid == domain:
            return next((vbd for vbd in live(reader, VBD, vm.VBDs) if name in (vbd.device, vbd.userdevice)), None)
    return None


def _is_used(reader: Reader, vbd: VBD, host: str) -> bool:
    """Whether a guest on a host uses the disk through a device, or is about to."""
    vm = reader.find(VM, vbd.VM)
    on_host = vm is not None and host in (vm.resident_on, vm.scheduled_to_be_resident_on)
    return on_host and (vbd.currently_attached or vbd.reserved or bool(vbd.current_operations))


HANDLERS: Handlers = {"host.sm_dp_destroy": sm_dp_destroy}
