"""What the start of an agent changes in a database that is already there, and what it leaves alone."""

from __future__ import annotations

import random

from tests.inventory.conftest import NOW, Build
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_cpu import HostCpu
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.secret import Secret
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.inventory.describe import describe
from xapi_async.inventory.hardware import CpuSettings, GpuSettings, HostSettings, UsbSettings
from xapi_async.inventory.start import refresh_pool, restore_metrics
from xapi_async.objects.store import Store

LATER = NOW + 1000


async def restart(store: Store, now: float = LATER, **options: object) -> None:
    rng = random.Random(1)  # the seed the pool was made with
    restore_metrics(store, rng, now)
    async with store.transaction() as tx:
        refresh_pool(tx, now, rng, **options)


async def test_processors_are_recorded_anew(build: Build) -> None:
    store = await build(hosts=2)
    before = {(cpu.ref, cpu.uuid) for cpu in store.all(HostCpu)}
    await restart(store)
    after = {(cpu.ref, cpu.uuid) for cpu in store.all(HostCpu)}
    assert len(after) == 32
    assert not before & after


async def test_plugins_that_are_not_installed_stay_only_where_they_are_used(build: Build) -> None:
    store = await build()
    async with store.transaction() as tx:
        for kind in ("mine", "gone"):
            tx.create(SM, type=kind)
        tx.create(SR, type="mine")
    await restart(store)
    kinds = {sm.type for sm in store.all(SM)}
    assert "mine" in kinds
    assert "gone" not in kinds
    assert len(kinds) == 15


async def test_counts_stay(build: Build) -> None:
    store = await build(hosts=2, vms=10)
    before = describe(store)
    await restart(store)
    assert describe(store) == before


async def test_times(build: Build) -> None:
    store = await build()
    (host,) = store.all(Host)
    await restart(store)
    assert (host.other_config["agent_start_time"], host.other_config["boot_time"]) == ("1519723312.", "1519722312.")
    await restart(store, LATER + 1, rebooted=True)
    assert host.other_config["boot_time"] == "1519723313."
    assert "iscsi_iqn" in host.other_config


async def test_what_administrators_set_is_kept(build: Build) -> None:
    store = await build()
    (host,) = store.all(Host)
    async with store.transaction() as tx:
        tx.set(host, name_label="renamed", tags=("mine",), other_config={**host.other_config, "my": "key"})
    await restart(store)
    assert (host.name_label, host.tags, host.other_config["my"]) == ("renamed", ("mine",), "key")


async def test_the_address_is_the_management_interface_s(build: Build) -> None:
    store = await build()
    (host,) = store.all(Host)
    management = next(pif for pif in store.all(PIF) if pif.management)
    async with store.transaction() as tx:
        tx.set(management, IP="10.0.9.9")
    await restart(store)
    assert host.address == "10.0.9.9"


async def test_new_hardware_is_found(build: Build) -> None:
    store = await build()
    (host,) = store.all(Host)
    kept = {pci.ref for pci in store.all(PCI) if pci.class_id != "0300"}
    card = GpuSettings("10de", "NVIDIA Corporation", "13f2", "GM204GL [Tesla M60]")
    await restart(store, hardware={host.uuid: HostSettings(cpu=CpuSettings(count=4, sockets=1), gpus=(card,))})
    assert len(host.host_CPUs) == 4
    assert next(iter(store.all(Pool))).cpu_info["cpu_count"] == "4"
    assert kept < {pci.ref for pci in store.all(PCI)}
    (pgpu,) = host.PGPUs
    assert store.get(PCI, store.get(PGPU, pgpu).PCI).vendor_id == "10de"


async def test_what_every_pool_has_is_put_back(build: Build) -> None:
    store = await build(hosts=2)
    (tools,) = (sr for sr in store.all(SR) if sr.is_tools_sr)
    internal = next(n for n in store.all(Network) if n.bridge == "xenapi")
    async with store.transaction() as tx:
        tx.set(tools, name_label="renamed", other_config={"mine": "1"})
        tx.set(internal, bridge="xapi7")
        tx.delete(tx.get(PBD, tools.PBDs[1]))
    await restart(store)
    assert (tools.name_label, len(tools.PBDs), internal.bridge) == ("XenServer Tools", 2, "xenapi")
    assert (tools.other_config["mine"], tools.other_config["xensource_internal"]) == ("1", "true")


async def test_halted_vms_let_go_of_their_devices(build: Build) -> None:
    store = await build(vms=2)
    halted = next(vm for vm in store.all(VM) if vm.power_state == "Halted" and vm.VBDs)
    async with store.transaction() as tx:
        tx.set(tx.get(VBD, halted.VBDs[0]), currently_attached=True)
        tx.set(halted, scheduled_to_be_resident_on=next(iter(store.all(Host))).ref)
    await restart(store)
    assert not store.get(VBD, halted.VBDs[0]).currently_attached
    assert halted.scheduled_to_be_resident_on == "OpaqueRef:NULL"


async def test_what_no_database_keeps_is_made_again(build: Build) -> None:
    store = await build(vms=4)
    running = next(vm for vm in store.all(VM) if vm.power_state == "Running" and not vm.is_control_domain)
    async with store.transaction() as tx:
        for metrics in store.all(VBDMetrics):
            tx.delete(metrics)
        tx.set(tx.get(VMMetrics, running.metrics), memory_actual=0, hvm=False, VCPUs_utilisation={})
    await restart(store)
    assert all(store.find(VBDMetrics, vbd.metrics) for vbd in store.all(VBD))
    metrics = store.get(VMMetrics, running.metrics)
    assert (metrics.memory_actual, metrics.hvm) == (running.memory_target, bool(running.HVM_boot_policy))


async def test_metrics_keep_their_identity_and_are_found_by_it(build: Build) -> None:
    store = await build(vms=2)
    before = {metrics.ref: metrics.uuid for metrics in store.all(VBDMetrics)}
    assert before
    async with store.transaction() as tx:
        for metrics in store.all(VBDMetrics):
            tx.delete(metrics)
    await restart(store)
    assert {metrics.ref: metrics.uuid for metrics in store.all(VBDMetrics)} == before
    for ref, uuid in before.items():
        assert store.by_uuid(VBDMetrics, uuid).ref == ref


async def test_metrics_leave_a_uuid_to_who_has_it(build: Build) -> None:
    store = await build(vms=1)
    one = next(iter(store.all(VBDMetrics)))
    ref, uuid = one.ref, one.uuid
    async with store.transaction() as tx:
        tx.delete(one)
        secret = tx.create(Secret, uuid=uuid).ref
    await restart(store)
    assert store.by_uuid(Secret, uuid).ref == secret
    other = store.get(VBDMetrics, ref).uuid
    assert other != uuid
    assert store.by_uuid(VBDMetrics, other).ref == ref


async def test_usb_devices_that_are_gone(build: Build) -> None:
    store = await build()
    (host,) = store.all(Host)
    both = HostSettings(usb_devices=(UsbSettings(path="1-1"), UsbSettings(path="1-2")))
    await restart(store, hardware={host.uuid: both})
    pusbs = {pusb.path: pusb for pusb in store.all(PUSB)}
    async with store.transaction() as tx:
        vusb = tx.create(VUSB, VM=host.control_domain, USB_group=pusbs["1-1"].USB_group, currently_attached=True).ref
    await restart(store, LATER + 1, hardware={host.uuid: HostSettings(usb_devices=both.usb_devices[1:])})
    assert list(store.all(PUSB)) == [pusbs["1-2"]]
    assert [group.ref for group in store.all(USBGroup)] == [pusbs["1-2"].USB_group]
    assert store.find(VUSB, vusb) is None
    await restart(store, LATER + 2, hardware={host.uuid: HostSettings(usb_devices=(UsbSettings("1-2", serial="new"),))})
    (other,) = store.all(PUSB)
    assert (other.serial, other.ref != pusbs["1-2"].ref) == ("new", True)
