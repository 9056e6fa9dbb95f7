"""Making, connecting, scanning and removing storage repositories."""

from __future__ import annotations

import asyncio
import base64
from xml.etree import ElementTree

import pytest

from tests.storage.conftest import GIB, MIB, Lab
from tests.support import context
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.secret import Secret
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.operations import collector, orphans
from xapi_async.operations.storage import scanning, starting
from xapi_async.storage.driver import Storage
from xapi_async.storage.nominal import NominalDriver

VHD_ATTACHED = {
    "scan", "plug", "unplug", "update", "vdi_create", "vdi_destroy", "vdi_resize", "vdi_clone", "vdi_snapshot",
    "vdi_mirror", "vdi_enable_cbt", "vdi_disable_cbt", "vdi_data_destroy", "vdi_list_changed_blocks",
    "vdi_set_on_boot", "pbd_create", "pbd_destroy",
}  # fmt: skip
ISO_ATTACHED = {"scan", "plug", "unplug", "vdi_create", "vdi_destroy", "vdi_clone", "pbd_create", "pbd_destroy"}
UDEV_ATTACHED = {"scan", "plug", "unplug", "update", "vdi_clone", "vdi_introduce", "pbd_create", "pbd_destroy"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("lvm", VHD_ATTACHED),
        ("ext", VHD_ATTACHED),
        ("nfs", VHD_ATTACHED),
        ("iso", ISO_ATTACHED),
        ("udev", UDEV_ATTACHED),
    ],
)
async def test_what_is_allowed_on_a_plugged_sr(lab: Lab, kind: str, expected: set[str]) -> None:
    assert set(lab.get_sr(await lab.sr(kind)).allowed_operations) == expected


async def test_what_is_allowed_on_the_sr_with_the_tools(lab: Lab) -> None:
    sr = await lab.sr("iso")
    await lab.set(SR, sr, is_tools_sr=True)
    await lab.call("SR.scan", sr)
    assert set(lab.get_sr(sr).allowed_operations) == ISO_ATTACHED - {"vdi_create", "vdi_destroy"}


async def test_an_unplugged_sr_may_be_forgotten_and_destroyed_when_empty(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr)
    await lab.call("PBD.unplug", lab.pbd(sr))
    assert set(lab.get_sr(sr).allowed_operations) == VHD_ATTACHED | {"forget"}
    await lab.set(VDI, vdi, managed=False)
    await lab.call("SR.set_shared", sr, False)
    assert await lab.refused("SR.set_name_label", sr, "x") == ["SR_HAS_NO_PBDS", sr]
    await lab.call("SR.destroy", sr)
    assert lab.store.find(SR, sr) is None


async def test_a_running_operation_hides_all_others(lab: Lab) -> None:
    sr = await lab.sr()
    await lab.set(SR, sr, current_operations={"t": "vdi_create"})
    async with lab.store.transaction() as tx:
        from xapi_async.operations.storage import sr_rules

        for operation in sr_rules.FEATURES:
            error = sr_rules.check(tx, tx.get(SR, sr), operation)
            assert error is not None
            if operation in VHD_ATTACHED:
                assert error.description == ["OTHER_OPERATION_IN_PROGRESS", "SR", sr, "VDI.create"]


async def test_a_new_sr_is_plugged_scanned_and_known(lab: Lab) -> None:
    sr = lab.get_sr(await lab.sr("nfs"))
    assert len(sr.PBDs) == 2
    assert all(lab.store.get(PBD, ref).currently_attached for ref in sr.PBDs)
    assert (sr.physical_size, sr.physical_utilisation, sr.virtual_allocation) == (100 * GIB, 0, 0)
    assert sr.current_operations == {}


async def test_a_failed_creation_leaves_nothing(lab: Lab) -> None:
    args = (lab.hosts[0], {}, 0, "n", "", "nfs", "user", True, {})
    assert (await lab.refused("SR.create", *args))[0] == "SR_BACKEND_FAILURE_102"
    unknown = (lab.hosts[0], {}, 0, "n", "", "Odd", "user", False, {})
    assert await lab.refused("SR.create", *unknown) == ["SR_UNKNOWN_DRIVER", "odd"]
    assert not list(lab.store.all(SR))
    assert not list(lab.store.all(PBD))


async def test_no_creation_during_a_rolling_upgrade(lab: Lab) -> None:
    await lab.set(Pool, lab.pool.ref, other_config={"rolling_upgrade_in_progress": "true"})
    args = (lab.hosts[0], {}, 0, "n", "", "nfs", "user", True, {})
    assert await lab.refused("SR.create", *args) == ["NOT_SUPPORTED_DURING_UPGRADE"]


async def test_an_introduced_sr_knows_no_sizes(lab: Lab) -> None:
    sr = lab.get_sr(await lab.call("SR.introduce", "", "n", "", "NFS", "user", True, {}))
    assert (sr.type, sr.physical_size, sr.physical_utilisation, sr.virtual_allocation) == ("nfs", -1, -1, 0)
    again = await lab.refused("SR.introduce", sr.uuid, "n", "", "nfs", "user", True, {})
    assert again == ["SR_UUID_EXISTS", sr.uuid]
    assert await lab.refused("SR.destroy", sr.ref) == ["SR_HAS_NO_PBDS", sr.ref]


async def test_a_forgotten_sr_comes_back_with_its_disks(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    vdi = lab.get_vdi(await lab.vdi(sr, name_label="data"))
    uuid, disk = lab.get_sr(sr).uuid, vdi.uuid
    for host in (0, 1):
        await lab.call("PBD.unplug", lab.pbd(sr, host))
    await lab.call("SR.forget", sr)
    assert lab.store.find(VDI, vdi.ref) is None
    back = await lab.call("SR.introduce", uuid, "n", "", "nfs", "user", True, {})
    pbd = await lab.create(PBD, SR=back, host=lab.hosts[0], device_config={"server": "nas", "serverpath": "/export"})
    await lab.call("PBD.plug", pbd)
    assert lab.store.by_uuid(VDI, disk).name_label == "data"


async def test_what_keeps_an_sr_from_being_destroyed(lab: Lab) -> None:
    sr = await lab.sr()
    assert await lab.refused("SR.destroy", sr) == ["SR_HAS_PBD", sr]
    assert await lab.refused("SR.forget", sr) == ["SR_HAS_PBD", sr]
    vdi = await lab.vdi(sr)
    await lab.call("PBD.unplug", lab.pbd(sr))
    assert await lab.refused("SR.destroy", sr) == ["SR_NOT_EMPTY"]
    await lab.set(VDI, vdi, type="rrd")
    await lab.set(SR, sr, other_config={"indestructible": "true"})
    assert await lab.refused("SR.destroy", sr) == ["SR_INDESTRUCTIBLE", sr]
    await lab.set(SR, sr, other_config={})
    await lab.set(Host, lab.hosts[1], local_cache_sr=sr)
    assert await lab.refused("SR.destroy", sr) == ["SR_IS_CACHE_SR", lab.hosts[1]]


async def test_each_connection_has_its_own_secret(lab: Lab) -> None:
    secret = await lab.put(Secret, value="hush")
    uuid = lab.store.get(Secret, secret).uuid
    sr = await lab.sr("nfs", password_secret=uuid)
    named = {lab.store.get(PBD, ref).device_config["password_secret"] for ref in lab.get_sr(sr).PBDs}
    assert len(named) == 2
    assert uuid not in named
    for host in (0, 1):
        await lab.call("PBD.unplug", lab.pbd(sr, host))
    await lab.call("SR.destroy", sr)
    assert [one.uuid for one in lab.store.all(Secret)] == [uuid]


async def test_a_scan_adds_up_sizes_and_drops_what_is_gone(lab: Lab) -> None:
    sr = await lab.sr()
    kept, gone = await lab.vdi(sr, 8 * MIB), await lab.vdi(sr, 8 * MIB)
    site_driver = lab.services.storage.driver("lvm")
    await site_driver.destroy_disk(lab.get_sr(sr).uuid, lab.get_vdi(gone).location)
    await lab.set(SR, sr, other_config={"dirty": "", "kept": "yes"})
    await lab.call("SR.scan", sr)
    assert lab.get_sr(sr).VDIs == (kept,)
    assert lab.get_sr(sr).virtual_allocation == 8 * MIB
    assert lab.get_sr(sr).physical_utilisation == lab.get_vdi(kept).physical_utilisation == 12 * MIB
    assert lab.get_sr(sr).other_config == {"kept": "yes"}


async def test_forgotten_disks_come_back_by_themselves_where_that_is_wanted(lab: Lab) -> None:
    sr = await lab.sr()
    uuid = lab.get_vdi(await lab.vdi(sr)).uuid
    await lab.set(SR, sr, other_config={"auto-scan": "true"})
    await lab.call("VDI.forget", lab.store.by_uuid(VDI, uuid).ref)
    loop = asyncio.create_task(scanning.scan_by_itself(lab.services))
    for _ in range(1000):
        await asyncio.sleep(0)
        if any(vdi.uuid == uuid for vdi in lab.store.all(VDI)) and not lab.get_sr(sr).current_operations:
            break
    loop.cancel()
    assert sr == lab.store.by_uuid(VDI, uuid).SR
    assert lab.get_sr(sr).current_operations == {}


async def test_scanning_needs_a_connection_that_is_in_use(lab: Lab) -> None:
    sr = await lab.sr()
    await lab.call("PBD.unplug", lab.pbd(sr))
    for message in ("SR.scan", "SR.update", "SR.get_data_sources"):
        assert await lab.refused(message, sr) == ["SR_HAS_NO_PBDS", sr]


async def test_work_is_forwarded_to_hosts_that_are_up(lab: Lab) -> None:
    sr = await lab.sr(host=1)
    metrics = lab.store.get(Host, lab.hosts[1]).metrics
    await lab.set(HostMetrics, metrics, live=False)
    assert await lab.refused("SR.scan", sr) == ["HOST_OFFLINE", lab.hosts[1]]


async def test_two_creations_on_one_sr_queue_up(lab: Lab) -> None:
    sr = await lab.sr()
    made = await asyncio.gather(*(lab.vdi(sr) for _ in range(5)))
    assert set(made) == set(lab.get_sr(sr).VDIs)


async def test_a_call_that_waits_can_be_cancelled(lab: Lab) -> None:
    sr = await lab.sr()
    await lab.set(SR, sr, current_operations={"t": "scan"})
    ctx = context(lab.services)
    ctx.task.cancelled = True  # type: ignore[attr-defined]
    from xapi_async.datamodel.errors import ApiError

    with pytest.raises(ApiError) as caught:
        await scanning.scan(ctx, sr)
    assert caught.value.description == ["TASK_CANCELLED", ctx.task.ref]


async def test_only_so_many_calls_may_wait(lab: Lab) -> None:
    sr = await lab.sr()
    await lab.set(SR, sr, current_operations={"t": "scan"})
    lab.services.waiters = 100
    assert await lab.refused("SR.scan", sr) == ["TOO_MANY_PENDING_TASKS"]


async def test_shared_or_not(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    assert await lab.refused("SR.set_shared", sr, False) == ["SR_HAS_MULTIPLE_PBDS", *lab.get_sr(sr).PBDs]
    local = await lab.sr()
    await lab.call("SR.set_shared", local, True)
    assert lab.get_sr(local).shared


async def test_probing_finds_what_was_made(lab: Lab) -> None:
    sr = lab.get_sr(await lab.sr("nfs"))
    config = {"server": "nas", "serverpath": "/export"}
    found = ElementTree.fromstring(await lab.call("SR.probe", lab.hosts[0], config, "NFS", {}))
    assert [uuid.text for uuid in found.iter("UUID")] == [sr.uuid]
    empty = await lab.call("SR.probe", lab.hosts[0], {"server": "nas", "serverpath": "/other"}, "nfs", {})
    assert list(ElementTree.fromstring(empty)) == []


async def test_probing_with_too_little_lists_the_choices(lab: Lab) -> None:
    code, _, message, xml = await lab.refused("SR.probe", lab.hosts[0], {"server": "nas"}, "nfs", {})
    assert code == "SR_BACKEND_FAILURE_101"
    assert message
    assert ElementTree.fromstring(xml).tag == "nfs-exports"
    config = {"target": "san"}
    code, _, _, xml = await lab.refused("SR.probe", lab.hosts[0], config, "lvmoiscsi", {})
    config["targetIQN"] = next(ElementTree.fromstring(xml).iter("TargetIQN")).text or ""
    assert code == "SR_BACKEND_FAILURE_96"
    code, _, _, xml = await lab.refused("SR.probe", lab.hosts[0], config, "lvmoiscsi", {})
    assert code == "SR_BACKEND_FAILURE_107"
    assert next(ElementTree.fromstring(xml).iter("SCSIid")).text
    assert (await lab.refused("SR.probe", lab.hosts[0], {}, "lvm", {}))[0] == "SR_BACKEND_FAILURE_90"
    assert (await lab.refused("SR.probe", lab.hosts[0], {}, "iso", {}))[0] == "SR_BACKEND_FAILURE"
    assert await lab.refused("SR.probe", lab.hosts[0], {}, "odd", {}) == ["SR_UNKNOWN_DRIVER", "odd"]


async def test_who_can_hold_the_pools_own_data(lab: Lab) -> None:
    nfs, san, local = await lab.sr("nfs"), await lab.sr("lvmoiscsi"), await lab.sr("lvm")
    await lab.call("SR.assert_can_host_ha_statefile", nfs)
    await lab.call("SR.assert_supports_database_replication", san)
    assert await lab.refused("SR.assert_supports_database_replication", nfs) == ["SR_OPERATION_NOT_SUPPORTED", nfs]
    assert await lab.refused("SR.assert_can_host_ha_statefile", local) == ["SR_HAS_NO_PBDS", local]
    await lab.call("PBD.unplug", lab.pbd(nfs, 1))
    assert await lab.refused("SR.assert_can_host_ha_statefile", nfs) == ["SR_HAS_NO_PBDS", nfs]


async def test_messages_of_old(lab: Lab) -> None:
    sr = await lab.sr()
    assert await lab.refused("SR.make", lab.hosts[0], {}, 0, "", "", "", "", {}) == ["MESSAGE_DEPRECATED"]
    assert (await lab.refused("SR.make", "OpaqueRef:none", {}, 0, "", "", "", "", {}))[0] == "HANDLE_INVALID"
    assert await lab.call("SR.get_data_sources", sr) == []
    assert "lvm" in await lab.call("SR.get_supported_types")
    assert (await lab.refused("LVHD.enable_thin_provisioning", lab.hosts[0], sr, 0, 0))[0] == "MESSAGE_METHOD_UNKNOWN"


@pytest.mark.parametrize("message", ["SR.set_physical_size", "PBD.set_device_config", "VDI.set_sharable"])
async def test_messages_for_backends_only(lab: Lab, message: str) -> None:
    assert await lab.refused(message, "OpaqueRef:any", 1) == ["PERMISSION_DENIED", ""]


async def test_records_without_their_sr_are_removed_and_drives_emptied(lab: Lab) -> None:
    iso, local = await lab.sr("iso"), await lab.sr()
    cd, disk = await lab.vdi(iso), await lab.vdi(local)
    vm = await lab.vm()
    drive = await lab.vbd(vm, cd, type="CD", mode="RO")
    device = await lab.vbd(vm, disk)
    for sr in (iso, local):
        await lab.call("PBD.unplug", lab.pbd(sr))
        await lab.call("SR.forget", sr)
    await orphans.collect(lab.services, collector.NEEDS, collector.DELETERS)
    await collector.tidy_now(lab.services)
    assert lab.store.find(VBD, device) is None
    assert lab.get_vbd(drive).empty
    assert lab.get_vbd(drive).VDI == "OpaqueRef:NULL"


async def test_a_restarted_driver_learns_from_the_records(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr)
    snapshot = await lab.call("VDI.snapshot", vdi, {})
    before = {one.ref: one.values() for one in lab.store.all(VDI)}
    sizes = lab.get_sr(sr).physical_utilisation
    lab.services.storage = Storage(NominalDriver(lab.clock))
    starting.adopt_storage(lab.store, lab.services.storage)
    await lab.call("SR.scan", sr)
    assert {one.ref: one.values() for one in lab.store.all(VDI)} == before
    assert lab.get_sr(sr).physical_utilisation == sizes
    await lab.call("VDI.destroy", snapshot)


async def test_after_a_restart_backups_go_on(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    disk = await lab.vdi(sr, 2 * MIB)
    await lab.call("VDI.enable_cbt", disk)
    snapshots = []
    for number in range(3):
        lab.clock.time += number
        snapshots.append(await lab.call("VDI.snapshot", disk, {}))
    await lab.call("VDI.data_destroy", snapshots[0])
    lab.services.storage = Storage(NominalDriver(lab.clock))
    starting.adopt_storage(lab.store, lab.services.storage)
    for older, newer in ((0, 1), (0, 2), (1, 2)):
        changed = await lab.call("VDI.list_changed_blocks", snapshots[older], snapshots[newer])
        assert base64.b64decode(changed) == bytes(4)
        refused = await lab.refused("VDI.list_changed_blocks", snapshots[newer], snapshots[older])
        assert refused[0] == "SR_BACKEND_FAILURE_460"
    assert base64.b64decode(await lab.call("VDI.list_changed_blocks", snapshots[0], disk)) == bytes(4)


LUN = {"target": "san", "targetIQN": "iqn.x", "SCSIid": "36001"}


async def test_a_probe_for_databases_tells_what_srs_are_called(lab: Lab) -> None:
    sr = await lab.sr("lvmoiscsi", **LUN)
    await lab.call("SR.set_name_label", sr, "the <LUN>")
    await lab.call("SR.set_name_description", sr, "text")

    async def probed(**sm_config: str) -> dict[str, str]:
        xml = await lab.call("SR.probe", lab.hosts[0], LUN, "lvmoiscsi", sm_config)
        return {item.tag: item.text or "" for item in ElementTree.fromstring(xml)[0]}

    plain = await probed()
    assert plain.keys() == {"UUID", "Devlist", "size"}
    names = {"name_label": "the <LUN>", "name_description": "text"}
    assert await probed(metadata="true") == {**plain, **names, "pool_metadata_detected": "false"}
    await lab.vdi(sr, type="metadata")
    assert await probed(metadata="true") == {**plain, **names, "pool_metadata_detected": "true"}


async def test_a_probe_tells_names_that_xml_cannot_carry(lab: Lab) -> None:
    sr = await lab.sr("lvmoiscsi", **LUN)
    await lab.call("SR.set_name_label", sr, "a\x01b\ufffe")
    xml = await lab.call("SR.probe", lab.hosts[0], LUN, "lvmoiscsi", {"metadata": "true"})
    assert ElementTree.fromstring(xml).findtext("SR/name_label") == "a\ufffdb\ufffd"


async def test_a_probe_tells_the_versions_of_nfs_where_it_is_asked_to(lab: Lab) -> None:
    config = {"server": "nas", "serverpath": "/export", "probeversion": ""}
    found = ElementTree.fromstring(await lab.call("SR.probe", lab.hosts[0], config, "nfs", {}))
    assert [item.text for item in found.iterfind("SupportedVersions/Version")] == ["3", "4"]


LUNS = "107 Devlist BlockDevice path SCSIid vendor serial size adapter channel id lun Adapter host name manufacturer id"
PROBES: list[tuple[str, dict[str, str], str]] = [
    ("nfs", {}, "102"),
    ("nfs", {"server": "nas"}, "101 nfs-exports Export Target Path Accesslist"),
    ("smb", {}, "102"),
    ("lvm", {}, "90"),
    ("ext", {}, "90"),
    ("lvmoiscsi", {}, "95"),
    ("lvmoiscsi", {"target": "san"}, "96 iscsi-target-iqns TGT Index IPAddress Port TargetIQN"),
    ("lvmoiscsi", {"target": "san", "targetIQN": "iqn.x"}, "107 iscsi-target LUN vendor serial LUNid size SCSIid"),
    ("iscsi", {}, "95"),
    ("iscsi", {"target": "san"}, "96 iscsi-target-iqns TGT Index IPAddress Port TargetIQN"),
    ("lvmohba", {}, LUNS),
    ("lvmofcoe", {}, LUNS),
    ("file", {}, "94"),
]


@pytest.mark.parametrize(("kind", "config", "expected"), PROBES)
async def test_what_a_probe_says_where_something_is_missing(
    lab: Lab, kind: str, config: dict[str, str], expected: str
) -> None:
    code, empty, message, xml = await lab.refused("SR.probe", lab.hosts[0], config, kind.upper(), {})
    number, *tags = expected.split()
    assert (code, empty) == (f"SR_BACKEND_FAILURE_{number}", "")
    assert message
    assert [item.tag for item in ElementTree.fromstring(xml).iter()] == tags if tags else xml == ""
    if tags:
        assert xml.startswith("<?xml")


FOUND: list[tuple[str, dict[str, str], set[str]]] = [
    ("nfs", {"server": "nas", "serverpath": "/export"}, {"UUID"}),
    ("smb", {"server": "//nas/share"}, {"UUID"}),
    ("lvm", {"device": "/dev/sdb"}, {"UUID", "Devlist", "size"}),
    ("ext", {"device": "/dev/sdb"}, {"UUID", "Devlist", "size"}),
    ("lvmoiscsi", LUN, {"UUID", "Devlist", "size"}),
    ("lvmohba", {"SCSIid": "36001"}, {"UUID", "Devlist", "size"}),
    ("iscsi", {"target": "san", "targetIQN": "iqn.x"}, {"UUID", "Target", "TargetIQN"}),
    ("dummy", {}, {"UUID", "Size"}),
]


@pytest.mark.parametrize(("kind", "config", "tags"), FOUND)
async def test_what_a_probe_says_of_an_sr(lab: Lab, kind: str, config: dict[str, str], tags: set[str]) -> None:
    empty = ElementTree.fromstring(await lab.call("SR.probe", lab.hosts[0], config, kind, {}))
    assert (empty.tag, len(empty)) == ("SRlist", 1 if kind == "dummy" else 0)
    sr = await lab.call("SR.create", lab.hosts[0], config, 0, "n", "", kind, "", False, {})
    (found,) = ElementTree.fromstring(await lab.call("SR.probe", lab.hosts[0], config, kind, {}))
    assert {item.tag for item in found} == tags
    if kind == "dummy":
        assert found.findtext("Size") == "1024"
    else:
        assert found.findtext("UUID") == lab.get_sr(sr).uuid
