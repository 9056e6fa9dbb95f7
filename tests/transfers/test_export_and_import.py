"""VMs exported to archives, and imported from them."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import tarfile
import xmlrpc.client
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import ended, until
from tests.transfers.conftest import Site

MIB = 1 << 20
NULL_REF = "OpaqueRef:NULL"
SIZE = 16 * MIB
NO_QOS = {"qos_algorithm_type": "", "qos_algorithm_params": {}}
DISK = {
    "name_label": "disk", "name_description": "", "virtual_size": str(SIZE), "type": "user", "sharable": False,
    "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": [],
}  # fmt: skip
DEVICE = {
    "userdevice": "0", "bootable": False, "mode": "RW", "type": "Disk", "empty": False, "unpluggable": True,
    "other_config": {}, **NO_QOS,
}  # fmt: skip
INTERFACE = {"device": "0", "MAC": "", "MTU": "1500", "other_config": {}, **NO_QOS}


class Source:
    """A VM with a network interface and a disk with something on it. content: of the disk."""

    def __init__(self, site: Site) -> None:
        self.site = site
        (template,) = site.api.VM.get_by_name_label("Other install media")
        self.vm = site.api.VM.clone(template, "source")
        site.api.VM.provision(self.vm)
        sr = site.api.pool.get_default_SR(site.api.pool.get_all()[0])
        self.vdi = site.api.VDI.create({**DISK, "SR": sr})
        site.api.VBD.create({**DEVICE, "VM": self.vm, "VDI": self.vdi})
        network = site.api.network.get_all()[0]
        site.api.VIF.create({**INTERFACE, "VM": self.vm, "network": network})
        self.content = b"beginning" + bytes(5 * MIB) + b"middle" * 1000
        assert site.ask("PUT", "/import_raw_vdi", self.content, vdi=self.vdi).status == 200


@pytest.fixture(scope="module")
def source(site: Site) -> Source:
    return Source(site)


@pytest.fixture(scope="module")
def archive(site: Site, source: Source) -> bytes:
    answer = site.ask("GET", "/export", ref=source.vm)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="export.xva"'
    assert "content-length" not in answer.headers
    assert site.api.task.get_status(answer.headers["task-id"]) == "success"
    return answer.body


def files_of(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def objects_of(archive: bytes) -> tuple[dict[str, str], dict[str, list[Any]]]:
    text = files_of(archive)["ova.xml"].decode()
    (value,), _ = xmlrpc.client.loads(f"<params><param>{text[text.index('<value>') :]}</param></params>")
    found: dict[str, list[Any]] = {}
    for one in value["objects"]:
        found.setdefault(one["class"], []).append(one)
    return value["version"], found


def packed(files: dict[str, bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return output.getvalue()


def brought(site: Site, body: bytes, path: str = "/import", **query: str) -> tuple[list[str], Any]:
    """The VMs that an import brings, and its task, which must end well."""
    record = tried(site, body, path, **query)
    assert record["status"] == "success", record
    (refs,), _ = xmlrpc.client.loads(f"<params><param>{record['result']}</param></params>")
    return refs, record


def tried(site: Site, body: bytes, path: str = "/import", **query: str) -> Any:
    task = site.api.task.create("import", "")
    answer = site.ask("PUT", path, body, task_id=task, **query)
    if answer.status == 200:
        assert answer.headers["task-id"] == task
    return ended(site.api, task)


def test_what_is_in_an_archive(archive: bytes) -> None:
    files = files_of(archive)
    assert next(iter(files)) == "ova.xml"
    version, objects = objects_of(archive)
    assert (version["export_vsn"], version["xapi_major"], version["product_version"]) == ("2", "1", "7.4.0")
    vm = objects["VM"][0]["snapshot"]
    assert (vm["power_state"], vm["is_a_snapshot"], vm["metrics"]) == ("Halted", False, NULL_REF)
    (vdi,) = objects["VDI"]
    assert (vdi["snapshot"]["virtual_size"], objects["SR"][0]["id"]) == (str(SIZE), vdi["snapshot"]["SR"])
    assert {vbd["id"] for vbd in objects["VBD"]} == set(vm["VBDs"])
    numbers = sorted(int(name[-8:]) for name in files if name.startswith(vdi["id"]) and "checksum" not in name)
    assert numbers == [0, 5, 15]
    for name in files:
        if name.endswith(".checksum"):
            assert files[name].decode() == hashlib.sha1(files[name.removesuffix(".checksum")]).hexdigest()


def test_an_import_makes_the_same_vm_again(site: Site, source: Source, archive: bytes) -> None:
    for body in (archive, gzip.compress(archive)):
        (vm,), task = brought(site, body)
        record, before = site.api.VM.get_record(vm), site.api.VM.get_record(source.vm)
        assert (record["name_label"], record["current_operations"]) == ("source", {})
        assert record["uuid"] != before["uuid"]
        assert record["memory_static_max"] == before["memory_static_max"]
        assert task["other_config"]["object_creation"] == "complete"
        assert len(record["VIFs"]) == 1
        vif, its = site.api.VIF.get_record(record["VIFs"][0]), site.api.VIF.get_record(before["VIFs"][0])
        assert (vif["network"], vif["device"]) == (its["network"], its["device"])
        assert vif["MAC"] != its["MAC"]
        disks = [site.api.VBD.get_record(ref) for ref in record["VBDs"] if site.api.VBD.get_type(ref) == "Disk"]
        assert [disk["userdevice"] for disk in disks] == ["0"]
        content = site.ask("GET", "/export_raw_vdi", vdi=disks[0]["VDI"]).body
        assert content[: len(source.content)] == source.content
        assert not any(content[len(source.content) :])
        site.api.VM.start(vm, False, False)
        site.api.VM.hard_shutdown(vm)


def test_a_compressed_export_is_the_same(site: Site, source: Source, archive: bytes) -> None:
    answer = site.ask("GET", "/export", uuid=site.api.VM.get_uuid(source.vm), use_compression="true")
    unpacked = files_of(gzip.decompress(answer.body))
    assert list(unpacked.values())[1:] == list(files_of(archive).values())[1:]


def test_a_restored_vm_is_who_it_was(site: Site, source: Source, archive: bytes) -> None:
    uuid = site.api.VM.get_uuid(source.vm)
    assert tried(site, archive, restore="true")["error_info"][0] == "VM_TO_IMPORT_IS_NOT_NEWER_VERSION"
    (vm,), _ = brought(site, archive, restore="true", force="true")
    assert site.api.VM.get_uuid(vm) == uuid
    _, objects = objects_of(archive)
    assert site.api.VIF.get_MAC(site.api.VM.get_VIFs(vm)[0]) == objects["VIF"][0]["snapshot"]["MAC"]
    source.vm = vm


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda files: {"other": b"", **files}, ["IMPORT_ERROR_UNEXPECTED_FILE", "ova.xml", "other"]),
        (lambda files: {k: v for k, v in files.items() if "/" not in k}, ["IMPORT_ERROR_PREMATURE_EOF"]),
        (
            lambda files: {
                **files,
                "ova.xml": files["ova.xml"].replace(b"<string>20</string>", b"<string>21</string>"),
            },
            ["IMPORT_INCOMPATIBLE_VERSION"],
        ),
        (lambda files: {**files, "ova.xml": b"<value>no</value>"}, ["IMPORT_ERROR"]),
        (lambda files: {k: b"0" * 40 if "checksum" in k else v for k, v in files.items()}, ["IMPORT_ERROR"]),
    ],
)
def test_a_broken_archive_leaves_nothing_behind(site: Site, archive: bytes, spoil: Any, error: list[str]) -> None:
    before = len(site.api.VM.get_all()), len(site.api.VDI.get_all())
    record = tried(site, packed(spoil(files_of(archive))))
    assert (record["status"], record["error_info"][: len(error)]) == ("failure", error)
    assert (len(site.api.VM.get_all()), len(site.api.VDI.get_all())) == before


def test_an_archive_that_breaks_off_leaves_nothing_behind(site: Site, archive: bytes) -> None:
    before = len(site.api.VM.get_all()), len(site.api.VDI.get_all())
    assert tried(site, archive[: 2 * MIB])["error_info"] == ["IMPORT_ERROR_PREMATURE_EOF"]
    assert tried(site, b"\0" * 2000)["error_info"][:2] == ["IMPORT_ERROR_UNEXPECTED_FILE", "ova.xml"]
    assert tried(site, b"no archive at all" * 100)["error_info"][0] == "IMPORT_ERROR_UNEXPECTED_FILE"
    assert (len(site.api.VM.get_all()), len(site.api.VDI.get_all())) == before


def test_wrong_checksums_do_not_matter_to_a_forced_import(site: Site, archive: bytes) -> None:
    files = {k: b"0" * 40 if "checksum" in k else v for k, v in files_of(archive).items()}
    (vm,), _ = brought(site, packed(files), force="true")
    site.api.VM.destroy(vm)


def test_an_empty_chunk_uses_up_a_number_and_no_space(site: Site, source: Source, archive: bytes) -> None:
    files: dict[str, bytes] = {}
    empty = hashlib.sha1(b"").hexdigest().encode()
    for name, data in files_of(archive).items():
        head, slash, number = name.rpartition("/")
        if slash and int(number[:8]) > 0:
            files.setdefault(f"{head}/00000001", b"")
            files.setdefault(f"{head}/00000001.checksum", empty)
            files[f"{head}/{int(number[:8]) + 1:08d}{number[8:]}"] = data
        else:
            files[name] = data
    (vm,), _ = brought(site, packed(files))
    vdis = [site.api.VBD.get_VDI(ref) for ref in site.api.VM.get_VBDs(vm) if site.api.VBD.get_type(ref) == "Disk"]
    assert site.ask("GET", "/export_raw_vdi", vdi=vdis[0]).body[: len(source.content)] == source.content


def test_requests_that_are_refused_before_the_body(site: Site, source: Source, archive: bytes) -> None:
    iso = next(ref for ref, one in site.api.SR.get_all_records().items() if one["content_type"] == "iso")
    assert site.ask("PUT", "/import", archive, sr_id=iso).status == 400
    assert tried(site, archive, sr_id=iso)["error_info"] == ["SR_OPERATION_NOT_SUPPORTED"]
    assert site.plain("PUT", "/import", archive).status == 401
    assert site.plain("GET", "/export", ref=source.vm).status == 401
    assert site.ask("GET", "/export", ref="OpaqueRef:nothing").status == 500
    assert site.ask("GET", "/export").status == 500
    assert site.ask("GET", "/export", ref=source.vm, use_compression="maybe").status == 500
    task = site.api.task.create("import", "")
    answer = site.plain(
        "PUT", "/import", b"0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}, session_id=site.session, task_id=task
    )
    assert answer.status == 403
    assert ended(site.api, task)["error_info"] == ["IMPORT_ERROR_CANNOT_HANDLE_CHUNKED"]


def test_a_running_vm_is_not_exported(site: Site, source: Source) -> None:
    site.api.VM.start(source.vm, False, False)
    try:
        task = site.api.task.create("export", "")
        assert site.ask("GET", "/export", ref=source.vm, task_id=task).status == 500
        assert ended(site.api, task)["error_info"][0] == "VM_BAD_POWER_STATE"
    finally:
        site.api.VM.hard_shutdown(source.vm)


def test_metadata_name_the_disks_that_are_there(site: Site, source: Source) -> None:
    snapshot = site.api.VM.snapshot(source.vm, "earlier")
    answer = site.ask("GET", "/export_metadata", ref=source.vm)
    assert answer.headers["content-length"] == str(len(answer.body))
    assert list(files_of(answer.body)) == ["ova.xml"]
    _, objects = objects_of(answer.body)
    assert len(objects["VM"]) == 2
    vms = len(site.api.VM.get_all())
    assert brought(site, answer.body, "/import_metadata", dry_run="true")[0] == []
    assert len(site.api.VM.get_all()) == vms
    (vm,), _ = brought(site, answer.body, "/import_metadata")
    record = site.api.VM.get_record(vm)
    assert len(record["snapshots"]) == 1
    vdis = {site.api.VBD.get_VDI(ref) for ref in record["VBDs"]} - {NULL_REF}
    assert vdis == {site.api.VBD.get_VDI(ref) for ref in site.api.VM.get_VBDs(source.vm)} - {NULL_REF}
    task = site.api.task.create("export", "")
    assert site.ask("GET", "/export_metadata", ref=snapshot, task_id=task).status == 500
    assert ended(site.api, task)["error_info"][0] == "OPERATION_NOT_ALLOWED"
    answer = site.ask("GET", "/export_metadata", all="true")
    assert len(objects_of(answer.body)[1]["VM"]) >= 4
    until(lambda: site.api.VM.get_current_operations(source.vm) == {})
    site.api.VM.destroy(snapshot)


def test_an_import_is_cancelled_and_leaves_nothing_behind(site: Site, archive: bytes) -> None:
    before = len(site.api.VM.get_all()), len(site.api.VDI.get_all())
    task = site.api.task.create("import", "")
    url = urlsplit(site.server.url)
    with socket.create_connection((url.hostname or "", url.port or 0)) as client:
        client.sendall(f"PUT /import?session_id={site.session}&task_id={task} HTTP/1.0\r\n\r\n".encode())
        assert client.recv(12).endswith(b" 200")
        client.sendall(archive[: len(archive) // 2])
        until(lambda: len(site.api.VM.get_all()) > before[0])
        site.api.task.cancel(task)
        assert ended(site.api, task)["status"] == "cancelled"
    until(lambda: (len(site.api.VM.get_all()), len(site.api.VDI.get_all())) == before)


def test_a_snapshot_comes_out_as_a_vm_of_its_own(site: Site, source: Source) -> None:
    snapshot = site.api.VM.snapshot(source.vm, "kept")
    answer = site.ask("GET", "/export", ref=snapshot)
    (vm,), _ = brought(site, answer.body)
    record = site.api.VM.get_record(vm)
    assert (record["is_a_snapshot"], record["snapshot_of"], record["name_label"]) == (False, NULL_REF, "kept")
    site.api.VM.destroy(snapshot)
