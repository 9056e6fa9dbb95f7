"""The messages of hardware devices, and their background work."""

from __future__ import annotations

from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.devices import console, gpu_group, pgpu, pusb, usb_group, vgpu, vtpm, vusb
from xapi_async.operations.orphans import Needs, collector

HANDLERS: Handlers = {
    name: handler
    for module in (pgpu, gpu_group, vgpu, pusb, usb_group, vusb, vtpm, console)
    for name, handler in module.HANDLERS.items()
}

NEEDS: Needs = {
    VGPU: {"VM": VM, "GPU_group": GPUGroup},
    VUSB: {"VM": VM, "USB_group": USBGroup},
    Console: {"VM": VM},
}

BACKGROUND: tuple[Background, ...] = (collector(NEEDS, {}),)
