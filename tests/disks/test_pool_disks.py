"""Disks of real files through the API's operations: created, filled over HTTP, snapshotted, copied, compared."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

from tests.disks.conftest import MIB, FakeAccess
from tests.support import context, memory_services
from xapi_async.datamodel.classes import PBD, SM, SR, VBD, VDI, VM, Host, HostMetrics, Pool
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.entity import new_uuid
from xapi_async.operations.context import Context
from xapi_async.operations.storage import vdi, vdi_cbt, vdi_copies
from xapi_async.storage.driver import Repository, Storage
from xapi_async.storage.files import FileDriver
from xapi_async.storage.places import FileSettings
from xapi_async.transfer.pool_disks import pool_disks
from xapi_async.transfer.raw_disks import routes
from xapi_async.wire.app import Listener, serve
from xapi_async.wire.settings import WireSettings


class Place:
    """A pool of one host with one SR."""

    def __init__(self, ctx: Context, sr: str, url: str, access: FakeAccess) -> None:
        self.ctx = ctx
        self.sr = sr
        self.url = url
        self.access = access

    async def put(self, query: str, data: bytes) -> None:
        async with (
            aiohttp.ClientSession() as client,
            client.put(f"{self.url}/import_raw_vdi?session_id=good&{query}", data=data) as response,
        ):
            assert response.status == 200, response.status
            await response.read()

    async def get(self, ref: str) -> bytes:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{self.url}/export_raw_vdi?session_id=good&vdi={ref}") as response,
        ):
            assert response.status == 200, response.status
            return await response.read()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    driver = FileDriver(FileSettings(folder=tmp_path))
    alive = SimpleNamespace(is_alive=lambda host: True)
    async with memory_services(storage=Storage(driver), hypervisor=alive) as services:
        repository = Repository(new_uuid(), "ext", {"device": "/dev/sdb"})
        await driver.create("host", repository)
        await driver.attach("host", repository)
        names = "CREATE DELETE SNAPSHOT CLONE RESIZE CONFIG_CBT ATTACH DETACH"
        features = {f"VDI_{name}": 1 for name in names.split()}
        async with services.store.transaction() as tx:
            metrics = tx.create(HostMetrics, live=True)
            host = tx.create(Host, uuid="host", metrics=metrics.ref)
            domain = tx.create(VM, is_control_domain=True, resident_on=host.ref, power_state="Running")
            tx.set(host, control_domain=domain.ref)
            tx.create(Pool, master=host.ref, restrictions={"restrict_cbt": "false"})
            tx.create(SM, type="ext", features=features)
            sr = tx.create(SR, uuid=repository.uuid, type="ext")
            tx.create(PBD, host=host.ref, SR=sr.ref, device_config={"device": "/dev/sdb"}, currently_attached=True)
        access = FakeAccess(services)
        table = routes(access, pool_disks())
        async with serve(None, table, WireSettings(), [Listener("127.0.0.1", 0)]) as bound:  # type: ignore[arg-type]
            yield Place(context(services), sr.ref, bound.plain[0], access)
    driver.close()


async def test_bytes_survive_snapshots_copies_and_transfers(place: Place, sparse_data: bytes) -> None:
    ctx = place.ctx
    await place.put(f"sr_id={place.sr}", sparse_data)
    disk = place.access.ends.pop()
    await vdi_cbt.enable_cbt(ctx, disk)
    snapshot = await vdi_copies.snapshot(ctx, disk, {})
    await place.put(f"vdi={disk}&chunked=1", (3 * MIB).to_bytes(8, "little") + b"\4\0\0\0new!" + bytes(12))
    changed = sparse_data[: 3 * MIB] + b"new!" + sparse_data[3 * MIB + 4 :]
    assert await place.get(snapshot) == sparse_data
    assert await place.get(disk) == changed
    second = await vdi_copies.snapshot(ctx, disk, {})
    bits = base64.b64decode(await vdi_cbt.list_changed_blocks(ctx, snapshot, second))
    assert [index for index in range(1024) if bits[index // 8] & 0x80 >> index % 8] == [48]
    copy = await vdi_copies.copy(ctx, disk, place.sr, NULL_REF, NULL_REF)
    assert await place.get(copy) == changed
    assert not list(ctx.store.all(VBD))
    for ref in (snapshot, disk, second, copy):
        await vdi.destroy(ctx, ref)
    assert not list(ctx.store.all(VDI))
