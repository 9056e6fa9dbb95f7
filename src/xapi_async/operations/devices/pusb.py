"""PUSB: the USB devices of hosts, and whether VMs may have them."""

from __future__ import annotations

import logging

from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.vusb import delete_vusb
from xapi_async.operations.hosts.reaching import reach

log = logging.getLogger(__name__)

USB_STORAGE = "udev"
"""The type of storage repositories that show USB disks to the host itself."""


async def scan(ctx: Context, host: str) -> None:
    """PUSB.scan: what a host has plugged in was recorded when it started, and nothing is plugged in or out since."""
    reach(ctx, host)


async def set_passthrough_enabled(ctx: Context, self: str, value: bool) -> None:
    """PUSB.set_passthrough_enabled: a disk is either the host's or a VM's.

    Raises PUSB_VDI_CONFLICT [PUSB, VDI], INTERNAL_ERROR [text] or USB_ALREADY_ATTACHED [PUSB, VM].
    """
    await (_give_to_vms(ctx, self) if value else _give_to_host(ctx, self))


async def _give_to_vms(ctx: Context, ref: str) -> None:
    path = ctx.store.get(PUSB, ref).path
    for sr in _usb_storage(ctx.store):
        for vdi in [ctx.store.find(VDI, vdi) for vdi in sr.VDIs]:
            if vdi is None or vdi.sm_config.get("usb_path") != path:
                continue
            if vdi.VBDs:
                raise ApiError("PUSB_VDI_CONFLICT", ref, vdi.ref)
            await call(ctx, "VDI.forget", vdi.ref)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(PUSB, ref), passthrough_enabled=True)


async def _give_to_host(ctx: Context, ref: str) -> None:
    async with ctx.store.transaction() as tx:
        pusb = tx.get(PUSB, ref)
        group = tx.find(USBGroup, pusb.USB_group)
        vusbs = [vusb for vusb in (tx.find(VUSB, v) for v in (group.VUSBs if group else ())) if vusb is not None]
        if len(vusbs) > 1:
            raise ApiError("INTERNAL_ERROR", f"group {pusb.USB_group} has more than one VUSB")
        for vusb in vusbs:
            if vusb.currently_attached:
                raise ApiError("USB_ALREADY_ATTACHED", ref, vusb.VM)
            delete_vusb(tx, vusb)
        tx.set(pusb, passthrough_enabled=False)
    for sr in _usb_storage(ctx.store):
        try:
            await call(ctx, "SR.scan", sr.ref)
        except ApiError as error:
            log.info("SR %s was not scanned for USB disks: %s", sr.uuid, error)


def _usb_storage(reader: Reader) -> list[SR]:
    return [sr for sr in reader.all(SR) if sr.type == USB_STORAGE]


HANDLERS: Handlers = {"PUSB.scan": scan, "PUSB.set_passthrough_enabled": set_passthrough_enabled}
