"""An SR of real files, and a server that hands its disks out over HTTP."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support import Superuser, context, eventually, memory_services
from xapi_async.datamodel.classes import SR, VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import new_uuid
from xapi_async.operations.context import Context, Services
from xapi_async.storage.driver import CopyRequest, DiskRequest, DiskState, Repository
from xapi_async.storage.files import FileDriver
from xapi_async.storage.places import FileSettings
from xapi_async.transfer.access import parameter
from xapi_async.transfer.disk_services import DiskServices
from xapi_async.transfer.raw_disks import routes
from xapi_async.wire.app import Listener, serve
from xapi_async.wire.settings import WireSettings

MIB = 1 << 20
HOST = "host-1"


class Files:
    """A driver with one attached SR, whose calls need no SR to be named."""

    def __init__(self, path: Path) -> None:
        self.driver = FileDriver(FileSettings(folder=path))
        self.sr = Repository(new_uuid(), "ext", {"device": "/dev/sdb"})
        self.path = path / self.sr.uuid

    async def begin(self) -> None:
        await self.driver.create(HOST, self.sr)
        await self.driver.attach(HOST, self.sr)

    async def restart(self) -> None:
        """As after a crash: nothing is closed in order, and everything is opened anew."""
        self.driver = FileDriver(FileSettings(folder=self.path.parent))
        await self.driver.attach(HOST, self.sr)

    async def disk(self, size: int = 64 * MIB, **fields: Any) -> str:
        state = await self.driver.create_disk(self.sr.uuid, DiskRequest(new_uuid(), size, **fields))
        return state.location

    async def snapshot(self, location: str) -> str:
        request = CopyRequest(new_uuid(), "", "", "20180221T13:05:09Z")
        return (await self.driver.snapshot(self.sr.uuid, location, request)).disk.location

    async def state(self, location: str) -> DiskState:
        return await self.driver.disk(self.sr.uuid, location)

    async def write(self, location: str, offset: int, data: bytes) -> None:
        async with self.driver.opened(self.sr.uuid, location, writable=True) as image:
            await image.write(offset, data)

    async def content(self, location: str) -> bytes:
        async with self.driver.opened(self.sr.uuid, location, writable=False) as image:
            return await image.read(0, image.size)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    files = Files(tmp_path / "srs")
    await files.begin()
    yield files
    files.driver.close()


@pytest.fixture
def sparse_data() -> bytes:
    """64 MiB with something here and there, at the very end too."""
    rng = random.Random(3)
    data = bytearray(64 * MIB)
    for _ in range(20):
        offset = rng.randrange(len(data) - 300_000)
        length = rng.randrange(300_000)
        data[offset : offset + length] = rng.randbytes(length)
    data[-3:] = b"end"
    return bytes(data)


@pytest.fixture
def qemu_img() -> Callable[..., str]:
    """Runs qemu-img and gives what it says."""
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed (package qemu-utils)")

    def run(*args: object) -> str:
        return subprocess.run(
            ["qemu-img", *map(str, args)], check=True, capture_output=True, text=True, timeout=60
        ).stdout

    return run


class FakeAccess:
    """Knows one session, ``good``, and keeps how every transfer ended."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.forbidden = False
        self.contexts: list[Context] = []
        self.ends: list[Any] = []

    @asynccontextmanager
    async def admitted(self, request: web.BaseRequest, action: str) -> AsyncIterator[Superuser]:
        if parameter(request, "session_id") != "good":
            raise web.HTTPUnauthorized
        if self.forbidden:
            raise web.HTTPForbidden
        yield Superuser()

    async def begin(
        self, request: web.BaseRequest, caller: Any, label: str, task_id: str | None, subtask_of: str | None
    ) -> Context:
        ctx = context(self.services)
        ctx.task.ref = task_id or ctx.task.ref
        self.contexts.append(ctx)
        return ctx

    async def succeed(self, ctx: Context, result_type: Any, value: Any) -> None:
        self.ends.append(value)

    async def fail(self, ctx: Context, error: ApiError) -> None:
        self.ends.append(error)


class Site:
    """A server whose disks can be fetched and sent. port: where it listens."""

    def __init__(self, services: Services, files: Files, sr: str) -> None:
        self.access = FakeAccess(services)
        self.services = services
        self.files = files
        self.sr = sr
        self.port = 0
        self.address: str | None = None
        self.finished: list[str] = []
        self.attached: list[tuple[str, str]] = []
        self.refusal: ApiError | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def vdi(self, size: int = 64 * MIB, location: str = "") -> str:
        """A disk with its record; the reference."""
        location = location or await self.files.disk(size)
        state = await self.files.state(location)
        async with self.services.store.transaction() as tx:
            vdi = tx.create(VDI, uuid=location, location=location, SR=self.sr, virtual_size=state.virtual_size)
        return vdi.ref

    async def all_detached(self) -> None:
        """Wait until no disk is attached; a client that has gone knows it before the server."""
        await eventually(lambda: not self.attached)

    async def content(self, ref: str) -> bytes:
        return await self.files.content(self.services.store.get(VDI, ref).location)

    def disk_services(self) -> DiskServices:
        return DiskServices(self._plugged, self._create, self._finish, self._destroy, lambda ctx, sr: self.address)

    @asynccontextmanager
    async def _plugged(self, ctx: Context, vdi: str, mode: str) -> AsyncIterator[Any]:
        if self.refusal is not None:
            raise self.refusal
        self.attached.append((vdi, mode))
        location = ctx.store.get(VDI, vdi).location
        try:
            async with self.files.driver.opened(self.files.sr.uuid, location, writable=mode == "RW") as image:
                yield image
        finally:
            self.attached.remove((vdi, mode))

    async def _create(self, ctx: Context, sr: str, size: int) -> str:
        return await self.vdi(size)

    async def _finish(self, ctx: Context, vdi: str) -> None:
        self.finished.append(vdi)

    async def _destroy(self, ctx: Context, vdi: str) -> None:
        await self.files.driver.destroy_disk(self.files.sr.uuid, ctx.store.get(VDI, vdi).location)
        async with self.services.store.transaction() as tx:
            tx.delete(tx.get(VDI, vdi))


@pytest.fixture
async def site(files: Files) -> AsyncIterator[Site]:
    async with memory_services() as services:
        async with services.store.transaction() as tx:
            sr = tx.create(SR, uuid=files.sr.uuid, type="ext")
        site = Site(services, files, sr.ref)
        table = routes(site.access, site.disk_services())
        async with serve(None, table, WireSettings(), [Listener("127.0.0.1", 0)]) as bound:  # type: ignore[arg-type]
            site.port = int(bound.plain[0].rpartition(":")[2])
            yield site
