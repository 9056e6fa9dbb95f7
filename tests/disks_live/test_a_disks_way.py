"""A disk's way: sent in, plugged into a running guest, snapshotted, changed, fetched, compared byte for byte."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.client import PATIENCE, until
from tests.disks_live.lab import MIB, DiskLab, noise

DATA = noise(1, MIB) + bytes(5 * MIB) + noise(2, 2 * MIB)


def test_in_by_upload_and_out_as_raw_and_vhd(lab: DiskLab, tmp_path: Path) -> None:
    vdi = lab.disk()
    lab.fill(vdi, DATA)
    used = int(lab.api.VDI.get_physical_utilisation(vdi))
    assert 3 * MIB <= used < 5 * MIB, used
    vm = lab.running_vm()
    vbd = lab.device(vm, vdi)
    lab.api.VBD.plug(vbd)
    assert lab.api.VBD.get_currently_attached(vbd)
    snapshot = lab.api.VDI.snapshot(vdi)
    assert lab.api.VDI.get_snapshot_of(snapshot) == vdi
    changed = noise(3, MIB)
    lab.put_chunks(vdi, (2 * MIB + 5, changed))
    now = DATA[: 2 * MIB + 5] + changed + DATA[3 * MIB + 5 :]
    assert lab.content(vdi) == now
    assert lab.content(snapshot) == DATA
    assert lab.api.VBD.get_currently_attached(vbd)
    # Read back on its own, and as differences from the snapshot.
    difference = lab.content(vdi, "vhd", base=lab.uuid(snapshot))
    assert len(difference) < 4 * MIB
    (tmp_path / "whole.vhd").write_bytes(lab.content(vdi, "vhd"))
    (tmp_path / "now.raw").write_bytes(now)
    if shutil.which("qemu-img"):
        command = ["qemu-img", "compare", "-f", "raw", "-F", "vpc", "now.raw", "whole.vhd"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=PATIENCE)
    other = lab.disk()
    task = lab.task()
    path = lab.path("import_raw_vdi", vdi=other, format="vhd", task_id=task)
    assert lab.send(path, (tmp_path / "whole.vhd").read_bytes()).status == 200
    assert lab.outcome(task)["status"] == "success"
    assert lab.content(other) == now
    lab.api.VM.hard_shutdown(vm)
    assert lab.disagreements() == []


def test_by_qemus_own_vhd(lab: DiskLab, tmp_path: Path) -> None:
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed (package qemu-utils)")
    (tmp_path / "in.raw").write_bytes(DATA)
    command = ["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=dynamic,force_size=on"]
    subprocess.run([*command, "in.raw", "in.vhd"], cwd=tmp_path, check=True, timeout=PATIENCE)
    vdi, task = lab.disk(), lab.task()
    path = lab.path("import_raw_vdi", vdi=vdi, format="VHD", task_id=task)
    assert lab.send(path, (tmp_path / "in.vhd").read_bytes()).status == 200
    assert lab.outcome(task)["status"] == "success", lab.outcome(task)
    assert lab.content(vdi) == DATA


@pytest.mark.parametrize(
    ("slash", "begin"), [("", "HTTP/1.0"), ("/", f"HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 50}")]
)
def test_until_the_client_hangs_up(lab: DiskLab, slash: str, begin: str) -> None:
    vdi, task = lab.disk(), lab.task()
    path = lab.path("import_raw_vdi" + slash, vdi=lab.uuid(vdi), task_id=task)
    where = urlsplit(lab.server.url)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(f"PUT {path} {begin}\r\n\r\n".encode() + DATA)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096).startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))
        while connection.recv(65536):
            pass
    assert lab.outcome(task)["status"] == "success"
    assert lab.content(vdi) == DATA
    answer = lab.request("GET", lab.path("export_raw_vdi" + slash, vdi=lab.uuid(vdi)))
    assert answer.body == DATA
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{lab.uuid(vdi)}.raw"'


def test_by_curl_with_cookies_and_into_a_new_disk(lab: DiskLab, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (tmp_path / "in.raw").write_bytes(DATA)
    task, parent = lab.task(), lab.task()
    sr = lab.api.SR.get_uuid(lab.sr)
    cookies = f"session_id={lab.session._session}; task_id={task}; sr_uuid={sr}"
    url = f"{lab.server.url}/import_raw_vdi"
    subprocess.run(
        ["curl", "-sSf", "-T", tmp_path / "in.raw", "-H", f"Cookie: {cookies}", url], check=True, timeout=PATIENCE
    )
    ended = lab.outcome(task)
    assert ended["status"] == "success", ended
    made = ended["result"].removeprefix("<value>").removesuffix("</value>")
    assert lab.content(made) == DATA
    assert int(lab.api.VDI.get_virtual_size(made)) == len(DATA)
    # A download under a task of its own, below another one.
    path = lab.path("export_raw_vdi", vdi=made, subtask_of=parent)
    answer = lab.request("GET", path)
    assert answer.body == DATA
    child = answer.headers["task-id"]
    assert lab.api.task.get_subtask_of(child) == parent
    assert lab.api.task.get_status(child) == "success"


def test_what_is_refused_and_how_the_task_tells(lab: DiskLab) -> None:
    vdi = lab.disk()
    gone = lab.task()
    path = f"/import_raw_vdi?session_id=OpaqueRef:none&task_id={gone}&vdi={vdi}"
    assert lab.send(path, b"x").status == 401
    assert lab.request("GET", "/export_raw_vdi?session_id=OpaqueRef:none&vdi=" + vdi).status == 401
    cases = {
        400: (lab.path("import_raw_vdi"), {}, ["VDI_MISSING"]),
        404: (lab.path("import_raw_vdi", vdi=vdi), {"Transfer-Encoding": "chunked"}, ["INTERNAL_ERROR"]),
        500: (lab.path("export_raw_vdi"), {}, ["INTERNAL_ERROR"]),
    }
    for status, (path, headers, code) in cases.items():
        task = lab.task()
        method = "GET" if "export" in path else "PUT"
        body = b"1\r\nx\r\n0\r\n\r\n" if headers else b""
        assert lab.request(method, f"{path}&task_id={task}", body, headers).status == status
        assert lab.outcome(task)["error_info"][:1] == code
    unknown, task = lab.path("export_raw_vdi", vdi=vdi, format="qcow2"), lab.task()
    assert lab.request("GET", f"{unknown}&task_id={task}").status == 404
    assert lab.outcome(task)["status"] == "failure"


def test_more_than_fits(lab: DiskLab) -> None:
    vdi, task = lab.disk(2 * MIB), lab.task()
    before = set(lab.api.VDI.get_all())
    where = urlsplit(lab.server.url)
    path = lab.path("import_raw_vdi", vdi=lab.uuid(vdi), task_id=task)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 50}\r\n\r\n".encode())
        try:
            for _ in range(64):
                connection.sendall(noise(4, MIB))
        except OSError:
            pass
    outcome = lab.outcome(task)
    assert outcome["error_info"][0] == "VDI_IO_ERROR", outcome
    # A length that no disk can have, for a disk to be made.
    task = lab.task()
    path = lab.path("import_raw_vdi", sr_id=lab.sr, task_id=task)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {3 << 40}\r\n\r\n".encode())
        assert b" 400 " in connection.recv(4096)[:20]
    assert lab.outcome(task)["error_info"][0] == "SR_BACKEND_FAILURE_79"
    # A probe: no body at all.
    task = lab.task()
    assert lab.send(lab.path("import_raw_vdi", vdi=vdi, task_id=task), b"").status == 200
    assert lab.outcome(task)["status"] == "success"
    assert set(lab.api.VDI.get_all()) == before
    until(lambda: not lab.api.VDI.get_VBDs(vdi))
    assert lab.disagreements() == []
