"""Disks over NBD, read by the tools that backup programs are built on."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.disks.conftest import MIB, Site
from tests.support import context
from xapi_async.datamodel.classes import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context
from xapi_async.storage.nbd import NbdSettings, serve
from xapi_async.transfer.nbd_exports import DiskExports

PLAIN = NbdSettings(port=0, tls=False)


@asynccontextmanager
async def exported(site: Site, settings: NbdSettings = PLAIN, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    @asynccontextmanager
    async def contexts(session: str) -> AsyncIterator[Context]:
        if session != "good":
            raise ApiError("SESSION_INVALID", session)
        yield context(site.services)

    async with serve(DiskExports(contexts, site.disk_services()), settings, "127.0.0.1", tls) as port:
        yield port


async def run(*command: object) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed (packages qemu-utils, libnbd-bin, openssl)")
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    if process.returncode:
        raise RuntimeError(output.decode())
    return output.decode()


def uri(site: Site, port: int, vdi: str, session: str = "good", scheme: str = "nbd") -> str:
    uuid = site.services.store.get(VDI, vdi).uuid
    return f"{scheme}://127.0.0.1:{port}//{uuid}%3Fsession_id={session}"


async def filled(site: Site, data: bytes) -> str:
    vdi = await site.vdi()
    await site.files.write(site.services.store.get(VDI, vdi).location, 0, data)
    return vdi


async def test_qemu_reads_a_disk(site: Site, sparse_data: bytes, tmp_path: Path) -> None:
    vdi = await filled(site, sparse_data)
    async with exported(site) as port:
        uuid = site.services.store.get(VDI, vdi).uuid
        options = f"driver=nbd,server.type=inet,server.host=127.0.0.1,server.port={port}"
        target = f"{options},export=/{uuid}?session_id=good"
        await run("qemu-img", "convert", "--image-opts", target, "-O", "raw", tmp_path / "out.raw")
        assert (tmp_path / "out.raw").read_bytes() == sparse_data
        extents = await run("qemu-img", "map", "--image-opts", target)
        assert "0x" in extents
        await site.all_detached()


async def test_libnbd_reads_a_disk_and_sees_that_it_is_read_only(
    site: Site, sparse_data: bytes, tmp_path: Path
) -> None:
    vdi = await filled(site, sparse_data)
    async with exported(site) as port:
        facts = await run("nbdinfo", uri(site, port, vdi))
        assert f"export-size: {64 * MIB}" in facts
        assert "is_read_only: true" in facts
        assert "base:allocation" in facts
        await run("nbdcopy", uri(site, port, vdi), tmp_path / "out.raw")
        assert (tmp_path / "out.raw").read_bytes() == sparse_data
        extents = await run("nbdinfo", "--map", uri(site, port, vdi))
        assert "hole,zero" in extents


async def test_a_disk_is_read_as_it_was_when_it_was_opened(site: Site) -> None:
    vdi = await filled(site, b"before")
    async with exported(site) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.readexactly(18) == b"NBDMAGICIHAVEOPT\0\3"
        name = f"/{site.services.store.get(VDI, vdi).uuid}?session_id=good".encode()
        writer.write(struct.pack(">IQII", 3, 0x49484156454F5054, 1, len(name)) + name)
        size, flags = struct.unpack(">QH", await reader.readexactly(10))
        assert (size, flags & 2) == (64 * MIB, 2)
        await site.files.write(site.services.store.get(VDI, vdi).location, 0, b"after!")

        async def ask(command: int, offset: int, length: int, payload: bytes = b"") -> int:
            writer.write(struct.pack(">IHHQQI", 0x25609513, 0, command, 7, offset, length) + payload)
            magic, error, cookie = struct.unpack(">IIQ", await reader.readexactly(16))
            assert (magic, cookie) == (0x67446698, 7)
            return int(error)

        assert await ask(0, 0, 6) == 0
        assert await reader.readexactly(6) == b"before"
        assert await ask(1, 0, 3, b"xyz") == 1
        assert await ask(0, 64 * MIB - 1, 2) == 22
        assert await ask(0, 0, 64 * MIB) == 22
        assert await ask(4, 0, 65536) == 22
        assert await ask(3, 0, 0) == 0
        writer.write(struct.pack(">IHHQQI", 0x25609513, 0, 2, 7, 0, 0))
        assert await reader.read() == b""
        writer.close()


async def test_only_those_with_a_session_get_an_existing_disk(site: Site) -> None:
    vdi = await filled(site, b"secret")
    async with exported(site) as port:
        for wrong in (uri(site, port, vdi, session="stolen"), f"nbd://127.0.0.1:{port}//nothing%3Fsession_id=good"):
            with pytest.raises(RuntimeError):
                await run("nbdinfo", wrong)
        assert "nothing" not in await run("nbdinfo", "--list", f"nbd://127.0.0.1:{port}/")


async def test_with_tls_nothing_goes_in_the_clear(site: Site, sparse_data: bytes, tmp_path: Path) -> None:
    await run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca-cert.pem",
    )  # fmt: skip
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "ca-cert.pem", tmp_path / "key.pem")
    vdi = await filled(site, sparse_data)
    async with exported(site, NbdSettings(port=0), tls) as port:
        with pytest.raises(RuntimeError):
            await run("nbdinfo", uri(site, port, vdi))
        secure = uri(site, port, vdi, scheme="nbds") + f"?tls-certificates={tmp_path}"
        assert f"export-size: {64 * MIB}" in await run("nbdinfo", secure)
        await run("nbdcopy", secure, tmp_path / "out.raw")
        assert (tmp_path / "out.raw").read_bytes() == sparse_data
