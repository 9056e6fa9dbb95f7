"""One host with what belongs to it: metrics, processors, devices and its control domain."""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.cpu import cpu_info, create_host_cpus
from xapi_async.inventory.devices import synchronise_pci, synchronise_usb
from xapi_async.inventory.hardware import HostSettings
from xapi_async.inventory.licences import feature_params
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.memory import GIB, MIB, domain_overhead, rounded_up
from xapi_async.inventory.software import API_VENDOR, API_VERSION, bios_strings, capabilities, software_version
from xapi_async.inventory.template_records import IDLE

CONTROL_DOMAIN_PREFIX = "Control domain on host: "

_RESERVE = 16 * MIB
"""Memory of a host that is never given out."""

_DOM0_MEMORY = ((24 * GIB, 752 * MIB), (48 * GIB, 2 * GIB), (64 * GIB, 3 * GIB))
"""Memory of the control domain on hosts with less than so much; 4 GiB on larger ones."""

_CONSOLES = (("rfb", 5900), ("vt100", 9500))


def create_host(maker: Maker, hardware: HostSettings, address: str) -> Host:
    """Create a host that is up, with its records; networks and storage are left to others."""
    metrics = maker.create(HostMetrics, memory_total=hardware.memory, live=True, last_updated=maker.time)
    control_domain = maker.ref()
    # Hosts that are described alike are different machines all the same.
    serial_number = hardware.serial_number or f"{maker.rng.getrandbits(32):08X}"
    host = maker.create(
        Host,
        uuid=hardware.uuid,
        name_label=hardware.name,
        name_description="Default install",
        hostname=hardware.name,
        address=address,
        enabled=True,
        other_config={**boot_times(maker.now), "iscsi_iqn": f"iqn.2018-02.example:{maker.rng.getrandbits(32):08x}"},
        sched_policy="credit",
        supported_bootloaders=("pygrub", "eliloader"),
        suspend_image_sr=NULL_REF,
        crash_dump_sr=NULL_REF,
        metrics=metrics.ref,
        edition=hardware.edition,
        license_params=license_params(hardware),
        bios_strings=bios_strings(hardware, serial_number),
        control_domain=control_domain,
        virtual_hardware_platform_versions=(0, 1, 2),
        **hardware_fields(hardware),
    )
    create_host_cpus(maker, host)
    _create_control_domain(maker, host, hardware, control_domain)
    synchronise_pci(maker, host, hardware)
    synchronise_usb(maker, host, hardware)
    return host


def boot_times(now: float) -> dict[str, str]:
    """When host and agent started, as host.other_config has it."""
    return {"agent_start_time": f"{int(now)}.", "boot_time": f"{int(now)}."}


def hardware_fields(hardware: HostSettings) -> dict[str, Any]:
    """The fields of a host that follow from its hardware and software alone."""
    return {
        "API_version_major": API_VERSION[0],
        "API_version_minor": API_VERSION[1],
        "API_version_vendor": API_VENDOR,
        "software_version": software_version(hardware.network_backend, hardware.edition),
        "capabilities": capabilities(hvm=hardware.hvm),
        "cpu_info": cpu_info(hardware.cpu),
        "chipset_info": {"iommu": "true" if hardware.iommu else "false"},
        **boot_memory(hardware.memory),
    }


def boot_memory(total: int) -> dict[str, int]:
    """host.boot_free_mem and memory_overhead: the hypervisor keeps some memory for itself, more on larger hosts."""
    kept = rounded_up(total // 128, MIB) + 128 * MIB
    return {"boot_free_mem": total - kept, "memory_overhead": kept + _RESERVE}


def license_params(hardware: HostSettings) -> dict[str, str]:
    """host.license_params of an edition that never expires."""
    params = {"sku_type": hardware.edition, "version": "7.4.0", "sockets": str(hardware.cpu.sockets)}
    return params | feature_params(hardware.edition)


def control_domain_memory(hardware: HostSettings) -> int:
    """Memory of the control domain, in bytes."""
    if hardware.dom0_memory:
        return hardware.dom0_memory
    return next((memory for limit, memory in _DOM0_MEMORY if hardware.memory < limit), 4 * GIB)


def control_domain_fields(hardware: HostSettings) -> dict[str, Any]:
    """The memory fields of the control domain that are refreshed whenever the agent starts."""
    memory = control_domain_memory(hardware)
    return {
        "memory_static_max": memory,
        "memory_dynamic_min": memory,
        "memory_dynamic_max": memory,
        "memory_target": memory,
        "memory_overhead": domain_overhead(memory, hardware.cpu.count, 1.0, hvm=False),
    }


def _create_control_domain(maker: Maker, host: Host, hardware: HostSettings, ref: str) -> None:
    memory = control_domain_fields(hardware)
    size = memory["memory_target"]
    maker.create(
        VM,
        ref=ref,
        name_label=CONTROL_DOMAIN_PREFIX + host.hostname,
        name_description="The domain that manages the host's devices and all its other domains",
        is_control_domain=True,
        power_state="Running",
        domid=0,
        domarch="x64",
        resident_on=host.ref,
        affinity=host.ref,
        suspend_VDI=NULL_REF,
        guest_metrics=NULL_REF,
        metrics=maker.create(VMMetrics, memory_actual=size, VCPUs_utilisation=IDLE).ref,
        VCPUs_max=hardware.cpu.count,
        VCPUs_at_startup=hardware.cpu.count,
        memory_static_min=size,
        actions_after_shutdown="destroy",
        actions_after_reboot="destroy",
        actions_after_crash="destroy",
        user_version=1,
        generation_id="",
        **memory,
    )
    # On its creation the address of a control domain's console names the domain, not the console.
    location = f"https://{host.address}/console?ref={ref}"
    for protocol, port in _CONSOLES:
        maker.create(Console, protocol=protocol, port=port, location=location, VM=ref)
