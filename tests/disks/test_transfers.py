"""Disks over HTTP: sent in all the ways clients send, fetched raw and as VHD, compared byte for byte."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.client import PATIENCE
from tests.disks.conftest import MIB, Files, Site
from tests.support import eventually
from xapi_async.datamodel.classes import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.storage.images import ReadImage

SESSION = "session_id=good"


async def put(site: Site, query: str, data: bytes | None = None) -> int:
    async with (
        aiohttp.ClientSession() as client,
        client.put(f"{site.url}/import_raw_vdi?{SESSION}&{query}", data=data) as response,
    ):
        await response.read()
        return response.status


async def fetch(site: Site, query: str) -> tuple[aiohttp.ClientResponse, bytes]:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{site.url}/export_raw_vdi?{SESSION}&{query}", allow_redirects=False) as response,
    ):
        return response, await response.read()


def only_end(site: Site) -> object:
    assert len(site.access.ends) == 1
    assert site.attached == []
    return site.access.ends.pop()


async def ended(site: Site) -> object:
    """How the transfer ends; the client may know before the server."""
    await eventually(lambda: site.access.ends)
    return only_end(site)


async def test_a_disk_goes_in_is_snapshotted_changed_and_comes_out_as_it_was(
    site: Site, files: Files, sparse_data: bytes, qemu_img: Callable[..., str], tmp_path: Path
) -> None:
    vdi = await site.vdi()
    assert await put(site, f"vdi={vdi}", sparse_data) == 200
    assert await ended(site) == vdi
    snapshot = await site.vdi(location=await files.snapshot(site.services.store.get(VDI, vdi).location))
    await files.write(site.services.store.get(VDI, vdi).location, 5 * MIB + 7, b"changed")

    changed = bytearray(sparse_data)
    changed[5 * MIB + 7 : 5 * MIB + 14] = b"changed"
    for ref, expected in ((snapshot, sparse_data), (vdi, bytes(changed))):
        response, raw = await fetch(site, f"vdi={ref}")
        uuid = site.services.store.get(VDI, ref).uuid
        assert raw == expected
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"] == f'attachment; filename="{uuid}.raw"'
        assert response.headers["Task-id"] == site.access.contexts[-1].task.ref
        assert "Content-Length" not in response.headers
        assert "Transfer-Encoding" not in response.headers
        assert await ended(site) is None

        response, vhd = await fetch(site, f"vdi={uuid}&format=VHD")
        assert response.headers["Content-Type"] == "application/vhd"
        assert await ended(site) is None
        (tmp_path / "out.vhd").write_bytes(vhd)
        (tmp_path / "expected.raw").write_bytes(expected)
        assert len(vhd) < 50 * MIB
        qemu_img("compare", "-f", "vpc", "-F", "raw", tmp_path / "out.vhd", tmp_path / "expected.raw")
        assert site.access.contexts[-1].task.reached[-1] == 1.0


@pytest.mark.parametrize("subformat", ["dynamic", "fixed"])
async def test_vhds_of_other_makers_are_taken(
    site: Site, sparse_data: bytes, qemu_img: Callable[..., str], tmp_path: Path, subformat: str
) -> None:
    (tmp_path / "in.raw").write_bytes(sparse_data)
    options = ("-f", "raw", "-O", "vpc", "-o", f"subformat={subformat},force_size=on")
    qemu_img("convert", *options, tmp_path / "in.raw", tmp_path / "in.vhd")
    vdi = await site.vdi()
    assert await put(site, f"vdi={vdi}", b"old" * MIB) == 200
    assert await ended(site) == vdi
    assert await put(site, f"vdi={vdi}&format=vhd", (tmp_path / "in.vhd").read_bytes()) == 200
    assert await ended(site) == vdi
    assert await site.content(vdi) == sparse_data


async def test_differences_go_from_one_disk_to_another(site: Site, files: Files, sparse_data: bytes) -> None:
    vdi = await site.vdi()
    await put(site, f"vdi={vdi}", sparse_data)
    await ended(site)
    location = site.services.store.get(VDI, vdi).location
    base = await site.vdi(location=await files.snapshot(location))
    await files.write(location, 20 * MIB, b"new")
    response, delta = await fetch(site, f"vdi={vdi}&format=vhd&base={base}")
    assert response.status == 200
    await ended(site)
    assert len(delta) < 3 * MIB
    copy = await site.vdi()
    await put(site, f"vdi={copy}", sparse_data)
    await ended(site)
    await put(site, f"vdi={copy}&format=vhd", delta)
    assert await ended(site) == copy
    assert await site.content(copy) == await site.content(vdi)


async def test_an_upload_to_an_sr_makes_a_disk(site: Site) -> None:
    assert await put(site, f"sr_uuid={site.files.sr.uuid}", b"x" * (3 * MIB)) == 200
    made = await ended(site)
    assert isinstance(made, str)
    assert await site.content(made) == b"x" * (3 * MIB) + bytes(MIB)


async def test_an_empty_upload_uses_nothing_up(site: Site) -> None:
    before = len(site.services.store.all(VDI))
    assert await put(site, f"sr_id={site.sr}", b"") == 200
    assert len(site.services.store.all(VDI)) == before
    vdi = await site.vdi()
    assert await put(site, f"vdi={vdi}", b"") == 200


async def raw_put(site: Site, head: str, body: bytes) -> bytes:
    """An upload by hand, as old clients do it: the body is only sent once the answer has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    writer.write(body)
    await writer.drain()
    writer.close()
    return answer


@pytest.mark.parametrize("length", ["", "Content-Length: 1125899906842624\r\n"])
async def test_an_upload_without_a_usable_length_ends_when_the_client_hangs_up(site: Site, length: str) -> None:
    vdi = await site.vdi(4 * MIB)
    version = "1.1" if length else "1.0"
    head = f"PUT /import_raw_vdi/?{SESSION}&vdi={vdi} HTTP/{version}\r\nHost: x\r\n{length}\r\n"
    answer = await raw_put(site, head, b"data" * (MIB // 2))
    assert b" 200 OK\r\n" in answer
    assert await ended(site) == vdi
    assert await site.content(vdi) == b"data" * (MIB // 2) + bytes(2 * MIB)


async def test_an_upload_that_breaks_off_fails_its_task(site: Site) -> None:
    vdi = await site.vdi(4 * MIB)
    head = f"PUT /import_raw_vdi?{SESSION}&vdi={vdi} HTTP/1.1\r\nHost: x\r\nContent-Length: {2 * MIB}\r\n\r\n"
    await raw_put(site, head, b"x" * MIB)
    error = await ended(site)
    assert isinstance(error, ApiError)
    assert error.code == "VDI_IO_ERROR"


async def test_what_came_before_a_client_hung_up_is_written(site: Site) -> None:
    vdi = await site.vdi(4 * MIB)
    head = f"PUT /import_raw_vdi?{SESSION}&vdi={vdi} HTTP/1.1\r\nHost: x\r\nContent-Length: {64 * MIB}\r\n\r\n"
    await raw_put(site, head, b"x" * 777_777)
    assert await ended(site) == vdi
    assert await site.content(vdi) == (b"x" * 777_777).ljust(4 * MIB, b"\0")


@pytest.mark.parametrize("expects", ["", "Expect: 100-continue\r\n"])
async def test_an_upload_may_come_in_pieces_of_any_size(site: Site, sparse_data: bytes, expects: str) -> None:
    vdi = await site.vdi(4 * MIB)
    data = sparse_data[-2 * MIB - 77 :]
    head = (
        f"PUT /import_raw_vdi?{SESSION}&vdi={vdi} HTTP/1.1\r\nHost: x\r\n{expects}Content-Length: {len(data)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    sizes, start = itertools.cycle((1, 65_536, 300_000, 7, 600_001)), 0
    writer.write(head.encode())
    while start < len(data):
        end = start + next(sizes)
        writer.write(data[start:end])
        await writer.drain()
        await asyncio.sleep(0.001)
        start = end
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    assert answer.startswith(b"HTTP/1.1 100 " if expects else b"HTTP/1.1 200 ")
    writer.close()
    assert await ended(site) == vdi
    assert await site.content(vdi) == data.ljust(4 * MIB, b"\0")


async def test_an_upload_to_an_sr_that_breaks_off_leaves_nothing(site: Site) -> None:
    before = len(site.services.store.all(VDI))
    head = f"PUT /import_raw_vdi?{SESSION}&sr_id={site.sr} HTTP/1.1\r\nHost: x\r\nContent-Length: {4 * MIB}\r\n\r\n"
    await raw_put(site, head, b"x" * MIB)
    assert isinstance(await ended(site), ApiError)
    assert len(site.services.store.all(VDI)) == before


async def test_a_client_that_goes_away_lets_go_of_the_disk(site: Site, sparse_data: bytes) -> None:
    vdi = await site.vdi()
    await put(site, f"vdi={vdi}", sparse_data)
    await ended(site)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(f"GET /export_raw_vdi?{SESSION}&vdi={vdi} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readexactly(MIB)
    writer.transport.abort()
    error = await ended(site)
    assert isinstance(error, ApiError)
    assert error.code == "CLIENT_ERROR"


async def test_a_part_that_cannot_be_read_to_its_end_ends_early(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    vdi, read = await site.vdi(), ReadImage.read

    async def damaged(image: ReadImage, offset: int, length: int) -> bytearray:
        if offset + length > 4 * MIB:
            raise OSError("the medium is damaged")
        return await read(image, offset, length)

    monkeypatch.setattr(ReadImage, "read", damaged)
    async with (
        aiohttp.ClientSession(headers={"Range": f"bytes={MIB}-{9 * MIB}"}) as client,
        client.get(f"{site.url}/export_raw_vdi?{SESSION}&vdi={vdi}") as response,
    ):
        assert response.status == 206
        assert await response.content.readexactly(3 * MIB) == bytes(3 * MIB)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()
    error = await ended(site)
    assert isinstance(error, ApiError)
    assert error.code == "VDI_IO_ERROR"
    assert max(site.access.contexts[-1].task.reached) < 0.5


async def test_chunks_go_where_they_say(site: Site) -> None:
    vdi = await site.vdi(4 * MIB)
    body = struct.pack("<QI", 3 * MIB, 3) + b"far" + struct.pack("<QI", 5, 4) + b"near" + struct.pack("<QI", 0, 0)
    assert await put(site, f"vdi={vdi}&chunked=true", body) == 200
    assert await ended(site) == vdi
    content = await site.content(vdi)
    assert content[5:9] == b"near"
    assert content[3 * MIB : 3 * MIB + 3] == b"far"


async def test_too_much_data_fails_the_task(site: Site) -> None:
    vdi = await site.vdi(2 * MIB)
    assert await put(site, f"vdi={vdi}", bytes(2 * MIB) + b"!") == 200
    error = await ended(site)
    assert isinstance(error, ApiError)
    assert error.code == "VDI_IO_ERROR"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "VDI_MISSING"),
        ("vdi=VDI&format=qcow2", 404, "INTERNAL_ERROR"),
        ("vdi=VDI&format=vhd&chunked=1", 404, "INTERNAL_ERROR"),
        ("sr_id=SR&format=vhd", 400, "INTERNAL_ERROR"),
    ],
)
async def test_uploads_that_cannot_be_are_refused(site: Site, query: str, status: int, code: str) -> None:
    vdi = await site.vdi()
    query = query.replace("VDI", vdi).replace("SR", site.sr)
    assert await put(site, query, b"data") == status
    error = await ended(site)
    assert isinstance(error, ApiError)
    assert error.code == code


async def test_http_chunks_are_refused(site: Site) -> None:
    vdi = await site.vdi()
    head = f"PUT /import_raw_vdi?{SESSION}&vdi={vdi} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await raw_put(site, head, b"4\r\ndata\r\n0\r\n\r\n")
    assert b" 404 " in answer.splitlines()[0]
    error = await ended(site)
    assert isinstance(error, ApiError)
    assert error.code == "INTERNAL_ERROR"


async def test_a_disk_that_cannot_be_attached_is_refused(site: Site) -> None:
    vdi = await site.vdi()
    site.refusal = ApiError("VDI_READONLY", vdi)
    assert await put(site, f"vdi={vdi}", b"data") == 400
    assert await ended(site) is site.refusal
    response, _ = await fetch(site, f"vdi={vdi}")
    assert response.status == 500
    assert await ended(site) is site.refusal


async def test_downloads_that_cannot_be_are_refused(site: Site) -> None:
    vdi = await site.vdi()
    for query, status in (("", 500), (f"vdi={vdi}&format=iso", 404), ("vdi=unknown", 500)):
        response, _ = await fetch(site, query)
        assert response.status == status
        assert isinstance(await ended(site), ApiError)
    site.address = "192.0.2.7"
    response, _ = await fetch(site, f"vdi={vdi}")
    assert response.status == 302
    assert response.headers["Location"] == f"https://192.0.2.7/export_raw_vdi?{SESSION}&vdi={vdi}"
    assert site.access.ends == []
    site.access.forbidden = True
    response, _ = await fetch(site, f"vdi={vdi}")
    assert response.status == 403


async def test_a_cancelled_download_stops(site: Site) -> None:
    vdi = await site.vdi()
    begin = site.access.begin

    async def cancelled(*args: object) -> object:
        ctx = await begin(*args)
        ctx.task.cancelled = True
        return ctx

    site.access.begin = cancelled
    await fetch(site, f"vdi={vdi}")
    error = await ended(site)
    assert isinstance(error, ApiError)
    assert error.code == "TASK_CANCELLED"
