"""The messages of hardware devices."""

from __future__ import annotations

from xapi_async.operations.context import Handlers
from xapi_async.operations.devices import console, gpu_group, pgpu, pusb, usb_group, vgpu, virtual_functions, vtpm, vusb

HANDLERS: Handlers = {
    name: handler
    for module in (pgpu, gpu_group, vgpu, pusb, usb_group, vusb, vtpm, console, virtual_functions)
    for name, handler in module.HANDLERS.items()
}
