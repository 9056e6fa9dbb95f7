"""What SRs and disks say of their sizes, and that it adds up, whatever is done with the disks."""

from __future__ import annotations

import pytest

from tests.storage.conftest import GIB, MIB, Lab
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.operations.storage.plugging import prepare_disks
from xapi_async.storage.driver import SR_UNAVAILABLE, BackendError
from xapi_async.storage.nominal_settings import NominalSettings

VHD_KINDS = ("lvm", "ext", "nfs", "lvmoiscsi")


def sizes(lab: Lab, sr: str) -> tuple[int, int, int]:
    found = lab.get_sr(sr)
    return found.virtual_allocation, found.physical_utilisation, found.physical_size


def visible(lab: Lab, sr: str) -> list[VDI]:
    return [lab.get_vdi(ref) for ref in lab.get_sr(sr).VDIs]


@pytest.mark.parametrize("kind", VHD_KINDS)
async def test_every_change_shows_at_once_and_a_scan_agrees(lab: Lab, kind: str) -> None:
    sr = await lab.sr(kind)
    allocation = 0
    first = await lab.vdi(sr, 3 * MIB)
    allocation += 4 * MIB
    assert sizes(lab, sr)[0] == allocation
    await lab.call("VDI.resize", first, 5 * MIB)
    allocation += 2 * MIB
    assert sizes(lab, sr)[0] == allocation
    for message, args in (("VDI.clone", ({},)), ("VDI.snapshot", ({},)), ("VDI.copy", (sr, *["OpaqueRef:NULL"] * 2))):
        await lab.call(message, first, *args)
        allocation += 6 * MIB
        assert sizes(lab, sr)[0] == allocation, message
        assert sizes(lab, sr)[1] == sum(vdi.physical_utilisation for vdi in visible(lab, sr)), message
        assert sizes(lab, sr)[2] == 100 * GIB
    await lab.call("SR.scan", sr)
    # Hidden disks count from the first scan on.
    assert sizes(lab, sr)[0] == sum(vdi.virtual_size for vdi in visible(lab, sr))
    assert sizes(lab, sr)[1] == sum(vdi.physical_utilisation for vdi in visible(lab, sr))
    for vdi in [vdi.ref for vdi in visible(lab, sr) if vdi.managed]:
        await lab.call("VDI.destroy", vdi)
    await lab.call("SR.scan", sr)
    assert sizes(lab, sr) == (0, 0, 100 * GIB)


@pytest.mark.parametrize("kind", VHD_KINDS)
@pytest.mark.parametrize("scanned", [False, True])
async def test_a_disk_without_data_counts_no_more(lab: Lab, kind: str, scanned: bool) -> None:
    sr = await lab.sr(kind)
    disk = await lab.vdi(sr)
    await lab.call("VDI.enable_cbt", disk)
    snapshot = await lab.call("VDI.snapshot", disk, {})
    await lab.call("VDI.data_destroy", snapshot)
    assert sizes(lab, sr)[0] == 8 * MIB
    if scanned:
        await lab.call("SR.scan", sr)
    before = sizes(lab, sr)[0]
    await lab.call("VDI.destroy", snapshot)
    assert sizes(lab, sr)[0] == before
    await lab.call("VDI.destroy", disk)
    await lab.call("SR.scan", sr)
    assert sizes(lab, sr)[:2] == (0, 0)
    assert visible(lab, sr) == []


@pytest.mark.parametrize("kind", ["lvm", "nfs"])
async def test_hidden_disks_go_all_the_way_down(lab: Lab, kind: str) -> None:
    sr = await lab.sr(kind)
    disk = await lab.vdi(sr)
    await lab.call("VDI.enable_cbt", disk)
    driver = lab.services.storage.driver(kind)
    snapshots = []
    for _ in range(3):
        async with driver.opened(lab.get_sr(sr).uuid, lab.get_vdi(disk).location, writable=True) as image:
            await image.write(0, b"x")
        snapshots.append(await lab.call("VDI.snapshot", disk, {}))
    await lab.call("VDI.destroy", disk)
    for snapshot in snapshots:
        await lab.call("VDI.data_destroy", snapshot)
    await lab.call("SR.scan", sr)
    assert {vdi.ref for vdi in visible(lab, sr)} == set(snapshots)
    assert sizes(lab, sr)[:2] == (0, 0)


@pytest.mark.parametrize(
    ("kind", "asked", "raw", "given"),
    [
        *((kind, asked, False, given) for kind in VHD_KINDS for asked, given in ((0, 2), (1, 2), (2, 2), (3, 4))),
        *(("lvm", asked, True, given) for asked, given in ((0, 4), (1, 4), (4, 4), (5, 8))),
        *(("nfs", asked, True, given) for asked, given in ((0, 2), (3, 4))),
        *(("iso", asked, False, asked) for asked in (0, 1, 3)),
    ],
)
async def test_sizes_are_rounded_up(lab: Lab, kind: str, asked: int, raw: bool, given: int) -> None:
    sr = await lab.sr(kind)
    vdi = await lab.vdi(sr, asked * MIB, sm_config={"type": "raw"} if raw else {})
    assert lab.get_vdi(vdi).virtual_size == given * MIB


@pytest.mark.parametrize("kind", ["iso", "udev"])
async def test_srs_that_are_what_is_in_them(lab: Lab, kind: str) -> None:
    sr = await lab.sr(kind)
    if kind == "iso":
        for size in (MIB, 3):
            await lab.vdi(sr, size)
    else:
        for location in ("/dev/a", "/dev/b"):
            await lab.call("VDI.introduce", "", "", "", sr, "user", False, False, {}, location, {}, {})
    for _ in range(2):
        total = sum(vdi.virtual_size for vdi in visible(lab, sr))
        assert sizes(lab, sr) == (total, total, total)
        assert all(vdi.physical_utilisation == vdi.virtual_size for vdi in visible(lab, sr))
        await lab.call("SR.scan", sr)


class TestFullVolumes:
    @pytest.fixture
    def settings(self) -> NominalSettings:
        return NominalSettings(sr_size=40 * MIB)

    async def test_a_snapshot_needs_room_for_what_the_disk_holds(self, lab: Lab) -> None:
        sr = await lab.sr("lvm")
        disk = await lab.vdi(sr, 16 * MIB)
        driver = lab.services.storage.driver("lvm")
        async with driver.opened(lab.get_sr(sr).uuid, lab.get_vdi(disk).location, writable=True) as image:
            await image.write(0, bytes(16 * MIB))
        before = sizes(lab, sr)
        assert (await lab.refused("VDI.snapshot", disk, {}))[0] == "SR_BACKEND_FAILURE_44"
        assert (await lab.refused("VDI.clone", disk, {}))[0] == "SR_BACKEND_FAILURE_44"
        assert (await lab.refused("VDI.resize", disk, 64 * MIB))[0] == "SR_BACKEND_FAILURE_44"
        assert sizes(lab, sr) == before
        assert [vdi.ref for vdi in visible(lab, sr)] == [disk]
        assert before[1] <= before[2]


async def test_a_disk_that_is_gone_has_no_record_though_nobody_can_tell_how_full_the_sr_is(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sr = await lab.sr()
    disk = await lab.vdi(sr)

    async def lost(sr: str) -> None:
        raise BackendError(SR_UNAVAILABLE)

    monkeypatch.setattr(lab.services.storage.driver("lvm"), "state", lost)
    await lab.call("VDI.resize", disk, 20 * MIB)
    assert lab.get_vdi(disk).virtual_size == sizes(lab, sr)[0] == 20 * MIB
    await lab.call("VDI.destroy", disk)
    assert visible(lab, sr) == []
    assert sizes(lab, sr)[0] == 0


async def test_a_clone_of_a_disk_that_is_reset_is_reset_too(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    source = await lab.vdi(sr, 64 * MIB)
    await lab.call("VDI.set_on_boot", source, "reset")
    for made in (
        await lab.call("VDI.clone", source, {}),
        await lab.call("VDI.copy", source, sr, *["OpaqueRef:NULL"] * 2),
    ):
        assert lab.get_vdi(made).on_boot == "reset"
        driver, location = lab.services.storage.driver("nfs"), lab.get_vdi(made).location
        uuid = lab.get_sr(sr).uuid
        before = (await driver.disk(uuid, location)).physical_utilisation
        async with driver.opened(uuid, location, writable=True) as image:
            await image.write(0, bytes(8 * MIB))
        vm = await lab.vm("Running")
        await lab.vbd(vm, made)
        await prepare_disks(lab.services, vm, lab.hosts[0])
        assert (await driver.disk(uuid, location)).physical_utilisation == before
