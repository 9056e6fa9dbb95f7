"""From a VM's record to what its domain is made from."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.hypervisor.driver import Device, Domain, DomainConfig
from xapi_async.hypervisor.guests import GUEST_KEY
from xapi_async.objects.entity import EMPTY_MAP
from xapi_async.objects.reader import Reader
from xapi_async.operations.networking.switching import vif_device
from xapi_async.operations.storage.plugging import vbd_device
from xapi_async.operations.vm.facts import platform_flag, vbds_of, will_boot_hvm

SYSTEM_KEYS = ("base_template_name", "install-distro")
"""Keys of other_config that tell of the operating system, where reference_label does not."""


def config_of(reader: Reader, vm: VM, host: Host) -> DomainConfig:
    """What the VM's domain on a host is made from."""
    hvm = will_boot_hvm(vm)
    kind = vm.other_config.get(GUEST_KEY, "")
    return DomainConfig(
        vm=vm.uuid,
        host=host.uuid,
        name=vm.name_label,
        is_hvm=hvm,
        vcpus=vm.VCPUs_at_startup,
        # What is accounted for is what the guest surely gets.
        memory=vm.memory_dynamic_min,
        memory_max=vm.memory_static_max,
        shadow_multiplier=vm.HVM_shadow_multiplier,
        nested_virt=platform_flag(vm, "nested-virt"),
        nomigrate=platform_flag(vm, "nomigrate"),
        has_serial_port=not hvm or vm.platform.get("hvm_serial", "") != "none",
        has_display=hvm or "disable_pv_vnc" not in vm.other_config,
        system=vm.reference_label or next((vm.other_config[key] for key in SYSTEM_KEYS if key in vm.other_config), ""),
        devices=tuple(devices_of(reader, vm)),
        hints={GUEST_KEY: kind} if kind else EMPTY_MAP,
    )


def devices_of(reader: Reader, vm: VM) -> list[Device]:
    """The devices that a VM's domain has from its start."""
    disks = [vbd_device(vbd) for vbd in vbds_of(reader, vm) if vbd.currently_attached]
    vifs = (reader.find(VIF, ref) for ref in vm.VIFs)
    return [*disks, *(vif_device(vif) for vif in vifs if vif is not None and vif.currently_attached)]


def domain_on_record(reader: Reader, vm: VM, host: Host, started: float) -> Domain:
    """The domain that a running VM's record tells of."""
    return Domain(config_of(reader, vm, host), vm.domid, is_paused=vm.power_state == "Paused", started=started)
