"""Pools of any size: everything in them agrees with everything else."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.inventory.conftest import Build
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF, Ref
from xapi_async.inventory.describe import describe
from xapi_async.inventory.groups import VmGroup
from xapi_async.inventory.guests import device_name
from xapi_async.inventory.hardware import HostSettings, NicSettings
from xapi_async.inventory.presets import PRESETS
from xapi_async.inventory.settings import InventorySettings
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.store import Store

GIB = 1 << 30


def guests(store: Store) -> list[VM]:
    return [vm for vm in store.all(VM) if not vm.is_a_template and not vm.is_control_domain]


@pytest.fixture
async def pool(build: Build) -> Store:
    """4 hosts, 200 VMs, with 2 VLANs and a private network."""
    group = VmGroup(disks=4, interfaces=2, tags=("lab",), templates=("centos-7", "rhel-5-64bit", "windows-10-64bit"))
    return await build(hosts=4, vms=200, vm=group, vlans=(10, 20), networks=1, shared_srs=2)


async def test_counts(pool: Store) -> None:
    counts = describe(pool)
    assert (counts["host"], counts["guests"], counts["running_guests"]) == (4, 200, 100)
    assert counts["VBD"] == counts["VBD_metrics"] == 200 * 5
    assert counts["VIF"] == counts["VIF_metrics"] == 400
    assert counts["VM_guest_metrics"] == 100
    assert counts["VLAN"] == 8
    assert counts["network"] == 1 + 2 + 2 + 1
    assert counts["SR"] == 1 + 4 * 3 + 2


async def test_no_reference_leads_nowhere(pool: Store) -> None:
    everything = {entity.ref for cls in CLASSES if cls.FACTS.in_database for entity in pool.all(cls)}
    for cls in CLASSES:
        for entity in pool.all(cls) if cls.FACTS.in_database else ():
            for name, field in cls.FIELDS.items():
                if isinstance(field.type, Ref):
                    value = getattr(entity, name)
                    assert value == NULL_REF or value in everything, f"{cls.FACTS.name}.{name}: {value!r}"


async def test_relations_agree_at_both_ends(pool: Store) -> None:
    for cls, fields in COMPUTED.items():
        for name, end in fields.items():
            for entity in pool.all(cls):
                members = {other.ref for other in pool.all(end.cls) if getattr(other, end.field) == entity.ref}
                assert set(getattr(entity, name)) == members


async def test_uuids_names_and_addresses_are_unique(pool: Store) -> None:
    uuids = [entity.uuid for cls in CLASSES if cls.FACTS.in_database for entity in pool.all(cls)]
    assert len(uuids) == len(set(uuids))
    hosts = list(pool.all(Host))
    assert len({host.name_label for host in hosts}) == len({host.address for host in hosts}) == 4
    assert len({host.bios_strings["system-serial-number"] for host in hosts}) == 4
    assert len({vm.name_label for vm in guests(pool)}) == 200
    macs = Counter(vif.MAC for vif in pool.all(VIF)) + Counter(pif.MAC for pif in pool.all(PIF) if pif.physical)
    assert max(macs.values()) == 1
    ips = [m.networks["0/ip"] for m in pool.all(VMGuestMetrics)]
    assert len(ips) == len(set(ips))


async def test_memory_of_hosts_adds_up(pool: Store) -> None:
    for host in pool.all(Host):
        metrics = pool.get(HostMetrics, host.metrics)
        residents = [pool.get(VM, ref) for ref in host.resident_VMs]
        taken = sum(vm.memory_dynamic_min + vm.memory_overhead for vm in residents)
        assert metrics.memory_free == metrics.memory_total - host.memory_overhead - taken
        assert metrics.memory_free >= 0
        domids = [vm.domid for vm in residents]
        assert len(domids) == len(set(domids))
        assert len(residents) == 1 + 25


async def test_storage_adds_up(pool: Store) -> None:
    for sr in pool.all(SR):
        disks = [pool.get(VDI, ref) for ref in sr.VDIs]
        assert sr.virtual_allocation == sum(disk.virtual_size for disk in disks)
        assert sr.physical_utilisation == sum(disk.physical_utilisation for disk in disks)
        assert sr.physical_utilisation <= sr.physical_size
        assert len({disk.location for disk in disks}) == len(disks)
        hosts = {pool.get(PBD, ref).host for ref in sr.PBDs}
        assert len(hosts) == len(sr.PBDs) == (4 if sr.shared else 1)
    default = pool.get(SR, next(iter(pool.all(Pool))).default_SR)
    assert default.shared


async def test_states_and_devices_agree(pool: Store) -> None:
    for vm in guests(pool):
        running = vm.power_state == "Running"
        metrics = pool.get(VMMetrics, vm.metrics)
        assert (vm.resident_on != NULL_REF) == (vm.domid > 0) == (vm.guest_metrics != NULL_REF) == running
        assert bool(vm.consoles) == running
        assert metrics.memory_actual == (vm.memory_dynamic_max if running else 0)
        assert metrics.VCPUs_number == (vm.VCPUs_at_startup if running else 0)
        assert vm.tags == ("lab",)
        assert vm.other_config["base_template_name"] == vm.name_description
        assert "default_template" not in vm.other_config
        drives = {pool.get(VBD, ref).userdevice: pool.get(VBD, ref) for ref in vm.VBDs}
        assert drives.keys() == {"0", "1", "2", "3", "4"}
        for drive in drives.values():
            hvm_or_full = bool(vm.HVM_boot_policy) or not drive.empty
            assert drive.currently_attached == (running and hvm_or_full)
            assert drive.device == (device_name(int(drive.userdevice)) if drive.currently_attached else "")
            assert (drive.type, drive.empty) == (("CD", True) if drive.userdevice == "3" else ("Disk", False))
        assert all(pool.get(VIF, ref).currently_attached == running for ref in vm.VIFs)
        for ref in vm.consoles:
            console = pool.get(Console, ref)
            address = pool.get(Host, vm.resident_on).address
            assert console.location == f"https://{address}/console?uuid={console.uuid}"


async def test_vlans(pool: Store) -> None:
    for vlan in pool.all(VLAN):
        tagged, untagged = pool.get(PIF, vlan.tagged_PIF), pool.get(PIF, vlan.untagged_PIF)
        assert (untagged.VLAN, untagged.VLAN_master_of, untagged.device) == (vlan.tag, vlan.ref, tagged.device)
        assert (untagged.MAC, untagged.metrics) == ("fe:ff:ff:ff:ff:ff", tagged.metrics)
        assert vlan.ref in tagged.VLAN_slave_of
        assert len(pool.get(Network, untagged.network).PIFs) == 4
    bridges = [network.bridge for network in pool.all(Network)]
    assert len(bridges) == len(set(bridges))


async def test_guests_run_only_where_there_is_memory(build: Build) -> None:
    group = VmGroup(running=1.0, templates=("centos-7",))
    store = await build(hosts=2, vms=20, vm=group, host=HostSettings(memory=16 * GIB))
    running = [vm for vm in guests(store) if vm.power_state == "Running"]
    assert 0 < len(running) < 20
    assert all(metrics.memory_free < 4.1 * GIB for metrics in store.all(HostMetrics))


async def test_without_shared_storage_guests_stay_with_their_disks(build: Build) -> None:
    store = await build(hosts=3, vms=30, shared_srs=0, vm=VmGroup(running=1.0, disk_size=100 * GIB))
    for vm in guests(store):
        disk = next(store.get(VBD, ref) for ref in vm.VBDs if store.get(VBD, ref).type == "Disk")
        (pbd,) = store.get(SR, store.get(VDI, disk.VDI).SR).PBDs
        assert vm.resident_on == store.get(PBD, pbd).host
    for sr in store.all(SR):
        assert sr.physical_utilisation <= sr.physical_size


async def test_hosts_can_be_described_one_by_one(build: Build) -> None:
    special = HostSettings(name="gpu-box", address="10.0.0.2", nics=(NicSettings("eth0"), NicSettings("eth5")))
    store = await build(hosts=2, described_hosts=(special,), vms=4)
    by_name = {host.name_label: host for host in store.all(Host)}
    assert by_name.keys() == {"gpu-box", "xenserver-2"}
    assert by_name["gpu-box"].address == "10.0.0.2"
    assert by_name["xenserver-2"].address == "10.0.0.3"
    assert {store.get(Network, vif.network).bridge for vif in store.all(VIF)} == {"xenbr0"}  # all hosts are on it


async def test_sizes_can_be_chosen(build: Build) -> None:
    group = VmGroup(memory=3 * GIB, vcpus=3, disks=0, interfaces=0, cd_drive=False, templates=("windows-10-64bit",))
    store = await build(vms=2, vm=group)
    vm = guests(store)[0]
    assert (vm.memory_static_max, vm.memory_static_min, vm.VCPUs_max) == (3 * GIB, 2 * GIB, 3)
    assert "cores-per-socket" not in vm.platform
    assert (vm.VBDs, vm.VIFs) == ((), ())


async def test_groups_with_the_same_prefix_share_one_numbering(build: Build) -> None:
    store = await build(vms=9, groups=(VmGroup(count=2), VmGroup(count=1, prefix="db")))
    expected = {f"vm-{number:02}" for number in range(1, 12)} | {"db-1"}
    assert {vm.name_label for vm in guests(store)} == expected


@pytest.mark.parametrize("name", ["performance-1", "performance-4", "desktops"])
async def test_presets(build: Build, name: str) -> None:
    store = await build(preset=name)
    preset = PRESETS[name]
    counts = describe(store)
    assert counts["host"] == preset.hosts
    assert counts["guests"] == preset.hosts * (50 if name == "desktops" else 80)
    if name != "desktops":
        assert counts["VIF"] == 40 * preset.hosts
        assert counts["VBD"] == 40 * preset.hosts


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in (
        {"hosts": 0}, {"vms": -1}, {"preset": "huge"}, {"vlans": (5000,)}, {"vlans": (1, 1)},
        {"management_subnet": "nowhere"},
    ):  # fmt: skip
        with pytest.raises(ValueError):  # noqa: PT011
            InventorySettings(**wrong)
    for wrong in ({"templates": ("beos",)}, {"running": 2.0}, {"interfaces": 8}, {"templates": (), "count": 1}):
        with pytest.raises(ValueError):  # noqa: PT011
            VmGroup(**wrong)
