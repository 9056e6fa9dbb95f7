"""The host a VM is on: what becomes of what it answers, and what its processors are."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor import driver
from xapi_async.objects.reader import Reader


def api_error(reader: Reader, error: Exception, vm: str) -> ApiError:
    """What a client sees of an error that a driver raised about a VM. Parameters naming its uuid get its ref."""
    uuid = reader.get(VM, vm).uuid
    if isinstance(error, ApiError):
        return ApiError(error.code, *(vm if param == uuid else param for param in error.params))
    if isinstance(error, driver.BootError):
        return ApiError("BOOTLOADER_FAILED", vm, str(error))
    if isinstance(error, driver.DomainStateError):
        return ApiError("VM_BAD_POWER_STATE", vm, error.needed, error.found)
    if isinstance(error, driver.NoDomainError):
        return ApiError("VM_BAD_POWER_STATE", vm, "Running", "Halted")
    if isinstance(error, driver.GuestSilentError):
        return ApiError("VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT")
    if isinstance(error, driver.GuestTooSlowError):
        return ApiError("VM_SHUTDOWN_TIMEOUT", vm, error.seconds)
    if isinstance(error, driver.HostDownError):
        return ApiError("CANNOT_CONTACT_HOST", _ref_of(reader, error.host))
    return ApiError("INTERNAL_ERROR", str(error))


def cpu_flags(host: Host, *, hvm: bool) -> Mapping[str, str]:
    """What a guest learns of the processors of a host, as VM.last_boot_CPU_flags keeps it."""
    info = host.cpu_info
    features = info.get("features_hvm" if hvm else "features_pv", info.get("features", ""))
    return {"vendor": info.get("vendor", ""), "features": features}


def _ref_of(reader: Reader, uuid: str) -> str:
    try:
        return reader.by_uuid(Host, uuid).ref
    except ApiError:
        return uuid
