"""The built-in templates."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import pytest

from tests.inventory.conftest import Build
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.templates import BASES, TEMPLATES

GIB = 1 << 30
MIB = 1 << 20


@pytest.fixture
async def templates(build: Build) -> Mapping[str, VM]:
    return {vm.reference_label: vm for vm in (await build()).all(VM) if vm.is_a_template}


def test_data_is_whole() -> None:
    assert len(TEMPLATES) == 79
    for unique in ("name", "label", "uuid"):
        assert len({getattr(template, unique) for template in TEMPLATES}) == 79
    assert {template.base for template in TEMPLATES} == set(BASES)


async def test_common_fields(templates: Mapping[str, VM]) -> None:
    assert len(templates) == 79
    for vm in templates.values():
        assert vm.is_default_template
        assert (vm.power_state, vm.domid, vm.user_version, vm.version) == ("Halted", -1, 1, 1)
        actions = (vm.actions_after_shutdown, vm.actions_after_reboot, vm.actions_after_crash)
        assert actions == ("destroy", "restart", "restart")
        assert vm.VCPUs_max == vm.VCPUs_at_startup
        assert (vm.VBDs, vm.VIFs, vm.consoles) == ((), (), ())
        assert vm.resident_on == vm.affinity == vm.guest_metrics == NULL_REF
        assert (vm.hardware_platform_version, vm.has_vendor_device) == (0, False)
        assert vm.memory_static_max == vm.memory_dynamic_min == vm.memory_dynamic_max == 2 * vm.memory_static_min
        assert vm.other_config["default_template"] == "true"
        assert vm.other_config["mac_seed"]
        assert "import_task" in vm.other_config
        assert {"nx", "acpi", "apic", "pae", "hpet", "viridian"} <= vm.platform.keys()
        assert bool(vm.HVM_boot_policy) != bool(vm.PV_bootloader)
    assert len({vm.other_config["mac_seed"] for vm in templates.values()}) == 79


async def test_a_linux_template_that_boots_by_its_bios(templates: Mapping[str, VM]) -> None:
    vm = templates["centos-7"]
    assert (vm.uuid, vm.name_label) == ("11fd3dc9-96cc-49af-b091-a2ca7e94c589", "CentOS 7")
    assert (vm.HVM_boot_policy, vm.HVM_boot_params) == ("BIOS order", {"order": "cdn"})
    assert vm.memory_static_min == 2 * GIB
    assert vm.platform == {
        "nx": "true", "acpi": "1", "apic": "true", "pae": "true", "hpet": "true", "vga": "std", "videoram": "8",
        "viridian": "false", "device_id": "0001", "device-model": "qemu-trad",
    }  # fmt: skip
    assert vm.other_config["install-methods"] == "cdrom,nfs,http,ftp"
    assert vm.other_config["disks"] == (
        '<provision><disk bootable="true" device="0" size="10737418240" sr="" type="system"/></provision>'
    )
    assert vm.recommendations == (
        "<restrictions>"
        '<restriction field="memory-static-max" max="1649267441664"/>'
        '<restriction field="vcpus-max" max="32"/>'
        '<restriction field="has-vendor-device" value="false"/>'
        '<restriction field="allow-gpu-passthrough" value="1"/>'
        '<restriction field="allow-vgpu" value="1"/>'
        '<restriction property="number-of-vbds" max="255"/>'
        '<restriction property="number-of-vifs" max="7"/>'
        "</restrictions>"
    )
    assert vm.generation_id == ""


async def test_a_windows_template(templates: Mapping[str, VM]) -> None:
    vm = templates["windows-10-64bit"]
    assert (vm.VCPUs_max, vm.generation_id) == (2, "0:0")
    assert vm.HVM_boot_params == {"order": "dc"}
    assert vm.platform["acpi_laptop_slate"] == "1"
    assert vm.platform["cores-per-socket"] == "2"
    assert 'bootable="false"' in vm.other_config["disks"]
    assert 'field="has-vendor-device" value="true"' in vm.recommendations
    assert templates["windows-7-64bit"].generation_id == ""
    assert templates["xenapp-windows-server-2008-32bit"].HVM_shadow_multiplier == 4.0
    assert templates["xenapp-windows-server-2008-32bit"].other_config["application_template"] == "1"


@pytest.mark.parametrize(
    ("label", "args", "keys"),
    [
        ("debian-7-64bit", "-- quiet console=hvc0", {"install-distro": "debianlike", "debian-release": "wheezy"}),
        ("rhel-5-32bit", "graphical utf8", {"install-distro": "rhlike", "rhel5": "true"}),
        ("kylin-server-6-64bit", "graphical utf8", {"rhel6": "true", "install-arch": "amd64"}),
        ("kylin-server-5-64bit", "graphical utf8 tpm_tis.force=0", {"rhel6": "true"}),
        ("sles-11-32bit", "console=ttyS0 xencons=ttyS", {"install-distro": "sleslike", "install-arch": "i386"}),
        ("sles-12-64bit", "console=xvc0 xencons=xvc", {"install-arch": "x86_64"}),
        ("ubuntu-10.04-64bit", "-- quiet console=hvc0", {"debian-release": "lucid", "install-methods": "http,ftp"}),
    ],
)
async def test_templates_whose_kernel_the_bootloader_fetches(
    templates: Mapping[str, VM], label: str, args: str, keys: dict[str, str]
) -> None:
    vm = templates[label]
    assert (vm.PV_bootloader, vm.PV_args, vm.HVM_boot_policy) == ("eliloader", args, "")
    assert keys.items() <= vm.other_config.items()


async def test_other_install_media(templates: Mapping[str, VM]) -> None:
    vm = templates["other-install-media"]
    assert "disks" not in vm.other_config
    assert vm.platform == {
        "nx": "true", "acpi": "1", "apic": "true", "pae": "true", "hpet": "true", "viridian": "true",
    }  # fmt: skip


async def test_limits(templates: Mapping[str, VM]) -> None:
    def vcpus(label: str) -> str:
        root = ElementTree.fromstring(templates[label].recommendations)
        return next(r.attrib["max"] for r in root if r.attrib.get("field") == "vcpus-max")

    assert vcpus("linx-6-64bit") == "6"
    assert vcpus("ubuntu-10.04-32bit") == "8"
    assert vcpus("debian-9") == "32"
    assert templates["debian-9"].memory_static_min == 128 * MIB


async def test_overhead_follows_from_the_kind_of_boot(build: Build) -> None:
    store = await build()
    by_label = {vm.reference_label: vm for vm in store.all(VM)}
    assert by_label["debian-7-32bit"].memory_overhead == 4 * MIB  # 256 MiB, PV
    assert by_label["ubuntu-14.04"].memory_overhead == 11 * MIB  # 1 GiB, HVM
    assert store.get(VMMetrics, by_label["debian-9"].metrics).VCPUs_utilisation == {0: 0.0}
