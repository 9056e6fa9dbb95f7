"""What a client finds on a freshly installed host."""

from __future__ import annotations

import hashlib

import pytest

from tests.inventory.conftest import Build
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_cpu import HostCpu
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.user import User
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF, Enum, Map, Set
from xapi_async.inventory.cpu import common_features, pool_cpu_info
from xapi_async.inventory.describe import describe
from xapi_async.inventory.hardware import GpuSettings, HostSettings, UsbSettings, VgpuTypeSettings
from xapi_async.inventory.licences import FEATURES, is_on
from xapi_async.objects.store import Store

GIB = 1 << 30


def only(store: Store, cls: type) -> object:
    (found,) = store.all(cls)
    return found


async def test_counts(build: Build) -> None:
    counts = describe(await build())
    assert counts == {
        "pool": 1, "host": 1, "host_metrics": 1, "host_cpu": 16, "VM": 80, "VM_metrics": 80, "console": 2, "user": 1,
        "SR": 4, "PBD": 4, "VDI": 2, "SM": 14, "network": 3, "PIF": 2, "PIF_metrics": 2, "PCI": 4, "PGPU": 1,
        "GPU_group": 1, "templates": 79, "control_domains": 1,
    }  # fmt: skip


async def test_pool(build: Build) -> None:
    store = await build()
    pool, host = only(store, Pool), only(store, Host)
    assert (pool.name_label, pool.name_description, pool.master) == ("", "", host.ref)
    assert store.get(SR, pool.default_SR).name_label == "Local storage"
    assert pool.suspend_image_SR == pool.crash_dump_SR == pool.redo_log_vdi == pool.wlb_password == NULL_REF
    assert pool.other_config == {"memory-ratio-hvm": "0.25", "memory-ratio-pv": "0.25"}
    assert pool.ha_cluster_stack == "xhad"
    assert set(pool.restrictions) == set(FEATURES.values())
    assert pool.cpu_info.keys() == {"vendor", "cpu_count", "socket_count", "features_pv", "features_hvm"}
    assert pool.cpu_info["cpu_count"] == "16"
    assert (pool.ha_enabled, pool.wlb_enabled, pool.igmp_snooping_enabled) == (False, False, False)


async def test_host(build: Build) -> None:
    store = await build()
    host = only(store, Host)
    assert (host.name_label, host.hostname) == ("xenserver-1", "xenserver-1")
    assert (host.name_description, host.address, host.enabled) == ("Default install", "10.0.0.2", True)
    assert (host.API_version_major, host.API_version_minor, host.API_version_vendor) == (2, 9, "XenSource")
    assert host.other_config["agent_start_time"] == host.other_config["boot_time"] == "1519722312."
    assert host.capabilities[-1] == ""
    assert "hvm-3.0-x86_64" in host.capabilities
    assert host.supported_bootloaders == ("pygrub", "eliloader")
    assert host.sched_policy == "credit"
    assert host.virtual_hardware_platform_versions == (0, 1, 2)
    assert host.license_server == {"address": "localhost", "port": "27000"}
    assert host.edition == "free/libre"
    assert host.suspend_image_sr == host.crash_dump_sr == only(store, Pool).default_SR
    assert host.local_cache_sr == NULL_REF
    assert host.chipset_info == {"iommu": "true"}
    assert list(host.bios_strings) == [
        "bios-vendor", "bios-version", "system-manufacturer", "system-product-name", "system-version",
        "system-serial-number", "oem-1", "oem-2", "oem-3", "hp-rombios",
    ]  # fmt: skip
    metrics = store.get(HostMetrics, host.metrics)
    assert (metrics.memory_total, metrics.live) == (256 * GIB, True)
    assert host.resident_VMs == (host.control_domain,)
    assert host.allowed_operations == ()  # the operations modules fill them in


async def test_software_version(build: Build) -> None:
    version = only(await build(), Host).software_version
    assert version["product_brand"] == "XenServer"
    assert version["product_version"] == "7.4.0"
    assert version["network_backend"] == "openvswitch"
    assert (version["xencenter_min"], version["xencenter_max"]) == ("2.9", "2.9")
    assert "dbv" not in version
    assert all(version.values())


async def test_free_edition_lacks_features_and_free_libre_none(build: Build) -> None:
    libre, free = await build(), await build(host=HostSettings(edition="free"))
    assert all(is_on(feature, only(libre, Pool).restrictions) for feature in FEATURES)
    assert not is_on("HA", only(free, Pool).restrictions)
    assert is_on("Xen_motion", only(free, Pool).restrictions)
    assert "dbv" in only(free, Host).software_version


async def test_processors(build: Build) -> None:
    store = await build()
    cpus = sorted(store.all(HostCpu), key=lambda cpu: cpu.number)
    assert [cpu.number for cpu in cpus] == list(range(16))
    assert {(cpu.vendor, cpu.speed, cpu.family, cpu.model, cpu.features) for cpu in cpus} == {
        ("GenuineIntel", 2199, 6, 79, "")
    }


def test_pool_has_the_features_that_all_hosts_have() -> None:
    assert common_features(["ff-0f", "f0-ff-01"]) == "000000f0-0000000f-00000000"
    assert common_features([]) == ""
    one = {"vendor": "AuthenticAMD", "cpu_count": "4", "socket_count": "1", "features_pv": "3", "features_hvm": "1"}
    both = pool_cpu_info([one, {"vendor": "x"}, {**one, "features_pv": "6"}])
    assert both == {
        "vendor": "AuthenticAMD", "cpu_count": "8", "socket_count": "2", "features_pv": "00000002",
        "features_hvm": "00000001",
    }  # fmt: skip
    assert pool_cpu_info([])["features_pv"] == ""


async def test_control_domain(build: Build) -> None:
    store = await build()
    host = only(store, Host)
    dom0 = store.get(VM, host.control_domain)
    assert dom0.is_control_domain
    assert dom0.name_label == "Control domain on host: xenserver-1"
    assert (dom0.power_state, dom0.domid, dom0.domarch) == ("Running", 0, "x64")
    assert dom0.resident_on == dom0.affinity == host.ref
    assert dom0.VCPUs_max == dom0.VCPUs_at_startup == 16
    limits = {dom0.memory_static_min, dom0.memory_static_max, dom0.memory_dynamic_min, dom0.memory_dynamic_max}
    assert limits == {dom0.memory_target} == {4 * GIB}
    assert {dom0.actions_after_shutdown, dom0.actions_after_reboot, dom0.actions_after_crash} == {"destroy"}
    assert (dom0.user_version, dom0.version, dom0.generation_id, dom0.platform) == (1, 0, "", {})
    assert store.get(VMMetrics, dom0.metrics).VCPUs_number == 0
    consoles = [store.get(Console, ref) for ref in dom0.consoles]
    assert {(console.protocol, console.port) for console in consoles} == {("rfb", 5900), ("vt100", 9500)}
    assert {console.location for console in consoles} == {f"https://10.0.0.2/console?ref={dom0.ref}"}


async def test_user(build: Build) -> None:
    user = only(await build(), User)
    assert (user.short_name, user.fullname) == ("root", "superuser")


async def test_local_storage(build: Build) -> None:
    store = await build()
    by_name = {sr.name_label: sr for sr in store.all(SR)}
    assert {(name, sr.type, sr.content_type, sr.shared) for name, sr in by_name.items()} == {
        ("Local storage", "lvm", "user", False),
        ("Removable storage", "udev", "disk", False),
        ("DVD drives", "udev", "iso", False),
        ("XenServer Tools", "iso", "iso", True),
    }
    assert by_name["Local storage"].other_config == {
        "i18n-key": "local-storage",
        "i18n-original-value-name_label": "Local storage",
    }
    assert by_name["DVD drives"].sm_config == {"type": "cd"}
    configs = {name: store.get(PBD, sr.PBDs[0]).device_config for name, sr in by_name.items()}
    assert configs["DVD drives"] == {"location": "/dev/xapi/cd"}
    assert configs["Removable storage"] == {"location": "/dev/xapi/block"}
    assert configs["Local storage"] == {"device": "/dev/sda3"}
    assert configs["XenServer Tools"]["legacy_mode"] == "true"
    assert all(pbd.currently_attached for pbd in store.all(PBD))


async def test_thin_local_storage_is_the_cache(build: Build) -> None:
    store = await build(host=HostSettings(local_storage="ext"))
    host = only(store, Host)
    cache = store.get(SR, host.local_cache_sr)
    assert (cache.type, cache.local_cache_enabled) == ("ext", True)


async def test_without_local_storage(build: Build) -> None:
    store = await build(host=HostSettings(local_storage="none"))
    assert only(store, Pool).default_SR == only(store, Host).suspend_image_sr == NULL_REF


async def test_tools(build: Build) -> None:
    store = await build()
    (tools,) = (sr for sr in store.all(SR) if sr.is_tools_sr)
    assert tools.other_config["xenserver_tools_sr"] == tools.other_config["xensource_internal"] == "true"
    iso = store.get(VDI, tools.VDIs[0])
    assert (iso.name_label, iso.location, iso.read_only, iso.type) == ("guest-tools.iso",) * 2 + (True, "user")
    assert iso.is_tools_iso
    assert iso.sm_config.keys() == {"xs-tools", "xs-tools-version", "xs-tools-build"}
    assert tools.virtual_allocation == iso.virtual_size


async def test_networks(build: Build) -> None:
    store = await build()
    by_bridge = {network.bridge: network for network in store.all(Network)}
    assert by_bridge.keys() == {"xenapi", "xenbr0", "xenbr1"}
    assert by_bridge["xenbr1"].name_label == "Pool-wide network associated with eth1"
    assert by_bridge["xenapi"].name_label == "Host internal management network"
    assert by_bridge["xenapi"].other_config == {
        "is_guest_installer_network": "true", "is_host_internal_management_network": "true",
        "ip_begin": "169.254.0.1", "ip_end": "169.254.255.254", "netmask": "255.255.0.0",
    }  # fmt: skip


async def test_interfaces(build: Build) -> None:
    store = await build()
    eth0, eth1 = sorted(store.all(PIF), key=lambda pif: pif.device)
    assert (eth0.management, eth1.management) == (True, False)
    assert (eth0.ip_configuration_mode, eth0.IP, eth0.netmask) == ("Static", "10.0.0.2", "255.255.0.0")
    assert (eth1.ip_configuration_mode, eth1.IP, eth1.gateway, eth1.DNS) == ("None", "", "", "")
    for pif in (eth0, eth1):
        assert (pif.VLAN, pif.MTU, pif.physical, pif.managed) == (-1, 1500, True, True)
        assert (pif.properties, pif.igmp_snooping_status) == ({"gro": "on"}, "disabled")
        assert pif.currently_attached
        assert store.get(Network, pif.network).bridge == f"xenbr{pif.device[3:]}"
        metrics = store.get(PIFMetrics, pif.metrics)
        assert (metrics.carrier, metrics.speed, metrics.duplex) == (True, 10_000, True)


BASE = {"VDI_CREATE", "VDI_DELETE", "VDI_ATTACH", "VDI_DETACH"}
VHD = BASE | {
    "SR_PROBE", "SR_UPDATE", "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE", "VDI_MIRROR", "VDI_CONFIG_CBT", "VDI_ACTIVATE",
    "VDI_DEACTIVATE",
}  # fmt: skip
ON_SHARE = VHD | {"VDI_UPDATE", "VDI_GENERATE_CONFIG", "VDI_RESET_ON_BOOT"}
ON_LUN = ON_SHARE | {"SR_METADATA", "SR_TRIM"}
ISCSI = ["target", "targetIQN", "chapuser", "chappassword", "incoming_chapuser", "incoming_chappassword", "port"]
PLUGINS: list[tuple[str, str, str, list[str], set[str]]] = [
    (
        "dummy", "DummySR", "dummy", [],
        BASE | {"SR_PROBE", "VDI_ACTIVATE", "VDI_DEACTIVATE", "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE"}
        | {"VDI_INTRODUCE", "VDI_MIRROR"},
    ),
    ("ext", "EXTSR", "Local EXT3 VHD", ["device"], ON_SHARE | {"SR_SUPPORTS_LOCAL_CACHING"}),
    ("file", "FileSR", "Local Path VHD", ["location"], VHD | {"VDI_GENERATE_CONFIG"}),
    ("hba", "HBASR", "HBA LUN-per-VDI driver", ["type"], BASE | {"SR_PROBE", "VDI_INTRODUCE"}),
    (
        "iscsi", "ISCSISR", "iSCSI", [*ISCSI, "multihomed", "force_tapdisk"],
        BASE | {"SR_PROBE", "VDI_INTRODUCE"},
    ),
    ("iso", "ISOSR", "ISO", ["location", "options", "type", "nfsversion"], BASE),
    ("lvm", "LVMSR", "Local VHD on LVM", ["device"], VHD | {"SR_TRIM", "VDI_UPDATE", "VDI_RESET_ON_BOOT"}),
    ("lvmofcoe", "LVMoFCoESR", "LVHD over FCoE", ["SCSIid", "allocation"], ON_LUN),
    ("lvmohba", "LVMoHBASR", "LVHD over FC", ["SCSIid", "allocation"], ON_LUN),
    (
        "lvmoiscsi", "LVMoISCSISR", "LVHD over iSCSI",
        ["SCSIid", *ISCSI, "multihomed", "usediscoverynumber", "allocation"], ON_LUN,
    ),
    ("nfs", "NFSSR", "NFS VHD", ["server", "serverpath"], ON_SHARE),
    (
        "rawhba", "RawHBASR", "RawHBA LUN-per-VDI driver", ["type"],
        {"SR_PROBE", "VDI_ATTACH", "VDI_DETACH", "VDI_DELETE"},
    ),
    ("smb", "SMBSR", "SMB VHD", ["server", "username", "password"], ON_SHARE),
    (
        "udev", "udevSR", "udev", ["location"],
        {"VDI_INTRODUCE", "VDI_ATTACH", "VDI_DETACH", "VDI_UPDATE", "SR_UPDATE"},
    ),
]  # fmt: skip


async def test_plugins(build: Build) -> None:
    found = list((await build()).all(SM))
    assert [sm.type for sm in found] == [kind for kind, *_ in PLUGINS]
    for sm, (kind, driver, name, keys, features) in zip(found, PLUGINS, strict=True):
        assert (sm.name_label, sm.driver_filename) == (name, f"/opt/xensource/sm/{driver}"), kind
        assert set(sm.configuration) == set(keys), kind
        assert sm.features == {feature: 2 if feature == "VDI_RESET_ON_BOOT" else 1 for feature in features}, kind
        assert set(sm.capabilities) == features, kind
        assert sm.vendor == ("XenSource Inc" if kind == "lvm" else "Citrix Systems Inc"), kind
        assert sm.copyright.startswith("(C) "), kind
        assert sm.copyright.endswith(sm.vendor), kind
        assert (sm.version, sm.required_api_version) == ("1.0", "1.1" if kind in ("dummy", "udev") else "1.0"), kind
        assert sm.required_cluster_stack == (), kind


async def test_graphics_cards(build: Build) -> None:
    shared = VgpuTypeSettings("GRID M60-1Q", "0001:nvidia,13f2,,114e,0000", per_card=8, framebuffer_size=GIB)
    card = GpuSettings("10de", "NVIDIA Corporation", "13f2", "GM204GL [Tesla M60]", vgpu_types=(shared,))
    store = await build(hosts=2, host=HostSettings(gpus=(GpuSettings(system_display=True), card)))
    kinds = {kind.model_name: kind for kind in store.all(VGPUType)}
    assert kinds.keys() == {"passthrough", "GRID M60-1Q"}
    assert kinds["passthrough"].identifier == "0001:passthrough"
    for pgpu in store.all(PGPU):
        pci = store.get(PCI, pgpu.PCI)
        if pgpu.is_system_display_device:
            assert pgpu.supported_VGPU_types == ()
            continue
        assert pgpu.supported_VGPU_types == pgpu.enabled_VGPU_types == tuple(k.ref for k in kinds.values())
        assert pgpu.supported_VGPU_max_capacities == {kinds["passthrough"].ref: 1, kinds["GRID M60-1Q"].ref: 8}
        assert (pci.vendor_id, pci.class_id, pci.host) == ("10de", "0300", pgpu.host)
        assert pgpu.ref in kinds["passthrough"].supported_on_PGPUs
    counts = describe(store)
    assert (counts["PGPU"], counts["GPU_group"]) == (4, 2)  # cards of a kind share a group, over all hosts


async def test_usb_devices(build: Build) -> None:
    stick = UsbSettings(path="2-1", disk_size=16 * GIB)
    store = await build(host=HostSettings(usb_devices=(stick, UsbSettings(path="2-2"))))
    assert {pusb.path for pusb in store.all(PUSB)} == {"2-1", "2-2"}
    assert describe(store)["USB_group"] == 2
    (removable,) = (sr for sr in store.all(SR) if sr.name_label == "Removable storage")
    disk = store.get(VDI, removable.VDIs[0])
    assert (disk.sm_config["usb_path"], disk.virtual_size) == ("2-1", 16 * GIB)


def test_hosts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="edition"):
        HostSettings(edition="gold")
    with pytest.raises(ValueError, match="memory"):
        HostSettings(memory=1)


async def test_values_have_the_types_of_their_fields(build: Build) -> None:
    store = await build(hosts=2, vms=8, vlans=(7,), host=HostSettings(usb_devices=(UsbSettings(),)))
    scalars = {"string": str, "int": int, "float": float, "bool": bool, "datetime": str}
    for cls in CLASSES:
        for entity in store.all(cls) if cls.FACTS.in_database else ():
            for name, field in cls.FIELDS.items():
                value, kind = getattr(entity, name), field.type
                where = f"{cls.FACTS.name}.{name}: {value!r}"
                if isinstance(kind, Set):
                    assert isinstance(value, tuple), where
                elif isinstance(kind, Map):
                    assert isinstance(value, dict), where
                elif isinstance(kind, Enum):
                    assert value in kind.values, where
                else:
                    assert type(value) is scalars.get(kind.text, str), where


async def test_the_same_seed_gives_the_same_pool(build: Build) -> None:
    def print_of(store: Store) -> str:
        digest = hashlib.sha256()
        for cls in CLASSES:
            for entity in store.all(cls) if cls.FACTS.in_database else ():
                digest.update(repr((entity.ref, entity.values())).encode())
        return digest.hexdigest()

    settings = {"hosts": 2, "vms": 20, "vlans": (5,)}
    one, same = await build(**settings), await build(**settings)
    assert print_of(one) == print_of(same)
    assert print_of(one) != print_of(await build(**{**settings, "seed": 2}))
    assert only(one, Pool).uuid[14] == "4"


async def test_without_a_seed_pools_differ(build: Build) -> None:
    one, other = await build(seed=None), await build(seed=None)
    assert only(one, Pool).uuid != only(other, Pool).uuid
