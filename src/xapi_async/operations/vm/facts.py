"""Plain facts about a VM that several rules and messages ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.objects.reader import Reader

LIVE_STATES = frozenset({"Running", "Paused"})
"""Power states in which a VM has a domain."""

_PLATFORM_WORDS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}


def is_live(vm: VM) -> bool:
    """Whether the VM has a domain."""
    return vm.power_state in LIVE_STATES


def will_boot_hvm(vm: VM) -> bool:
    """Whether its next start uses full hardware virtualisation."""
    return vm.HVM_boot_policy != ""


def is_hvm(reader: Reader, vm: VM) -> bool:
    """Whether it uses full hardware virtualisation: as it was started, or as it will be when halted."""
    if vm.power_state == "Halted":
        return will_boot_hvm(vm)
    metrics = reader.find(VMMetrics, vm.metrics)
    return metrics is not None and metrics.hvm


def says_true(values: Mapping[str, str], key: str) -> bool:
    """Whether a key of other_config or sm_config means true."""
    return values.get(key, "").lower() in ("1", "true")


def platform_flag(vm: VM, key: str, default: bool = False) -> bool:
    """A flag of the platform map; anything that is no flag counts as the default."""
    return _PLATFORM_WORDS.get(vm.platform.get(key, "").lower(), default)


def is_platform_word(text: str) -> bool:
    """Whether a text is one that :func:`platform_flag` understands."""
    return text.lower() in _PLATFORM_WORDS


def uses_nested_virt(reader: Reader, vm: VM) -> bool:
    """Whether the guest may run virtual machines of its own."""
    metrics = reader.find(VMMetrics, vm.metrics)
    return metrics.nested_virt if metrics else platform_flag(vm, "nested-virt")


def is_immobile(reader: Reader, vm: VM) -> bool:
    """Whether the VM can neither be moved nor suspended."""
    metrics = reader.find(VMMetrics, vm.metrics)
    if metrics is not None:
        return metrics.nomigrate or metrics.nested_virt
    return platform_flag(vm, "nomigrate") or platform_flag(vm, "nested-virt")


def is_default_template(vm: VM) -> bool:
    """Whether it is a template that came with the product."""
    return vm.is_default_template or says_true(vm.other_config, "default_template")


def is_host_control_domain(reader: Reader, vm: VM) -> bool:
    """Whether it is the very domain that manages the host it is on."""
    host = reader.find(Host, vm.resident_on)
    return host is not None and host.control_domain == vm.ref


def has_pv_drivers(guest: VMGuestMetrics | None) -> bool:
    """Whether the guest reported drivers with a proper version."""
    if guest is None:
        return False
    version = guest.PV_drivers_version
    required = all(_is_integer(version.get(part, "")) for part in ("major", "minor"))
    return required and all(_is_integer(version.get(part, "0")) for part in ("micro", "build"))


def guest_metrics(reader: Reader, vm: VM) -> VMGuestMetrics | None:
    """What the guest reported, if anything."""
    return reader.find(VMGuestMetrics, vm.guest_metrics)


def vbds_of(reader: Reader, vm: VM) -> Iterator[VBD]:
    """Its block devices."""
    return (vbd for vbd in (reader.find(VBD, ref) for ref in vm.VBDs) if vbd is not None)


def vdis_of(reader: Reader, vm: VM) -> Iterator[VDI]:
    """The disks and CDs in its block devices."""
    return (vdi for vdi in (reader.find(VDI, vbd.VDI) for vbd in vbds_of(reader, vm)) if vdi is not None)


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True
