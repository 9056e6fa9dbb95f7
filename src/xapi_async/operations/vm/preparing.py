"""What is checked and written between the choice of a host and the building of a domain there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.vm import attachments
from xapi_async.operations.vm.bios import GENERIC
from xapi_async.operations.vm.facts import is_hvm, is_platform_word, platform_flag, will_boot_hvm
from xapi_async.operations.vm.features import require_feature
from xapi_async.operations.vm.hosts import cpu_flags
from xapi_async.operations.vm.memory import is_pinned, require_room_to_build
from xapi_async.operations.vm.sizes import stored_overhead
from xapi_async.operations.vm.states import drop_guest_metrics

USB_DEVICE_MODEL = "qemu-upstream-compat"
VENDOR_DEVICE_PLATFORM = 2
"""The virtual hardware that a VM with the vendor's device needs."""


def freshen(tx: Transaction, ref: str) -> None:
    """Bring up to date what the choice of a host goes by, and fill in the firmware's texts."""
    vm = tx.get(VM, ref)
    overhead = stored_overhead(tx, vm)
    if overhead != vm.memory_overhead:
        tx.set(vm, memory_overhead=overhead)
    if not vm.bios_strings:
        tx.set(vm, bios_strings=GENERIC)


def prepare_start(tx: Transaction, ref: str, host: str, *, force: bool) -> ApiError | None:
    """Get a VM ready to be built on a host; the error that forbids it, if any.

    The steps before an error stay done, as the API has it, so it is given and not raised.
    """
    vm, place = tx.get(VM, ref), tx.get(Host, host)
    return _first_error(
        lambda: protect(tx, vm),
        lambda: _require_usb_model(vm),
        lambda: _require_pinned(vm, force=force),
        lambda: _require_nested_virt(tx, vm),
        lambda: drop_guest_metrics(tx, vm),
        lambda: raise_hardware_platform(tx, vm),
        lambda: tx.set(vm, last_boot_CPU_flags=cpu_flags(place, hvm=will_boot_hvm(vm))),
        lambda: _require_whole_sockets(vm),
        lambda: require_room_to_build(tx.view, tx.view.get(VM, ref), place),
        lambda: attachments.note_attached(tx, vm, hvm=will_boot_hvm(vm)),
    )


def prepare_resume(tx: Transaction, ref: str, host: str) -> ApiError | None:
    """As :func:`prepare_start`, for a suspended VM."""
    vm, place = tx.get(VM, ref), tx.get(Host, host)
    return _first_error(
        lambda: protect(tx, vm),
        lambda: tx.set(vm, last_boot_CPU_flags={**cpu_flags(place, hvm=is_hvm(tx, vm)), **vm.last_boot_CPU_flags}),
        lambda: require_room_to_build(tx.view, tx.view.get(VM, ref), place),
    )


def protect(tx: Transaction, vm: VM) -> None:
    """Have high availability keep a VM running from now on, if that is what it is for."""
    if vm.ha_restart_priority == "restart" and not vm.ha_always_run:
        tx.set(vm, ha_always_run=True)


def raise_hardware_platform(tx: Transaction, vm: VM) -> None:
    """Give a VM with the vendor's device the virtual hardware that takes."""
    if vm.has_vendor_device and vm.hardware_platform_version < VENDOR_DEVICE_PLATFORM:
        tx.set(vm, hardware_platform_version=VENDOR_DEVICE_PLATFORM)


def _first_error(*steps: Callable[[], None]) -> ApiError | None:
    try:
        for step in steps:
            step()
    except ApiError as error:
        return error
    return None


def _require_usb_model(vm: VM) -> None:
    model = vm.platform.get("device-model", "undefined")
    if vm.VUSBs and model != USB_DEVICE_MODEL:
        raise ApiError("INVALID_VALUE", f"platform:device-model must be {USB_DEVICE_MODEL} for USB devices", model)


def _require_pinned(vm: VM, *, force: bool) -> None:
    if not force and platform_flag(vm, "nested-virt") and not is_pinned(vm):
        raise ApiError("MEMORY_CONSTRAINT_VIOLATION", "with nested virtualisation a guest keeps all its memory")


def _require_nested_virt(tx: Transaction, vm: VM) -> None:
    platform: Mapping[str, str] = vm.platform
    stated = platform.get("nested-virt")
    if stated is None:
        return
    if not is_platform_word(stated):
        raise ApiError("INVALID_VALUE", "platform:nested-virt", stated)
    if platform_flag(vm, "nested-virt"):
        require_feature(tx, "Nested_virt")


def _require_whole_sockets(vm: VM) -> None:
    key = "platform:cores-per-socket"
    stated = vm.platform.get("cores-per-socket")
    if stated is None or not will_boot_hvm(vm):
        return
    try:
        cores = int(stated)
    except ValueError:
        raise ApiError("INVALID_VALUE", key, f"{stated} is no number") from None
    if cores < 1 or vm.VCPUs_max % cores:
        raise ApiError("INVALID_VALUE", key, f"{vm.VCPUs_max} processors do not make whole sockets of {cores}")
