"""USB_group: what joins VMs' USB devices to hosts'."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.vusb import delete_vusb


async def create(ctx: Context, name_label: str, name_description: str, other_config: Mapping[str, str]) -> str:
    """USB_group.create: an empty group."""
    async with ctx.store.transaction() as tx:
        return tx.create(
            USBGroup, name_label=name_label, name_description=name_description, other_config=other_config
        ).ref


async def destroy(ctx: Context, self: str) -> None:
    """USB_group.destroy: its unattached VUSBs go along.

    Raises USB_GROUP_CONTAINS_VUSB [VUSBs] or USB_GROUP_CONTAINS_PUSB [PUSBs].
    """
    async with ctx.store.transaction() as tx:
        group = tx.get(USBGroup, self)
        vusbs = [vusb for vusb in (tx.find(VUSB, ref) for ref in group.VUSBs) if vusb is not None]
        attached = [vusb.ref for vusb in vusbs if vusb.currently_attached]
        if attached:
            raise ApiError("USB_GROUP_CONTAINS_VUSB", *attached)
        if group.PUSBs:
            raise ApiError("USB_GROUP_CONTAINS_PUSB", *group.PUSBs)
        for vusb in vusbs:
            delete_vusb(tx, vusb)
        tx.delete(group)


HANDLERS: Handlers = {"USB_group.create": create, "USB_group.destroy": destroy}
