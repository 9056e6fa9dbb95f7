"""The guest's end of a VIF: attaching it, detaching it, and what changes while it is in use.

The one place where networking speaks to the hypervisor.
"""

from __future__ import annotations

from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import Device, DeviceRefusedError, HostDownError, HypervisorError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.networking.links import attach_network


def is_active(reader: Reader, vif: VIF) -> bool:
    """Whether a guest uses the VIF now: attached, and its VM not suspended."""
    vm = reader.find(VM, vif.VM)
    return vif.currently_attached and vm is not None and vm.power_state != "Suspended"


def vif_device(vif: VIF) -> Device:
    """The VIF as the hypervisor knows it, for plugging and for building a domain with it."""
    return Device("vif", key=vif.uuid, position=vif.device, address=vif.MAC)


async def plug_device(services: Services, ref: str) -> None:
    """Give a running guest an interface. Raises HOST_OFFLINE [host] or INTERNAL_ERROR [text]."""
    vif = services.store.get(VIF, ref)
    vm = services.store.get(VM, vif.VM)
    try:
        await services.hypervisor.plug(vm.uuid, vif_device(vif))
    except HypervisorError as error:
        raise _in_api_terms(vif, vm, error) from error


async def unplug_device(services: Services, ref: str, *, force: bool) -> None:
    """Take an interface from a running guest; ``force``: without waiting for it.

    Raises DEVICE_DETACH_REJECTED ["VIF", VIF, text], HOST_OFFLINE [host] or INTERNAL_ERROR [text].
    """
    vif = services.store.get(VIF, ref)
    vm = services.store.get(VM, vif.VM)
    try:
        await services.hypervisor.unplug(vm.uuid, vif.uuid, force=force)
    except HypervisorError as error:
        raise _in_api_terms(vif, vm, error) from error


async def switch_over(services: Services, ref: str) -> None:
    """Connect a VIF in use to the network it now names, or to that network anew, without the guest noticing."""
    vif = services.store.get(VIF, ref)
    vm = services.store.get(VM, vif.VM)
    if vm.resident_on != NULL_REF:
        await attach_network(services, vif.network, vm.resident_on)


def _in_api_terms(vif: VIF, vm: VM, error: HypervisorError) -> ApiError:
    if isinstance(error, DeviceRefusedError):
        return ApiError("DEVICE_DETACH_REJECTED", "VIF", vif.ref, error)
    if isinstance(error, HostDownError):
        return ApiError("HOST_OFFLINE", vm.resident_on)
    return ApiError("INTERNAL_ERROR", f"VIF {vif.ref}: {error}")
