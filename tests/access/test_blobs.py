"""Blobs and their bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.access.conftest import House
from tests.support import eventually
from xapi_async.datamodel.classes import VM, Blob, Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.blob import HANDLERS, create_new_blob
from xapi_async.operations.blob_files import BlobFiles


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _failing() -> AsyncIterator[bytes]:
    yield b"half"
    raise ConnectionError("the client went away")


async def _content(files: BlobFiles, blob: Blob) -> bytes | None:
    found = await files.read(blob)
    return None if found is None else b"".join([chunk async for chunk in found[1]])


@pytest.fixture
def files(house: House, tmp_path: Path) -> BlobFiles:
    return BlobFiles(tmp_path / "blobs", house.store, house.clock)


async def test_a_blob_is_written_and_read(house: House, files: BlobFiles) -> None:
    ref = await HANDLERS["blob.create"](house.context(), "", False)
    blob = house.store.get(Blob, ref)
    assert (blob.mime_type, blob.size, blob.last_updated) == ("application/octet-stream", 0, "19700101T00:00:00Z")
    assert await files.read(blob) is None
    await files.write(blob, _chunks(b"ab", b"cde"))
    assert (blob.size, blob.last_updated) == (5, "20180221T13:05:09Z")
    assert await _content(files, blob) == b"abcde"
    with pytest.raises(ConnectionError):
        await files.write(blob, _failing())
    assert await _content(files, blob) == b"abcde"
    assert files.find(ref, None) is files.find(None, blob.uuid) is blob
    assert files.find("OpaqueRef:nothing", None) is None
    assert files.find(None, "nothing") is None


async def test_destroying_takes_it_out_of_its_vm_and_deletes_the_bytes(
    house: House, files: BlobFiles, tmp_path: Path
) -> None:
    async with house.store.transaction() as tx:
        vm = tx.create(VM).ref
    ref = await create_new_blob(VM)(house.context(), vm, "icon", "image/png", True)
    dangling = await create_new_blob(Host)(house.context(), house.host, "icon", "image/png", True)
    with pytest.raises(ApiError) as failure:
        await create_new_blob(VM)(house.context(), vm, "icon", "image/png", True)
    assert failure.value.description == ["MAP_DUPLICATE_KEY", "VM", "blobs", vm, "icon"]
    await files.write(house.store.get(Blob, ref), _chunks(b"png"))
    keeper = asyncio.create_task(files.run())
    await asyncio.sleep(0)
    for blob in (ref, dangling):
        await HANDLERS["blob.destroy"](house.context(), blob)
    assert house.store.get(VM, vm).blobs == {}
    assert house.store.get(Host, house.host).blobs == {"icon": dangling}
    await eventually(lambda: not list((tmp_path / "blobs").iterdir()))
    keeper.cancel()


async def test_what_a_crash_left_is_cleared_away(house: House, files: BlobFiles, tmp_path: Path) -> None:
    ref = await HANDLERS["blob.create"](house.context(), "", False)
    blob = house.store.get(Blob, ref)
    await files.write(blob, _chunks(b"kept"))
    (tmp_path / "blobs" / "left.part").write_bytes(b"half")
    await files._sweep()
    assert await _content(files, blob) == b"kept"
    assert len(list((tmp_path / "blobs").iterdir())) == 1
