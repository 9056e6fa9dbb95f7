"""Whether a VM could boot on a host now: the checks in the order of the API, and the error each gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.devices.placement import assert_host_has_gpus, assert_host_has_usbs
from xapi_async.operations.host_memory import free_memory
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.networking.visibility import assert_can_see
from xapi_async.operations.vm.facts import vbds_of, will_boot_hvm
from xapi_async.operations.vm.sizes import needed_to_start

COREDUMPS = ("coredump_and_destroy", "coredump_and_restart")


class Boot(NamedTuple):
    """A VM and the host it might boot on."""

    reader: Reader
    vm: VM
    host: Host


def boot_error(boot: Boot, *, with_memory: bool = True, with_storage: bool = True) -> ApiError | None:
    """Why the VM cannot boot there; None where it can. Memory and storage may be left out."""
    for check in CHECKS:
        if (check is _memory and not with_memory) or (check is _storage and not with_storage):
            continue
        error = check(boot)
        if error is not None:
            return error
    return None


def required_srs(reader: Reader, vm: VM) -> list[str]:
    """The storage a VM needs, each once, in order of its block devices."""
    refs = [vbd.VDI for vbd in vbds_of(reader, vm) if not vbd.empty]
    if vm.power_state == "Suspended" and vm.suspend_VDI != NULL_REF:
        refs.append(vm.suspend_VDI)
    vdis = (reader.find(VDI, ref) for ref in refs)
    return list(dict.fromkeys(vdi.SR for vdi in vdis if vdi is not None))


def sees_sr(reader: Reader, host: str, ref: str) -> bool:
    """Whether a host has the storage plugged in."""
    sr, place = reader.find(SR, ref), reader.find(Host, host)
    if sr is None or place is None:
        return False
    # A host has few of them, a shared SR one of each host.
    pbds = (reader.find(PBD, pbd) for pbd in place.PBDs)
    return any(pbd is not None and ref == pbd.SR and pbd.currently_attached for pbd in pbds)


def _settings(boot: Boot) -> ApiError | None:
    vm = boot.vm
    if vm.VCPUs_max < 1:
        return ApiError("INVALID_VALUE", "VCPUs_max", vm.VCPUs_max)
    if vm.VCPUs_at_startup < 1:
        return ApiError("INVALID_VALUE", "VCPUs-at-startup", vm.VCPUs_at_startup)
    if vm.VCPUs_at_startup > vm.VCPUs_max:
        text = "there cannot be more at startup than the maximum"
        return ApiError("VALUE_NOT_SUPPORTED", "VCPUs-at-startup", vm.VCPUs_at_startup, text)
    if vm.memory_static_max < vm.memory_static_min or vm.memory_dynamic_max < vm.memory_dynamic_min:
        return ApiError("MEMORY_CONSTRAINT_VIOLATION")
    if vm.HVM_shadow_multiplier < 1.0:
        return ApiError("INVALID_VALUE", "HVM_shadow_multiplier", vm.HVM_shadow_multiplier)
    return None


def _crash_action(boot: Boot) -> ApiError | None:
    action = boot.vm.actions_after_crash
    if action == "rename_restart":
        return ApiError("VALUE_NOT_SUPPORTED", "VM.actions_after_crash", action, "domains are not renamed")
    if action in COREDUMPS and will_boot_hvm(boot.vm):
        text = "only paravirtual guests can be dumped"
        return ApiError("VALUE_NOT_SUPPORTED", "VM.actions_after_crash", action, text)
    return None


def _live(boot: Boot) -> ApiError | None:
    return None if is_host_live(boot.reader, boot.host) else ApiError("HOST_NOT_LIVE")


def _control_domain(boot: Boot) -> ApiError | None:
    if not boot.vm.is_control_domain or boot.vm.affinity in (NULL_REF, boot.host.ref):
        return None
    return ApiError("OPERATION_NOT_ALLOWED", "a control domain runs only on the host it is for")


def _enabled(boot: Boot) -> ApiError | None:
    return None if boot.host.enabled or boot.vm.is_control_domain else ApiError("HOST_DISABLED", boot.host.ref)


def _hardware_platform(boot: Boot) -> ApiError | None:
    vm, offered = boot.vm, boot.host.virtual_hardware_platform_versions
    if vm.hardware_platform_version in offered:
        return None
    shown = "[" + "; ".join(map(str, offered)) + "]"
    return ApiError(
        "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION",
        boot.host.ref,
        shown,
        vm.ref,
        vm.hardware_platform_version,
    )


def _storage(boot: Boot) -> ApiError | None:
    for sr in required_srs(boot.reader, boot.vm):
        if not sees_sr(boot.reader, boot.host.ref, sr):
            return ApiError("VM_REQUIRES_SR", boot.vm.ref, sr)
    return None


def _devices(boot: Boot) -> ApiError | None:
    vm, host = boot.vm.ref, boot.host.ref
    try:
        assert_can_see(boot.reader, vm, host)
        assert_host_has_gpus(boot.reader, vm, host)
        assert_host_has_usbs(boot.reader, vm, host)
    except ApiError as error:
        return error
    return None


def _hvm(boot: Boot) -> ApiError | None:
    if not will_boot_hvm(boot.vm) or any("hvm" in capability for capability in boot.host.capabilities):
        return None
    return ApiError("VM_HVM_REQUIRED", boot.vm.ref)


def _memory(boot: Boot) -> ApiError | None:
    needed = needed_to_start(boot.vm)
    free = free_memory(boot.reader, boot.host, starting=boot.vm)
    return None if free >= needed else ApiError("HOST_NOT_ENOUGH_FREE_MEMORY", needed, free)


CHECKS: tuple[Callable[[Boot], ApiError | None], ...] = (
    _settings,
    _crash_action,
    _live,
    _control_domain,
    _enabled,
    _hardware_platform,
    _storage,
    _devices,
    _hvm,
    _memory,
)
"""Every check, in the order in which they are tried."""
