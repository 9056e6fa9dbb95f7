"""The guest's end of a VIF: attaching it, detaching it, and what changes while it is in use.

The one place where networking speaks to the hypervisor.
"""

from __future__ import annotations

from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Services
from xapi_async.operations.networking.links import attach_network


def is_active(reader: Reader, vif: VIF) -> bool:
    """Whether a guest uses the VIF now: attached, and its VM not suspended."""
    vm = reader.find(VM, vif.VM)
    return vif.currently_attached and vm is not None and vm.power_state != "Suspended"


async def switch_over(services: Services, ref: str) -> None:
    """Connect a VIF in use to the network it now names, or to that network anew, without the guest noticing."""
    vif = services.store.get(VIF, ref)
    vm = services.store.get(VM, vif.VM)
    if vm.resident_on != NULL_REF:
        await attach_network(services, vif.network, vm.resident_on)


async def plug_device(ctx: Context, ref: str) -> None:
    """Give a running guest an interface."""


async def unplug_device(ctx: Context, ref: str, *, force: bool) -> None:
    """Take an interface from a running guest; ``force``: without waiting for it."""
