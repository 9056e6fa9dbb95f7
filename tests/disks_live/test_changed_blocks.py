"""Backups: which blocks changed since the last one, read over NBD or fetched, snapshots without their data."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.client import PATIENCE, refused, until
from tests.disks_live.lab import BLOCK, MIB, DiskLab, blocks, disk_lab, noise

DATA = noise(5, 3 * MIB) + bytes(5 * MIB)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiskLab]:
    folder = tmp_path_factory.mktemp("nbd")
    with disk_lab(folder, environment={"XAPI_NBD_ENABLED": "true", "XAPI_NBD_PORT": "0"}) as lab:
        yield lab


def test_what_changed_is_what_was_written(lab: DiskLab) -> None:
    vdi = lab.disk()
    lab.fill(vdi, DATA)
    lab.api.VDI.enable_cbt(vdi)
    first = lab.api.VDI.snapshot(vdi)
    assert lab.api.VDI.get_cbt_enabled(first)
    written = {3, 4, 90, 127}
    lab.put_chunks(vdi, (3 * BLOCK + 1, noise(6, BLOCK)), (90 * BLOCK, b"x"), (8 * MIB - 1, b"y"))
    second = lab.api.VDI.snapshot(vdi)
    lab.put_chunks(vdi, (0, b"later"))
    assert blocks(lab.api.VDI.list_changed_blocks(first, second)) == written
    assert len(base64.b64decode(lab.api.VDI.list_changed_blocks(first, second))) == 128 // 8
    assert blocks(lab.api.VDI.list_changed_blocks(first, vdi)) == written | {0}
    # A backup applied to the one before it is the disk.
    rebuilt, newer = bytearray(lab.content(first)), lab.content(second)
    for block in written:
        rebuilt[block * BLOCK : (block + 1) * BLOCK] = newer[block * BLOCK : (block + 1) * BLOCK]
    assert rebuilt == newer
    lab.api.VDI.data_destroy(first)
    assert lab.api.VDI.get_type(first) == "cbt_metadata"
    assert blocks(lab.api.VDI.list_changed_blocks(first, second)) == written
    assert lab.request("GET", lab.path("export_raw_vdi", vdi=first)).status == 500
    # What lies between goes into what comes after.
    lab.api.VDI.destroy(second)
    assert blocks(lab.api.VDI.list_changed_blocks(first, vdi)) == written | {0}
    assert refused(lab.api.VDI.list_changed_blocks, vdi, first)[0] == "SR_BACKEND_FAILURE_460"
    lab.api.SR.scan(lab.sr)
    assert lab.disagreements() == []


def test_a_bitmap_is_as_long_as_the_newer_disk(lab: DiskLab) -> None:
    vdi = lab.disk()
    lab.api.VDI.enable_cbt(vdi)
    lab.put_chunks(vdi, (0, b"before"))
    small = lab.api.VDI.snapshot(vdi)
    lab.put_chunks(vdi, (BLOCK, b"still small"))
    lab.api.VDI.resize(vdi, str(15 * MIB))
    lab.put_chunks(vdi, (12 * MIB, b"beyond"))
    large = lab.api.VDI.snapshot(vdi)
    lab.put_chunks(vdi, (16 * MIB - 1, b"z"))
    for newer, expected in ((large, {1, 192}), (vdi, {1, 192, 255})):
        bitmap = lab.api.VDI.list_changed_blocks(small, newer)
        assert len(base64.b64decode(bitmap)) == 16 * MIB // BLOCK // 8
        assert blocks(bitmap) == expected
    assert blocks(lab.api.VDI.list_changed_blocks(large, vdi)) == {255}
    for older, newer in ((large, small), (vdi, large), (large, large)):
        assert refused(lab.api.VDI.list_changed_blocks, older, newer)[0] == "SR_BACKEND_FAILURE_460"
    lab.api.VDI.data_destroy(large)
    assert blocks(lab.api.VDI.list_changed_blocks(small, large)) == {1, 192}
    # Tracking that was off for a while says nothing of before.
    lab.api.VDI.disable_cbt(vdi)
    lab.api.VDI.enable_cbt(vdi)
    for older in (small, large):
        assert refused(lab.api.VDI.list_changed_blocks, older, vdi)[0] == "SR_BACKEND_FAILURE_460"
    lab.api.SR.scan(lab.sr)
    assert lab.disagreements() == []


@pytest.fixture
def offered(lab: DiskLab) -> Iterator[tuple[str, dict[str, str]]]:
    """A disk, and where NBD has it."""
    (network,) = [n for n in lab.api.network.get_all() if management(lab) in lab.api.network.get_PIFs(n)]
    vdi = lab.disk()
    assert lab.api.VDI.get_nbd_info(vdi) == []
    lab.api.network.add_purpose(network, "nbd")
    lab.fill(vdi, DATA)
    (info,) = lab.api.VDI.get_nbd_info(vdi)
    yield vdi, info
    lab.api.network.remove_purpose(network, "nbd")


def management(lab: DiskLab) -> str:
    return str(lab.api.host.get_management_interface(lab.host))


def test_the_certificate_is_the_servers(offered: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    _, info = offered
    assert "PRIVATE" not in info["cert"]
    context = ssl.create_default_context(cadata=info["cert"])
    assert context.get_ca_certs()
    assert info["subject"]


def test_nbd_where_it_is_said_to_be(lab: DiskLab, offered: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    if not (shutil.which("nbdinfo") and shutil.which("nbdcopy")):
        pytest.skip("nbdinfo and nbdcopy are not installed (package libnbd-bin)")
    vdi, info = offered
    (tmp_path / "ca-cert.pem").write_text(info["cert"])
    uri = f"nbds://{info['address']}:{info['port']}/{quote(info['exportname'], safe='')}?tls-certificates={tmp_path}"
    said = subprocess.run(["nbdinfo", uri], capture_output=True, text=True, timeout=PATIENCE)
    assert said.returncode == 0, said.stderr
    assert f"export-size: {8 * MIB}" in said.stdout
    assert "is_read_only: true" in said.stdout
    subprocess.run(["nbdcopy", uri, tmp_path / "out.raw"], check=True, timeout=PATIENCE)
    assert (tmp_path / "out.raw").read_bytes() == DATA
    if shutil.which("qemu-img"):
        tls = f"tls-creds-x509,id=tls,endpoint=client,dir={tmp_path}"
        image = (
            f"driver=nbd,server.type=inet,server.host={info['address']},server.port={info['port']},"
            f"export={info['exportname']},tls-creds=tls,tls-hostname={info['subject']}"
        )
        command = ["qemu-img", "info", "--object", tls, "--image-opts", image]
        told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert told.returncode == 0, told.stderr
    stolen = uri.replace(quote(lab.session._session, safe=""), "OpaqueRef%3Anone")
    assert stolen != uri
    assert subprocess.run(["nbdinfo", stolen], capture_output=True, timeout=PATIENCE).returncode != 0
    until(lambda: lab.api.VDI.get_VBDs(vdi) == [])  # a client knows that it has left before the server does
