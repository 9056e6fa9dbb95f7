"""Parts of raw disks over HTTP, as backup tools resume what broke off and send only what has changed."""

from __future__ import annotations

import base64
import http.client
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import PATIENCE, Answer, until
from tests.disks_live.lab import BLOCK, MIB, DiskLab, noise
from tests.disks_live.test_changed_blocks import blocks

SIZE = 8 * MIB
DATA = noise(11, 3 * MIB) + bytes(2 * MIB) + noise(12, 3 * MIB)


@pytest.fixture(scope="module")
def filled(lab: DiskLab) -> str:
    """A disk that holds DATA."""
    vdi = lab.disk()
    lab.fill(vdi, DATA)
    return vdi


def get(lab: DiskLab, vdi: str, headers: Mapping[str, str], **more: str) -> tuple[Answer, Any]:
    """What a download with these headers gets, and the record of its task."""
    task = lab.task()
    answer = lab.request("GET", lab.path("export_raw_vdi", vdi=vdi, task_id=task, **more), headers=headers)
    return answer, lab.outcome(task)


def put(lab: DiskLab, data: bytes, headers: Mapping[str, str], **more: str) -> tuple[Answer, Any]:
    """What an upload with these headers gets, and the record of its task."""
    task = lab.task()
    answer = lab.send(lab.path("import_raw_vdi", task_id=task, **more), data, headers)
    return answer, lab.outcome(task)


def put_at(lab: DiskLab, vdi: str, offset: int, data: bytes, total: str = str(SIZE)) -> None:
    """Write to a place of a disk, and see it taken."""
    answer, task = put(lab, data, {"Content-Range": f"bytes {offset}-{offset + len(data) - 1}/{total}"}, vdi=vdi)
    assert answer.status == 200, answer
    assert (task["status"], task["progress"]) == ("success", 1.0), task


# Downloads


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-2000", 1000, 2000),
        (f"bytes={3 * MIB - 5}-{6 * MIB + 4}", 3 * MIB - 5, 6 * MIB + 4),
        (f"bytes={SIZE - 7}-", SIZE - 7, SIZE - 1),
        ("bytes=-9", SIZE - 9, SIZE - 1),
        (f"Bytes= {SIZE - 1}-{SIZE * 9} ", SIZE - 1, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        (f"bytes=-{SIZE * 9}", 0, SIZE - 1),
    ],
)
def test_the_part_that_is_asked_for(lab: DiskLab, filled: str, asked: str, first: int, last: int) -> None:
    answer, task = get(lab, filled, {"Range": asked})
    assert answer.status == 206
    assert answer.body == DATA[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["content-length"] == str(last + 1 - first)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{lab.uuid(filled)}.raw"'
    assert "transfer-encoding" not in answer.headers
    assert (task["status"], task["progress"]) == ("success", 1.0)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=9-5"},
        {"Range": "bytes=-"},
        {"Range": "bytes=1-x"},
        {"Range": "blocks=0-1"},
        {"Range": "bytes=" + "9" * 5000 + "-"},
        {"Range": "bytes=0-1", "If-Range": '"some version"'},
    ],
)
def test_the_whole_disk_where_no_one_part_is_asked_for(lab: DiskLab, filled: str, headers: dict[str, str]) -> None:
    answer, task = get(lab, filled, headers)
    assert answer.status == 200
    assert answer.body == DATA
    # An HTTP/1.1 client is told the end by the closing of the connection, whatever it asks for.
    assert not {"content-length", "transfer-encoding", "content-range", "accept-ranges"} & answer.headers.keys()
    assert answer.headers["connection"] == "close"
    assert task["status"] == "success"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE}", "bytes=-0"])
def test_a_part_that_the_disk_does_not_have(lab: DiskLab, filled: str, asked: str) -> None:
    answer, task = get(lab, filled, {"Range": asked})
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert task["error_info"] == ["INVALID_VALUE", "Range", asked]
    until(lambda: lab.api.VDI.get_VBDs(filled) == [])


def test_vhds_are_sent_whole(lab: DiskLab, filled: str) -> None:
    answer, _ = get(lab, filled, {"Range": "bytes=0-7"}, format="vhd")
    assert answer.status == 200
    assert answer.body.startswith(b"conectix")
    assert len(answer.body) > 6 * MIB


def test_access_to_parts_is_checked_as_to_the_whole(lab: DiskLab, filled: str) -> None:
    path = f"?session_id=OpaqueRef:none&vdi={filled}"
    assert lab.request("GET", "/export_raw_vdi" + path, headers={"Range": "bytes=0-1"}).status == 401
    assert lab.send("/import_raw_vdi" + path, b"xy", {"Content-Range": f"bytes 0-1/{SIZE}"}).status == 401
    read_only = lab.disk(read_only=True)
    answer, task = put(lab, b"xy", {"Content-Range": f"bytes 0-1/{SIZE}"}, vdi=read_only)
    assert (answer.status, task["error_info"][0]) == (400, "VDI_READONLY")


def test_resuming_a_download_that_broke_off(lab: DiskLab, filled: str) -> None:
    """The client loses its connection twice, and asks for what it lacks."""
    have = b""
    for more in (MIB + 77, 2 * MIB, SIZE):
        connection = http.client.HTTPConnection(urlsplit(lab.server.url).netloc, timeout=PATIENCE)
        connection.request("GET", lab.path("export_raw_vdi", vdi=filled), headers={"Range": f"bytes={len(have)}-"})
        answer = connection.getresponse()
        assert answer.getheader("Content-Range") == f"bytes {len(have)}-{SIZE - 1}/{SIZE}"
        have += answer.read(more)
        connection.close()
    assert have == DATA


def test_by_curl(lab: DiskLab, filled: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")

    def curl(*arguments: object) -> None:
        command = ["curl", "-ksSf", *map(str, arguments)]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=PATIENCE)

    # Plain and with TLS; uploads with and without asking first whether the body may come.
    for url, expects in ((lab.server.url, "Expect:"), (lab.server.tls_url, "Expect: 100-continue")):
        source = url + lab.path("export_raw_vdi", vdi=filled)
        curl("-r", f"{MIB}-{MIB + 99}", "-o", "part", source)
        assert (tmp_path / "part").read_bytes() == DATA[MIB : MIB + 100]
        (tmp_path / "copy").write_bytes(DATA[: 5 * MIB + 3])
        curl("-C", "-", "-o", "copy", source)
        assert (tmp_path / "copy").read_bytes() == DATA
        vdi, task = lab.disk(), lab.task()
        lab.fill(vdi, DATA[: 2 * MIB])
        target = url + lab.path("import_raw_vdi", vdi=vdi, task_id=task)
        curl("-C", 2 * MIB, "-T", "copy", "-H", expects, target)
        assert lab.outcome(task)["status"] == "success"
        assert lab.content(vdi) == DATA


# Uploads


def test_parts_are_written_where_they_belong_and_nowhere_else(lab: DiskLab) -> None:
    vdi = lab.disk()
    lab.fill(vdi, DATA)
    expected = bytearray(DATA)
    for seed, (offset, length, total) in enumerate(
        [(5 * MIB + 1, 2 * MIB + 13, str(SIZE)), (0, 1, "*"), (SIZE - 3, 3, "*"), (MIB, BLOCK, str(SIZE // 2))]
    ):
        data = noise(seed, length)
        put_at(lab, vdi, offset, data, total)
        expected[offset : offset + length] = data
    assert lab.content(vdi) == bytes(expected)
    assert lab.disagreements() == []


def test_resuming_an_upload_that_broke_off(lab: DiskLab) -> None:
    """The client sends parts, each with a task, and what failed once more; its connection breaks within the second."""
    vdi, part = lab.disk(), 2 * MIB
    where = urlsplit(lab.server.url)
    done = 0
    put_at(lab, vdi, done, DATA[done : done + part])
    done += part
    task = lab.task()
    path = lab.path("import_raw_vdi", vdi=vdi, task_id=task)
    headers = f"Host: x\r\nContent-Range: bytes {done}-{done + part - 1}/{SIZE}\r\nContent-Length: {part}\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\n{headers}\r\n".encode() + DATA[done : done + MIB])
        assert b" 200 " in connection.recv(4096)[:20]
    assert lab.outcome(task)["error_info"][0] == "VDI_IO_ERROR"
    for start in range(done, SIZE, part):
        put_at(lab, vdi, start, DATA[start : start + part])
    assert lab.content(vdi) == DATA
    assert lab.disagreements() == []


def test_only_what_was_written_counts_as_changed(lab: DiskLab) -> None:
    vdi = lab.disk()
    lab.fill(vdi, DATA)
    lab.api.VDI.enable_cbt(vdi)
    first = lab.api.VDI.snapshot(vdi)
    put_at(lab, vdi, 7 * BLOCK + 9, noise(1, BLOCK))
    put_at(lab, vdi, 100 * BLOCK, b"x")
    second = lab.api.VDI.snapshot(vdi)
    bitmap = lab.api.VDI.list_changed_blocks(first, second)
    assert blocks(bitmap) == {7, 8, 100}
    assert len(base64.b64decode(bitmap)) == SIZE // BLOCK // 8
    # The backup of the first is brought up to date by parts, both ways.
    restored = lab.disk()
    lab.fill(restored, DATA)
    for block in blocks(bitmap):
        answer, _ = get(lab, second, {"Range": f"bytes={block * BLOCK}-{(block + 1) * BLOCK - 1}"})
        put_at(lab, restored, block * BLOCK, answer.body)
    assert lab.content(restored) == lab.content(second)


PLACE = f"bytes 0-3/{SIZE}"


@pytest.mark.parametrize(
    ("status", "where", "more"),
    [
        (400, f"bytes 0-4/{SIZE}", {}),  # not as long as the body
        (400, f"bytes 0-2/{SIZE}", {}),
        (400, f"bytes 4-0/{SIZE}", {}),
        (400, "bytes 0-3/3", {}),
        (400, "bytes 0-3", {}),
        (400, "bytes=0-3", {}),
        (400, f"bytes */{SIZE}", {}),
        (400, f"blocks 0-3/{SIZE}", {}),
        (400, "", {}),
        (400, f"bytes 0-{'9' * 5000}/*", {}),
        (416, f"bytes {SIZE - 3}-{SIZE}/*", {}),
        (416, f"bytes {SIZE}-{SIZE + 3}/*", {}),
        (416, f"bytes 0-3/{SIZE + 1}", {}),
        (400, PLACE, {"chunked": "true"}),
        (400, PLACE, {"format": "vhd"}),
    ],
)
def test_parts_that_are_refused(lab: DiskLab, filled: str, status: int, where: str, more: dict[str, str]) -> None:
    answer, task = put(lab, b"oops", {"Content-Range": where}, vdi=filled, **more)
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.headers.get("content-range") == (f"bytes */{SIZE}" if status == 416 else None)
    assert task["status"] == "failure"
    if more:
        assert task["error_info"][0] == "INTERNAL_ERROR"
    else:
        assert task["error_info"] == ["INVALID_VALUE", "Content-Range", where]
    assert lab.content(filled) == DATA
    until(lambda: lab.api.VDI.get_VBDs(filled) == [])


def test_a_part_needs_a_disk_and_a_length(lab: DiskLab, filled: str) -> None:
    before = set(lab.api.VDI.get_all())
    answer, task = put(lab, b"oops", {"Content-Range": PLACE}, sr_id=lab.sr)
    assert (answer.status, task["error_info"][0]) == (400, "INTERNAL_ERROR")
    assert set(lab.api.VDI.get_all()) == before
    task = lab.task()
    path = lab.path("import_raw_vdi", vdi=filled, task_id=task)
    where = urlsplit(lab.server.url)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(f"PUT {path} HTTP/1.0\r\nContent-Range: {PLACE}\r\n\r\noops".encode())
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(4096)[:20]
    assert lab.outcome(task)["error_info"] == ["INVALID_VALUE", "Content-Range", PLACE]
    chunked = {"Content-Range": PLACE, "Transfer-Encoding": "chunked"}
    answer, task = put(lab, b"4\r\noops\r\n0\r\n\r\n", chunked, vdi=filled)
    assert (answer.status, task["error_info"][0]) == (404, "INTERNAL_ERROR")
    assert lab.content(filled) == DATA
