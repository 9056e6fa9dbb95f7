"""Storage repositories over real folders: made, found, forgotten, taken up again, destroyed, and their sizes."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.client import refused
from tests.disks_live.lab import MIB, DiskLab, disk_lab, noise


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an NFS server would export, mounted."""
    return tmp_path_factory.mktemp("share")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, share: Path) -> Iterator[DiskLab]:
    folder = tmp_path_factory.mktemp("repositories")
    settings = folder / "settings.toml"
    settings.write_text(f'[files.mounts]\n"filer:/export/vms" = "{share}"\n"filer:/export/isos" = "{share}"\n')
    with disk_lab(folder, "--config", str(settings)) as lab:
        yield lab


@pytest.fixture(params=["ext", "file", "nfs"])
def place(request: pytest.FixtureRequest, lab: DiskLab, tmp_path: Path) -> tuple[str, dict[str, str], Path]:
    """A type of SR, its configuration, and the folder above its disks."""
    kind = request.param
    if kind == "ext":
        return kind, {"device": f"/dev/{tmp_path.name}"}, lab.server.folder / "disks"
    if kind == "file":
        return kind, {"location": str(tmp_path)}, tmp_path
    return kind, {"server": "filer", "serverpath": "/export/vms"}, Path(request.getfixturevalue("share"))


def made(lab: DiskLab, kind: str, config: dict[str, str], content: str = "user") -> str:
    """A new SR."""
    return str(lab.api.SR.create(lab.host, config, "0", "new", "", kind, content, False, {}))


def pbd_of(lab: DiskLab, sr: str) -> str:
    (pbd,) = lab.api.SR.get_PBDs(sr)
    return str(pbd)


def probed(lab: DiskLab, kind: str, config: dict[str, str]) -> set[str | None]:
    """The uuids of the SRs that a probe finds."""
    found = ElementTree.fromstring(lab.api.SR.probe(lab.host, config, kind, {}))
    return {item.text for item in found.iter("UUID")}


def test_the_life_of_an_sr(lab: DiskLab, place: tuple[str, dict[str, str], Path]) -> None:
    kind, config, above = place
    api = lab.api
    sr = made(lab, kind, config)
    name = api.SR.get_uuid(sr)
    pbd = pbd_of(lab, sr)
    assert api.PBD.get_currently_attached(pbd)
    if kind != "file":
        assert name in probed(lab, kind, config)
    vdi = lab.disk(4 * MIB, sr)
    data = noise(7, 4 * MIB)
    lab.fill(vdi, data)
    snapshot = api.VDI.snapshot(vdi)
    assert int(api.SR.get_virtual_allocation(sr)) == 8 * MIB
    space = os.statvfs(above)
    assert int(api.SR.get_physical_size(sr)) == space.f_blocks * space.f_frsize
    assert abs(int(api.SR.get_physical_utilisation(sr)) - (space.f_blocks - space.f_bfree) * space.f_frsize) < 1 << 30
    # Not while it is in use; and unplugged, nothing of it can be had.
    assert refused(api.SR.forget, sr) == ["SR_HAS_PBD", sr]
    api.PBD.unplug(pbd)
    assert not api.PBD.get_currently_attached(pbd)
    assert refused(api.VDI.snapshot, vdi, {}) == ["SR_HAS_NO_PBDS", sr]
    assert refused(api.SR.scan, sr) == ["SR_HAS_NO_PBDS", sr]
    api.PBD.plug(pbd)
    assert lab.content(vdi) == data
    # Forgotten, and taken up again with all that is in it.
    kept = {lab.uuid(vdi), lab.uuid(snapshot)}
    api.VDI.set_name_label(vdi, "the one")
    api.PBD.unplug(pbd)
    api.SR.forget(sr)
    assert refused(api.VDI.get_uuid, vdi)[0] == "HANDLE_INVALID"
    sr = api.SR.introduce(name, "again", "", kind, "user", False, {})
    assert int(api.SR.get_physical_size(sr)) == -1
    pbd = api.PBD.create({"host": lab.host, "SR": sr, "device_config": config, "other_config": {}})
    api.PBD.plug(pbd)
    api.SR.scan(sr)
    found = {lab.uuid(one): one for one in api.SR.get_VDIs(sr)}
    assert found.keys() == kept
    (vdi,) = api.VDI.get_by_name_label("the one")
    assert lab.content(vdi) == data
    again = next(one for one in found.values() if one != vdi)
    assert api.VDI.get_is_a_snapshot(again)
    assert api.VDI.get_snapshot_of(again) == vdi
    # Destroyed, once it is empty.
    api.PBD.unplug(pbd)
    assert refused(api.SR.destroy, sr) == ["SR_NOT_EMPTY"]
    api.PBD.plug(pbd)
    for one in found.values():
        api.VDI.destroy(one)
    assert int(api.SR.get_virtual_allocation(sr)) == 0
    api.PBD.unplug(pbd)
    api.SR.destroy(sr)
    assert not (above / name).exists()
    assert refused(api.PBD.get_uuid, pbd)[0] == "HANDLE_INVALID"


def test_images_put_there_by_hand(lab: DiskLab, tmp_path: Path) -> None:
    sr = made(lab, "file", {"location": str(tmp_path)})
    raw, name = noise(8, 3 * MIB), str(uuid.uuid4())
    (tmp_path / f"{name}.raw").write_bytes(raw)
    other = lab.disk()
    lab.fill(other, noise(9, 5 * MIB))
    (tmp_path / "machine.vhd").write_bytes(lab.content(other, "vhd"))
    (tmp_path / "broken.vhd").write_bytes(b"no image at all")
    lab.api.SR.scan(sr)
    found = {lab.api.VDI.get_name_label(vdi): vdi for vdi in lab.api.SR.get_VDIs(sr)}
    assert found.keys() == {name, "machine"}
    assert lab.uuid(found[name]) == name
    assert lab.content(found[name]) == raw
    assert lab.content(found["machine"]) == noise(9, 5 * MIB) + bytes(3 * MIB)
    # What is written goes beside the image, which stays as it is.
    clone = lab.api.VDI.clone(found[name])
    lab.put_chunks(found[name], (0, b"written"))
    assert lab.content(found[name]) == b"written" + raw[7:]
    assert lab.content(clone) == raw
    assert (tmp_path / f"{name}.raw").read_bytes() == raw
    copied = lab.api.VDI.copy(found["machine"], lab.sr)
    assert lab.content(copied) == lab.content(other)
    # Taken away again, it is gone at the next scan.
    (tmp_path / "machine.vhd").unlink()
    lab.api.SR.scan(sr)
    assert refused(lab.api.VDI.get_uuid, found["machine"])[0] == "HANDLE_INVALID"
    lab.api.VDI.destroy(found[name])
    assert (tmp_path / f"{name}.raw").exists()
    lab.api.VDI.destroy(clone)
    assert not (tmp_path / f"{name}.raw").exists()


@pytest.mark.parametrize("remote", [False, True])
def test_isos(lab: DiskLab, share: Path, tmp_path: Path, remote: bool) -> None:
    folder = share / "isos" if remote else tmp_path
    folder.mkdir(exist_ok=True)
    location = "filer:/export/isos" if remote else str(folder)
    image = noise(10, MIB + 2048)
    where = share if remote else tmp_path
    (where / "system.iso").write_bytes(image)
    (where / "notes.txt").write_bytes(b"no image")
    config = {"location": location, **({"type": "nfs_iso"} if remote else {"legacy_mode": "true"})}
    sr = made(lab, "iso", config, "iso")
    (vdi,) = lab.api.SR.get_VDIs(sr)
    record = lab.api.VDI.get_record(vdi)
    assert (record["name_label"], record["location"]) == ("system.iso", "system.iso")
    assert int(record["virtual_size"]) == int(record["physical_utilisation"]) == len(image)
    assert int(lab.api.SR.get_physical_size(sr)) == len(image)
    assert lab.content(vdi) == image
    # In and out of a drive, of a guest that runs and of one that does not.
    (template,) = lab.api.VM.get_by_name_label("Other install media")
    vm = lab.api.VM.clone(template, "with a drive")
    lab.api.VM.provision(vm)
    drive = {
        **dict.fromkeys(("bootable", "unpluggable"), True),
        **{key: {} for key in ("other_config", "qos_algorithm_params")},
        "VM": vm,
        "VDI": "OpaqueRef:NULL",
        "empty": True,
        "type": "CD",
        "mode": "RO",
        "userdevice": "3",
        "qos_algorithm_type": "",
    }
    vbd = lab.api.VBD.create(drive)
    lab.api.VBD.insert(vbd, vdi)
    lab.api.VM.start(vm, False, False)
    assert lab.api.VBD.get_VDI(vbd) == vdi
    assert refused(lab.api.PBD.unplug, pbd_of(lab, sr)) == ["VDI_IN_USE", vdi]
    lab.api.VBD.eject(vbd)
    (where / "second.iso").write_bytes(image[:2048])
    lab.api.SR.scan(sr)
    (second,) = lab.api.VDI.get_by_name_label("second.iso")
    lab.api.VBD.insert(vbd, second)
    lab.api.VM.hard_shutdown(vm)
    # Sent in, under a name of its own.
    sent: dict[str, Any] = {"sm_config": {"path": "sent.iso"}}
    target = lab.disk(MIB, sr, **sent)
    lab.fill(target, noise(11, MIB))
    assert (where / "sent.iso").read_bytes() == noise(11, MIB)
    assert int(lab.api.SR.get_physical_size(sr)) == len(image) + 2048 + MIB
    lab.api.VDI.destroy(target)
    # A file that vanishes takes its record along; a drive with it becomes empty by and by.
    (where / "second.iso").unlink()
    assert refused(lab.api.VM.start, vm, False, False)[0] == "SR_BACKEND_FAILURE_46"
    lab.api.SR.scan(sr)
    assert refused(lab.api.VDI.get_uuid, second)[0] == "HANDLE_INVALID"
    lab.api.PBD.unplug(pbd_of(lab, sr))
    lab.api.SR.forget(sr)
    assert (where / "system.iso").read_bytes() == image


def test_what_a_configuration_may_lack(lab: DiskLab, tmp_path: Path) -> None:
    before = set(lab.api.SR.get_all())
    cases: list[tuple[str, dict[str, str], str]] = [
        ("ext", {}, "SR_BACKEND_FAILURE_90"),
        ("file", {}, "SR_BACKEND_FAILURE_94"),
        ("nfs", {"serverpath": "/export/vms"}, "SR_BACKEND_FAILURE_102"),
        ("nfs", {"server": "filer"}, "SR_BACKEND_FAILURE_101"),
        ("nfs", {"server": "nobody", "serverpath": "/x"}, "SR_BACKEND_FAILURE_73"),
        ("iso", {"location": str(tmp_path / "none")}, "SR_BACKEND_FAILURE_226"),
        ("no-such", {}, "SR_UNKNOWN_DRIVER"),
    ]
    for kind, config, code in cases:
        assert refused(lab.api.SR.create, lab.host, config, "0", "x", "", kind, "", False, {})[0] == code, kind
    assert set(lab.api.SR.get_all()) == before
    failure = refused(lab.api.SR.probe, lab.host, {"server": "filer"}, "nfs", {})
    assert failure[0] == "SR_BACKEND_FAILURE_101"
    exports = ElementTree.fromstring(failure[3])
    assert {(item.text or "").strip() for item in exports.iter("Path")} == {"/export/isos", "/export/vms"}


def test_the_sr_of_a_fresh_host_looks_like_lvm(lab: DiskLab) -> None:
    record = lab.api.SR.get_record(lab.sr)
    assert record["type"] == "lvm"
    assert record["sm_config"]["use_vhd"] == "true"
    vdi = lab.disk(2 * MIB)
    assert lab.api.VDI.get_sm_config(vdi)["vdi_type"] == "vhd"
    raw = lab.disk(3 * MIB, sm_config={"type": "raw"})
    assert lab.api.VDI.get_sm_config(raw)["vdi_type"] == "aio"
    assert int(lab.api.VDI.get_virtual_size(raw)) == 4 * MIB
    snapshot = lab.api.VDI.snapshot(vdi)
    assert lab.api.VDI.get_sm_config(snapshot)["vdi_type"] == "vhd"
    assert refused(lab.api.VDI.snapshot, raw, {}) == ["UNIMPLEMENTED_IN_SM_BACKEND", lab.sr]
    lab.fill(raw, noise(12, 4 * MIB))
    clone = lab.api.VDI.clone(raw)
    assert lab.content(clone) == noise(12, 4 * MIB)
    before = int(lab.api.SR.get_virtual_allocation(lab.sr))
    lab.api.VDI.resize(vdi, str(5 * MIB))
    assert int(lab.api.VDI.get_virtual_size(vdi)) == 6 * MIB
    assert int(lab.api.SR.get_virtual_allocation(lab.sr)) == before + 4 * MIB
    assert refused(lab.api.VDI.resize, vdi, str(2 * MIB))[0] == "SR_BACKEND_FAILURE_79"
    total = sum(int(lab.api.VDI.get_virtual_size(one)) for one in lab.api.SR.get_VDIs(lab.sr))
    assert int(lab.api.SR.get_virtual_allocation(lab.sr)) == total
    lab.api.SR.scan(lab.sr)
    assert int(lab.api.SR.get_virtual_allocation(lab.sr)) == total
    assert lab.api.VDI.get_sm_config(vdi)["vdi_type"] == "vhd"
    assert lab.disagreements() == []


def test_a_disk_for_copies_of_the_database(lab: DiskLab) -> None:
    api = lab.api
    config = {"target": "192.0.2.1", "targetIQN": "iqn.2018-02.example:disks", "SCSIid": "3600c0ffee"}
    assert refused(api.SR.enable_database_replication, lab.sr) == ["SR_OPERATION_NOT_SUPPORTED", lab.sr]
    failure = refused(api.SR.probe, lab.host, {"target": "192.0.2.1"}, "lvmoiscsi", {})
    assert failure[0] == "SR_BACKEND_FAILURE_96"
    assert "<TargetIQN>" in failure[3]
    sr = api.SR.create(lab.host, config, "0", "LUN", "", "lvmoiscsi", "", True, {})
    assert api.SR.get_uuid(sr) in probed(lab, "lvmoiscsi", config)
    for _ in range(2):
        api.SR.enable_database_replication(sr)
        (log,) = api.SR.get_VDIs(sr)
        (vbd,) = api.VDI.get_VBDs(log)
        assert api.VBD.get_currently_attached(vbd)
    record = api.VDI.get_record(log)
    assert (record["type"], record["metadata_of_pool"], record["metadata_latest"]) == ("metadata", lab.pool, True)
    assert int(record["virtual_size"]) == 256 * MIB
    api.SR.disable_database_replication(sr)
    assert api.SR.get_VDIs(sr) == []
    assert refused(api.VBD.get_uuid, vbd)[0] == "HANDLE_INVALID"


def test_a_probe_for_databases_tells_what_srs_are_called(lab: DiskLab, tmp_path: Path) -> None:
    api = lab.api
    config = {"target": "192.0.2.1", "targetIQN": "iqn.2018-02.example:dr", "SCSIid": f"3600{tmp_path.name}"}
    sr = made(lab, "lvmoiscsi", config)
    api.SR.set_name_label(sr, "the <LUN>")

    def found() -> dict[str, str]:
        text = api.SR.probe(lab.host, config, "lvmoiscsi", {"metadata": "true"})
        return {item.tag: (item.text or "").strip() for item in ElementTree.fromstring(text)[0]}

    assert (found()["name_label"], found()["pool_metadata_detected"]) == ("the <LUN>", "false")
    lab.disk(2 * MIB, sr, type="metadata")
    api.PBD.unplug(pbd_of(lab, sr))
    api.SR.forget(sr)
    assert (found()["name_label"], found()["pool_metadata_detected"]) == ("the <LUN>", "true")
    shares = api.SR.probe(lab.host, {"server": "filer", "serverpath": "/export/vms", "probeversion": ""}, "nfs", {})
    assert [item.text for item in ElementTree.fromstring(shares).iter("Version")] == ["3", "4"]


def test_a_device_is_for_one_sr(lab: DiskLab) -> None:
    api = lab.api

    def create(kind: str, config: dict[str, str]) -> str:
        return str(api.SR.create(lab.host, config, "0", "second", "", kind, "user", False, {}))

    (own,) = api.SR.get_PBDs(lab.sr)
    device = api.PBD.get_device_config(own)["device"]
    before = set(api.SR.get_all()), set(api.PBD.get_all())
    for kind, config in (("ext", {"device": device}), ("lvm", {"device": f"/dev/sdx,{device}"})):
        assert refused(create, kind, config) == ["SR_DEVICE_IN_USE"]
    assert (set(api.SR.get_all()), set(api.PBD.get_all())) == before
    lun = {"target": "192.0.2.1", "targetIQN": "iqn.2018-02.example:disks", "SCSIid": "3600d0ffee"}
    first = create("lvmoiscsi", lun)
    assert refused(create, "lvmohba", {"SCSIid": lun["SCSIid"]}) == ["SR_DEVICE_IN_USE"]
    other = create("lvmoiscsi", {**lun, "SCSIid": "3600d0ffef"})
    # Once the first is not in use any more, its device may be made another SR.
    (pbd,) = api.SR.get_PBDs(first)
    api.PBD.unplug(pbd)
    second = create("lvmoiscsi", lun)
    for sr in (other, second):
        api.PBD.unplug(api.SR.get_PBDs(sr)[0])
        api.SR.destroy(sr)
    api.SR.destroy(first)


def test_a_pool_of_several_hosts_may_keep_disks_in_files(tmp_path: Path) -> None:
    with disk_lab(tmp_path, "--hosts", "2", "--set", "server.disks=files") as lab:
        api = lab.api
        assert (api.SR.get_type(lab.sr), api.SR.get_shared(lab.sr)) == ("nfs", True)
        assert all(api.PBD.get_currently_attached(pbd) for pbd in api.SR.get_PBDs(lab.sr))
        local = [sr for sr in api.SR.get_all() if api.SR.get_type(sr) == "lvm"]
        disk = lab.disk(4 * MIB, local[1])
        lab.fill(disk, noise(8, 4 * MIB))
        copy = api.VDI.copy(disk, lab.sr, "OpaqueRef:NULL", "OpaqueRef:NULL")
        assert lab.content(copy) == noise(8, 4 * MIB)
        pbd = api.SR.get_PBDs(lab.sr)[0]
        config = api.PBD.get_device_config(pbd)
        uuids = ElementTree.fromstring(api.SR.probe(lab.host, config, "nfs", {})).iterfind("SR/UUID")
        assert [item.text for item in uuids] == [api.SR.get_uuid(lab.sr)]
        other = {**config, "serverpath": "/export/../../elsewhere"}
        assert refused(api.SR.create, lab.host, other, "0", "", "", "nfs", "", True, {})[0] == "SR_BACKEND_FAILURE_73"
