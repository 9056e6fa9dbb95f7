"""Making, changing, copying and removing disks."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.storage.conftest import GIB, MIB, Lab
from tests.support import FakeTask, context
from xapi_async.datamodel.classes.crashdump import Crashdump
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER, NULL_REF
from xapi_async.operations.storage import vdi_copies
from xapi_async.storage.nominal_settings import NominalSettings

NONE = (NULL_REF, NULL_REF)


def noted(vdi: VDI) -> dict[str, str]:
    """What clients noted at a disk, without the server's own name for what it holds."""
    return {key: value for key, value in vdi.other_config.items() if key != "content_id"}


async def test_a_new_disk(lab: Lab) -> None:
    sr = await lab.sr()
    keys = {"other_config": {"a": "b"}, "xenstore_data": {"c": "d"}, "tags": ("t",), "sharable": True}
    vdi = lab.get_vdi(await lab.vdi(sr, 1, name_label="n", sm_config={"mine": "yes"}, **keys))
    assert vdi.virtual_size == 2 * MIB
    assert vdi.location == vdi.uuid
    assert (vdi.managed, vdi.missing, vdi.is_a_snapshot, vdi.snapshot_time) == (True, False, False, NEVER)
    assert {name: getattr(vdi, name) for name in keys} == keys
    assert vdi.sm_config == {"mine": "yes", "vdi_type": "vhd"}
    assert lab.get_sr(sr).virtual_allocation == 2 * MIB
    assert lab.get_sr(sr).physical_utilisation == vdi.physical_utilisation > 0


@pytest.mark.parametrize("size", [-1, 2_093_050 * MIB + 1])
async def test_sizes_that_no_disk_can_have(lab: Lab, size: int) -> None:
    sr = await lab.sr()
    args = {"SR": sr, "virtual_size": size, "type": "user", "name_label": "", "name_description": ""}
    args |= {"read_only": False, "sm_config": {}}
    assert (await lab.refused("VDI.create", args))[0] == "SR_BACKEND_FAILURE_79"
    assert lab.get_sr(sr).current_operations == {}


async def test_volumes_need_their_space_at_once_and_files_do_not(lab: Lab) -> None:
    lvm, nfs = await lab.sr("lvm"), await lab.sr("nfs")
    await lab.vdi(nfs, 200 * GIB)
    with pytest.raises(ApiError) as caught:
        await lab.vdi(lvm, 200 * GIB)
    assert caught.value.code == "SR_BACKEND_FAILURE_44"


async def test_where_disks_cannot_be_made(lab: Lab) -> None:
    sr = await lab.sr()
    with pytest.raises(ApiError) as caught:
        await lab.vdi(sr, type="cbt_metadata")
    assert caught.value.description == ["VDI_INCOMPATIBLE_TYPE", "", "CBT metadata"]
    await lab.call("PBD.unplug", lab.pbd(sr))
    with pytest.raises(ApiError) as caught:
        await lab.vdi(sr)
    assert caught.value.description == ["SR_HAS_NO_PBDS", sr]
    with pytest.raises(ApiError) as caught:
        await lab.vdi(await lab.sr("udev"))
    assert caught.value.code == "SR_OPERATION_NOT_SUPPORTED"
    with pytest.raises(ApiError) as caught:
        await lab.vdi("OpaqueRef:none")
    assert caught.value.description == ["HANDLE_INVALID", "SR", "OpaqueRef:none"]


async def test_uploaded_images_have_names(lab: Lab) -> None:
    sr = await lab.sr("iso")
    vdi = lab.get_vdi(await lab.vdi(sr, 5, sm_config={"path": "win-10.iso"}, read_only=True))
    assert (vdi.location, vdi.read_only, vdi.virtual_size) == ("win-10.iso", False, 5)
    with pytest.raises(ApiError) as caught:
        await lab.vdi(sr, sm_config={"path": "../x.iso"})
    assert caught.value.code == "SR_BACKEND_FAILURE_78"


async def test_destroying_a_disk_takes_its_devices_along(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr)
    vm = await lab.vm(suspend_VDI=vdi)
    for kind in ("Disk", "CD"):
        await lab.vbd(vm, vdi, type=kind, mode="RO")
    await lab.call("VDI.destroy", vdi)
    assert not list(lab.store.all(VBD))
    assert not list(lab.store.all(VBDMetrics))
    assert lab.store.get(VM, vm).suspend_VDI == NULL_REF
    assert (lab.get_sr(sr).virtual_allocation, lab.get_sr(sr).physical_utilisation) == (0, 0)


async def test_what_keeps_a_disk_from_being_destroyed(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr)
    await lab.set(VDI, vdi, managed=False)
    assert await lab.refused("VDI.destroy", vdi) == ["VDI_NOT_MANAGED", vdi]
    vbd = await lab.attached(await lab.vm("Running"), vdi)
    assert await lab.refused("VDI.destroy", vdi) == ["VDI_IN_USE", vdi, "destroy"]
    await lab.set(VBD, vbd, currently_attached=False)
    await lab.call("PBD.unplug", lab.pbd(sr))
    assert await lab.refused("VDI.destroy", vdi) == ["SR_HAS_NO_PBDS", sr]
    assert lab.get_sr(sr).current_operations == lab.get_vdi(vdi).current_operations == {}


async def test_names_reach_the_storage(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr)
    await lab.call("VDI.set_name_label", vdi, "new")
    await lab.call("VDI.set_name_description", vdi, "text")
    uuid = lab.get_vdi(vdi).uuid
    await lab.call("VDI.forget", vdi)
    await lab.call("SR.scan", sr)
    found = lab.store.by_uuid(VDI, uuid)
    assert (found.name_label, found.name_description) == ("new", "text")
    await lab.call("PBD.unplug", lab.pbd(sr))
    assert await lab.refused("VDI.set_name_label", found.ref, "x") == ["SR_HAS_NO_PBDS", sr]


@pytest.mark.parametrize("text", ["\x00", "a\x1fb", "\ufffe", "\ud800"])
async def test_names_that_the_storage_cannot_note(lab: Lab, text: str) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr, name_label="\t\n\U0001f4be")
    for message in ("VDI.set_name_label", "VDI.set_name_description"):
        assert (await lab.refused(message, vdi, text))[0] == "SR_BACKEND_FAILURE_447"
    for field in ("name_label", "name_description"):
        with pytest.raises(ApiError) as caught:
            await lab.vdi(sr, **{field: text})
        assert caught.value.code == "SR_BACKEND_FAILURE_447"
    assert lab.get_sr(sr).VDIs == (vdi,)
    assert (lab.get_vdi(vdi).name_label, lab.get_vdi(vdi).name_description) == ("\t\n\U0001f4be", "")


async def test_resizing(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr, 8 * MIB)
    await lab.call("VDI.resize", vdi, 9 * MIB)
    assert lab.get_vdi(vdi).virtual_size == lab.get_sr(sr).virtual_allocation == 10 * MIB
    await lab.call("VDI.resize", vdi, 10 * MIB)
    assert (await lab.refused("VDI.resize", vdi, 9 * MIB))[0] == "SR_BACKEND_FAILURE_79"
    await lab.set(VDI, vdi, managed=False)
    assert await lab.refused("VDI.resize", vdi, 20 * MIB) == ["VDI_NOT_MANAGED", vdi]


async def test_introducing_a_device(lab: Lab) -> None:
    sr = await lab.sr("udev")
    args = ("", "", sr, "user", True, True, {"k": "v"}, "/dev/sdz", {}, {})
    uuid = "11111111-2222-3333-4444-555555555555"
    vdi = await lab.call("VDI.introduce", uuid, *args, False, 77)
    found = lab.get_vdi(vdi)
    assert (found.uuid, found.managed, found.read_only, found.sharable) == (uuid, True, False, True)
    assert found.virtual_size == GIB
    assert await lab.refused("VDI.introduce", "", *args) == ["LOCATION_NOT_UNIQUE", sr, "/dev/sdz"]
    assert await lab.call("VDI.introduce", uuid, "again", "text", *args[2:]) == vdi
    await lab.call("SR.scan", sr)
    found = lab.get_vdi(vdi)
    assert (found.name_label, found.name_description) == ("again", "text")
    for kind in ("lvm", "ext", "nfs"):
        other = await lab.sr(kind)
        refused = await lab.refused("VDI.introduce", "", "", "", other, *args[3:])
        assert refused == ["SR_OPERATION_NOT_SUPPORTED", other]


async def test_introducing_a_record(lab: Lab) -> None:
    sr = await lab.sr()
    rest = ("user", False, False, {}, "here", {}, {}, False, 5, 6, NULL_REF, True, NEVER, NULL_REF, False)
    refused = await lab.refused("VDI.pool_introduce", "odd", "n", "", sr, *rest)
    assert refused == ["UUID_INVALID", "VDI", "odd"]
    uuid = "11111111-2222-3333-4444-555555555555"
    vdi = lab.get_vdi(await lab.call("VDI.pool_introduce", uuid, "n", "", sr, *rest))
    assert (vdi.managed, vdi.virtual_size, vdi.is_a_snapshot) == (False, 5, True)
    refused = await lab.refused("VDI.pool_introduce", uuid, "n", "", sr, *rest)
    assert refused == ["LOCATION_NOT_UNIQUE", sr, "here"]


async def test_on_boot_needs_halted_vms(lab: Lab) -> None:
    vdi = await lab.vdi(await lab.sr())
    vm = await lab.vm("Paused")
    vbd = await lab.vbd(vm, vdi)
    for message, value in (("VDI.set_on_boot", "reset"), ("VDI.set_allow_caching", True)):
        assert await lab.refused(message, vdi, value) == ["VM_BAD_POWER_STATE", vm, "halted", "paused"]
    await lab.call("VBD.destroy", vbd)
    await lab.call("VDI.set_on_boot", vdi, "reset")
    await lab.call("VDI.set_allow_caching", vdi, True)
    assert (lab.get_vdi(vdi).on_boot, lab.get_vdi(vdi).allow_caching) == ("reset", True)
    code = "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"
    assert await lab.refused("VDI.snapshot", vdi, {}) == [code]


async def test_odd_messages(lab: Lab) -> None:
    nfs = await lab.sr("nfs")
    vdi = await lab.vdi(nfs)
    assert await lab.refused("VDI.force_unlock", vdi) == ["MESSAGE_DEPRECATED"]
    assert await lab.call("VDI.generate_config", lab.hosts[0], vdi)
    nobody = await lab.refused("VDI.generate_config", "OpaqueRef:none", vdi)
    assert nobody == ["HANDLE_INVALID", "host", "OpaqueRef:none"]
    assert await lab.refused("VDI.open_database", vdi) == ["VDI_INCOMPATIBLE_TYPE", vdi, "User"]
    assert await lab.call("VDI.read_database_pool_uuid", vdi) == ""
    await lab.call("VDI.update", vdi)
    assert await lab.call("VDI.checksum", vdi) == "96995b58d4cbf6aaa9041b4f00c7f6ae"  # 8 MiB of zeros


async def test_crash_dumps(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr)
    dump = await lab.put(Crashdump, VM=await lab.vm(), VDI=vdi)
    await lab.attached(await lab.vm("Running"), vdi)
    await lab.call("crashdump.destroy", dump)
    assert lab.store.find(Crashdump, dump) is None
    assert lab.store.find(VDI, vdi) is not None


# Snapshots and clones


async def test_a_snapshot(lab: Lab) -> None:
    sr = await lab.sr()
    keys = {"other_config": {"a": "b"}, "xenstore_data": {"c": "d"}, "sm_config": {"mine": "yes"}}
    source = await lab.vdi(sr, name_label="n", name_description="d", tags=("t",), **keys)
    lab.clock.time = 1_000_000_000.0
    vdi = lab.get_vdi(await lab.call("VDI.snapshot", source, {}))
    origin = lab.get_vdi(source)
    assert (vdi.is_a_snapshot, vdi.snapshot_of, vdi.snapshot_time) == (True, source, "20010909T01:46:40Z")
    assert origin.snapshots == (vdi.ref,)
    assert (vdi.name_label, vdi.name_description, vdi.tags) == ("n", "d", ())
    assert (vdi.other_config, vdi.xenstore_data) == ({"a": "b"}, {"c": "d"})
    assert vdi.sm_config["mine"] == "yes"
    base = lab.store.by_uuid(VDI, vdi.sm_config["vhd-parent"])
    assert origin.sm_config["vhd-parent"] == base.uuid
    assert (base.managed, base.read_only, base.name_label, base.is_a_snapshot) == (False, True, "base copy", False)
    assert lab.get_sr(sr).virtual_allocation == 16 * MIB
    await lab.call("SR.scan", sr)
    assert lab.get_sr(sr).virtual_allocation == 24 * MIB
    assert len(lab.get_sr(sr).VDIs) == 3
    await lab.call("VDI.destroy", source)
    assert lab.store.find(VDI, vdi.ref) is not None


@pytest.mark.parametrize(("kind", "carried"), [("lvm", {"mine": "yes", "vdi_type": "vhd"}), ("ext", {})])
@pytest.mark.parametrize("message", ["VDI.snapshot", "VDI.clone"])
async def test_what_is_noted_for_the_backend_is_carried_on_volumes(
    lab: Lab, kind: str, carried: dict[str, str], message: str
) -> None:
    source = await lab.vdi(await lab.sr(kind))
    config = lab.get_vdi(source).sm_config
    own = {"paused": "true", "host_OpaqueRef:x": "RW"}
    await lab.set(VDI, source, sm_config={**config, **own, "mine": "yes"})
    vdi = lab.get_vdi(await lab.call(message, source, {}))
    assert vdi.sm_config == {**carried, "vhd-parent": lab.get_vdi(source).sm_config["vhd-parent"]}


async def test_what_a_disk_holds_has_another_name_after_it_was_written(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    source, target = [await lab.vdi(sr, other_config={"content_id": name}) for name in ("one", "two")]
    await lab.call("VDI.copy", source, NULL_REF, NULL_REF, target)
    assert lab.get_vdi(source).other_config == {"content_id": "one"}
    assert lab.get_vdi(target).other_config["content_id"] not in ("one", "two")
    made = lab.get_vdi(await lab.call("VDI.copy", source, sr, *NONE))
    assert made.other_config["content_id"] != "one"


async def test_a_clone(lab: Lab) -> None:
    source = await lab.vdi(await lab.sr("nfs"), sm_config={"mine": "yes"})
    await lab.call("VDI.enable_cbt", source)
    vdi = lab.get_vdi(await lab.call("VDI.clone", source, {}))
    assert (vdi.is_a_snapshot, vdi.snapshot_of, vdi.cbt_enabled) == (False, NULL_REF, False)
    assert vdi.snapshot_time != NEVER
    assert set(vdi.sm_config) == {"vhd-parent"}


async def test_hidden_disks_go_with_the_last_that_needs_them(lab: Lab) -> None:
    sr = await lab.sr()
    source = await lab.vdi(sr)
    snapshot = await lab.call("VDI.snapshot", source, {})
    await lab.call("VDI.destroy", snapshot)
    await lab.call("VDI.destroy", source)
    assert "dirty" in lab.get_sr(sr).other_config
    await lab.call("SR.scan", sr)
    assert lab.get_sr(sr).VDIs == ()
    assert lab.get_sr(sr).physical_utilisation == 0


async def test_what_cannot_be_snapshotted(lab: Lab) -> None:
    sr = await lab.sr()
    shared = await lab.vdi(sr, sharable=True)
    assert await lab.refused("VDI.snapshot", shared, {}) == ["VDI_IS_SHARABLE", shared]
    raw = await lab.vdi(sr, sm_config={"type": "raw"})
    assert await lab.refused("VDI.snapshot", raw, {}) == ["UNIMPLEMENTED_IN_SM_BACKEND", sr]
    await lab.set(VDI, raw, managed=False)
    assert await lab.refused("VDI.snapshot", raw, {}) == ["VDI_NOT_MANAGED", raw]


async def test_clones_of_raw_disks_are_copies(lab: Lab) -> None:
    sr = await lab.sr()
    raw = await lab.vdi(sr, sm_config={"type": "raw"}, name_label="n", tags=("t",), other_config={"a": "b"})
    vdi = lab.get_vdi(await lab.call("VDI.clone", raw, {}))
    assert (vdi.name_label, vdi.tags, vdi.is_a_snapshot) == ("n", (), False)
    assert noted(vdi) == {"a": "b"}
    assert vdi.snapshot_time == NEVER


async def test_chains_have_an_end(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    vdi = await lab.vdi(sr)
    driver, uuid = lab.services.storage.driver("nfs"), lab.get_sr(sr).uuid
    for _ in range(29):
        async with driver.opened(uuid, lab.get_vdi(vdi).location, writable=True) as image:
            await image.write(0, b"x")
        await lab.call("VDI.snapshot", vdi, {})
    assert (await lab.refused("VDI.snapshot", vdi, {}))[0] == "SR_BACKEND_FAILURE_109"


# Copies


async def test_a_copy(lab: Lab) -> None:
    source_sr, target_sr = await lab.sr(), await lab.sr("nfs")
    keys = {"name_label": "n", "tags": ("t",), "other_config": {"a": "b"}, "xenstore_data": {"c": "d"}}
    source = await lab.vdi(source_sr, sm_config={"mine": "yes"}, **keys)
    await lab.set(VDI, source, read_only=True, allow_caching=True, on_boot="reset")
    vdi = lab.get_vdi(await lab.call("VDI.copy", source, target_sr, *NONE))
    assert {**{name: getattr(vdi, name) for name in keys}, "other_config": noted(vdi)} == keys
    assert (vdi.SR, vdi.read_only, vdi.allow_caching, vdi.on_boot) == (target_sr, False, True, "reset")
    assert vdi.sm_config == {}
    assert not list(lab.store.all(VBD))
    assert "copy" in lab.get_vdi(source).allowed_operations


async def test_into_what_a_disk_can_be_copied(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    source, small, large = await lab.vdi(sr, 8 * MIB), await lab.vdi(sr, 2 * MIB), await lab.vdi(sr, 10 * MIB)
    refused = await lab.refused("VDI.copy", source, NULL_REF, NULL_REF, small)
    assert refused == ["VDI_TOO_SMALL", small, str(8 * MIB)]
    assert await lab.call("VDI.copy", source, NULL_REF, NULL_REF, large) == large
    await lab.set(VDI, large, read_only=True)
    assert await lab.refused("VDI.copy", source, NULL_REF, NULL_REF, large) == ["VDI_READONLY", large]
    raw = await lab.vdi(await lab.sr(), 8 * MIB, sm_config={"type": "raw"})
    assert await lab.refused("VDI.copy", source, NULL_REF, small, raw) == ["VDI_NOT_SPARSE", raw]
    assert (await lab.refused("VDI.copy", source, NULL_REF, *NONE))[0] == "HANDLE_INVALID"
    await lab.set(VDI, source, managed=False)
    assert await lab.refused("VDI.copy", source, sr, *NONE) == ["VDI_NOT_MANAGED", source]


async def test_which_host_copies(lab: Lab) -> None:
    shared, local, remote = await lab.sr("nfs"), await lab.sr("ext"), await lab.sr("ext", host=1)
    # One that sees both, slaves first; and the master's connection is not needed to read.
    await lab.call("PBD.unplug", lab.pbd(shared, 0))
    with pytest.raises(ApiError) as caught:
        await lab.vdi(shared)
    assert caught.value.description == ["SR_HAS_NO_PBDS", shared]
    await lab.call("PBD.plug", lab.pbd(shared, 0))
    source = await lab.vdi(shared)
    await lab.call("PBD.unplug", lab.pbd(shared, 0))
    for target in (local, remote):
        made = await lab.call("VDI.copy", source, target, *NONE)
        assert target == lab.get_vdi(made).SR
    await lab.call("PBD.unplug", lab.pbd(shared, 1))
    assert await lab.refused("VDI.copy", source, local, *NONE) == ["SR_HAS_NO_PBDS", shared]
    await lab.call("PBD.plug", lab.pbd(shared, 1))
    metrics = lab.store.get(Host, lab.hosts[1]).metrics
    await lab.set(HostMetrics, metrics, live=False)
    assert await lab.refused("VDI.copy", source, local, *NONE) == ["HOST_OFFLINE", lab.hosts[1]]
    await lab.call("PBD.plug", lab.pbd(shared, 0))
    await lab.call("VDI.copy", source, local, *NONE)


class SlowTask(FakeTask):
    """A task that is cancelled when the work is half done."""

    async def progress(self, value: float) -> None:
        await super().progress(value)
        self.cancelled = value >= 0.5


class TestSlowCopies:
    @pytest.fixture
    def settings(self) -> NominalSettings:
        return NominalSettings(sr_size=100 * GIB, copy_rate=MIB)

    async def test_progress_is_told_and_devices_are_shown(self, lab: Lab) -> None:
        sr = await lab.sr()
        source = await lab.vdi(sr, 16 * MIB)
        ctx = context(lab.services)
        copying = asyncio.create_task(vdi_copies.copy(ctx, source, sr, *NONE))
        while not lab.store.get(VDI, source).VBDs:  # noqa: ASYNC110  no event tells of it
            await asyncio.sleep(0)
        device = lab.get_vbd(lab.get_vdi(source).VBDs[0])
        assert (device.mode, device.currently_attached) == ("RO", True)
        assert device.other_config["task_id"] == ctx.task.ref
        assert lab.get_vdi(source).current_operations == {ctx.task.ref: "copy"}
        made = await copying
        assert ctx.task.reached == [mebibyte / 16 for mebibyte in range(1, 17)]  # type: ignore[attr-defined]
        assert lab.get_vdi(made).physical_utilisation >= 16 * MIB
        assert not list(lab.store.all(VBD))

    async def test_a_cancelled_copy_leaves_nothing(self, lab: Lab) -> None:
        sr = await lab.sr()
        source = await lab.vdi(sr, 16 * MIB)
        ctx = context(lab.services)
        ctx.task = SlowTask()
        with pytest.raises(ApiError) as caught:
            await vdi_copies.copy(ctx, source, sr, *NONE)
        assert caught.value.description == ["TASK_CANCELLED", ctx.task.ref]
        assert lab.get_sr(sr).VDIs == (source,)
        assert lab.get_vdi(source).current_operations == {}


# Changed blocks


async def test_tracking_needs_a_licence_and_a_disk_that_can(lab: Lab) -> None:
    sr = await lab.sr()
    raw = await lab.vdi(sr, sm_config={"type": "raw"})
    assert (await lab.refused("VDI.enable_cbt", raw))[0] == "SR_BACKEND_FAILURE_66"
    vdi = await lab.vdi(sr)
    await lab.set(Pool, lab.pool.ref, restrictions={"restrict_cbt": "true"})
    assert await lab.refused("VDI.enable_cbt", vdi) == ["LICENCE_RESTRICTION", "CBT"]
    await lab.call("VDI.disable_cbt", vdi)


async def test_changed_blocks(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    vdi = await lab.vdi(sr, 2 * MIB)
    await lab.call("VDI.enable_cbt", vdi)
    await lab.call("VDI.enable_cbt", vdi)
    first = await lab.call("VDI.snapshot", vdi, {})
    driver, uuid = lab.services.storage.driver("nfs"), lab.get_sr(sr).uuid
    async with driver.opened(uuid, lab.get_vdi(vdi).location, writable=True) as image:
        await image.write(65_536, b"x" * 65_537)
    second = await lab.call("VDI.snapshot", vdi, {})
    third = await lab.call("VDI.snapshot", vdi, {})
    expected = base64.b64encode(bytes([0b01100000, 0, 0, 0])).decode()
    assert await lab.call("VDI.list_changed_blocks", first, second) == expected
    assert await lab.call("VDI.list_changed_blocks", first, vdi) == expected
    assert base64.b64decode(await lab.call("VDI.list_changed_blocks", second, third)) == bytes(4)
    for older, newer in ((first, first), (second, first)):
        assert (await lab.refused("VDI.list_changed_blocks", older, newer))[0] == "SR_BACKEND_FAILURE_460"
    await lab.call("VDI.destroy", second)
    assert await lab.call("VDI.list_changed_blocks", first, third) == expected
    await lab.call("VDI.data_destroy", first)
    assert await lab.call("VDI.list_changed_blocks", first, third) == expected
    await lab.call("VDI.disable_cbt", vdi)
    assert (await lab.refused("VDI.list_changed_blocks", first, vdi))[0] == "SR_BACKEND_FAILURE_460"
    nothing = await lab.refused("VDI.list_changed_blocks", "OpaqueRef:none", vdi)
    assert nothing == ["HANDLE_INVALID", "VDI", "OpaqueRef:none"]


async def test_destroying_the_data_of_a_snapshot(lab: Lab) -> None:
    sr = await lab.sr()
    vdi = await lab.vdi(sr)
    await lab.call("VDI.enable_cbt", vdi)
    snapshot = await lab.call("VDI.snapshot", vdi, {})
    allocated = lab.get_sr(sr).virtual_allocation
    vbd = await lab.vbd(await lab.vm(), snapshot)
    before = lab.clock.time
    assert await lab.refused("VDI.data_destroy", snapshot) == ["VDI_IN_USE", snapshot, "data_destroy"]
    assert lab.clock.time - before == pytest.approx(4.0, abs=0.3)
    assert lab.get_vdi(snapshot).type == "user"
    await lab.call("VBD.destroy", vbd)
    await lab.call("VDI.data_destroy", snapshot)
    await lab.call("VDI.data_destroy", snapshot)
    left = lab.get_vdi(snapshot)
    assert (left.type, left.is_a_snapshot, left.snapshot_of, left.cbt_enabled) == ("cbt_metadata", True, vdi, True)
    assert "content_id" in left.other_config
    assert lab.get_sr(sr).virtual_allocation == allocated - left.virtual_size
    await lab.call("SR.scan", sr)
    assert lab.get_vdi(snapshot).type == "cbt_metadata"
    assert await lab.refused("VDI.get_nbd_info", snapshot) == ["VDI_INCOMPATIBLE_TYPE", snapshot, "CBT metadata"]


async def test_where_a_disk_is_read_over_the_network(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    vdi = lab.get_vdi(await lab.vdi(sr))
    assert await lab.call("VDI.get_nbd_info", vdi.ref) == []
    network = await lab.put(Network, purpose=("nbd",))
    addresses = {"IP": "10.0.0.1", "IPv6": ("fd00::1", "")}
    await lab.put(PIF, host=lab.hosts[1], network=network, currently_attached=True, **addresses)
    await lab.set(Host, lab.hosts[1], hostname="h1")
    found = await lab.call("VDI.get_nbd_info", vdi.ref)
    assert [one["address"] for one in found] == ["10.0.0.1", "fd00::1"]
    assert found[0]["exportname"] == f"/{vdi.uuid}?session_id={lab.ctx.caller.session}"
    assert (found[0]["port"], found[0]["subject"]) == (10809, "h1")
    await lab.call("PBD.unplug", lab.pbd(sr, 1))
    assert await lab.call("VDI.get_nbd_info", vdi.ref) == []


async def test_an_sr_that_goes_takes_no_device_along_at_once(lab: Lab) -> None:
    sr = await lab.sr()
    vbd = await lab.vbd(await lab.vm(), await lab.vdi(sr))
    await lab.call("PBD.unplug", lab.pbd(sr))
    await lab.call("SR.forget", sr)
    assert lab.store.find(SR, sr) is None
    assert lab.store.find(VBD, vbd) is not None
