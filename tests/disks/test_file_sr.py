"""SRs of real files: making and removing them, images put there by hand, failures, and changed blocks."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disks.conftest import HOST, MIB, Files
from tests.support import eventually
from xapi_async.objects.entity import new_uuid
from xapi_async.storage import layers
from xapi_async.storage.driver import BackendError, CopyRequest, DiskRequest, Repository
from xapi_async.storage.files import FileDriver
from xapi_async.storage.iso import IsoDriver
from xapi_async.storage.places import FileSettings


def number(error: pytest.ExceptionInfo[BackendError]) -> int:
    return error.value.number


async def test_sizes_are_rounded_up_and_bounded(files: Files) -> None:
    assert (await files.state(await files.disk(1))).virtual_size == 2 * MIB
    location = await files.disk(3 * MIB)
    assert (await files.state(location)).virtual_size == 4 * MIB
    for size in (-1, (2_093_050 << 20) + 1):
        with pytest.raises(BackendError) as error:
            await files.disk(size)
        assert number(error) == 79
    with pytest.raises(BackendError) as error:
        await files.driver.resize(files.sr.uuid, location, 2 * MIB)
    assert number(error) == 79
    await files.write(location, 4 * MIB - 1, b"x")
    assert (await files.driver.resize(files.sr.uuid, location, 9 * MIB)).virtual_size == 10 * MIB
    assert await files.content(location) == bytes(4 * MIB - 1) + b"x" + bytes(6 * MIB)


async def test_everything_is_there_after_a_restart(files: Files) -> None:
    location = await files.disk(name_label="system", type="system")
    await files.write(location, 70_000, b"kept")
    snapshot = await files.snapshot(location)
    await files.driver.rename(files.sr.uuid, location, "new name", "text")
    before = await files.driver.scan(files.sr.uuid)
    await files.restart()
    assert sorted(await files.driver.scan(files.sr.uuid), key=str) == sorted(before, key=str)
    state = await files.state(snapshot)
    assert (state.is_a_snapshot, state.snapshot_of, state.type) == (True, location, "system")
    assert (await files.state(location)).name_label == "new name"
    assert (await files.content(snapshot))[70_000:70_004] == b"kept"
    files.driver.close()


async def test_changed_blocks_are_those_that_were_written(files: Files) -> None:
    location = await files.disk()
    await files.driver.enable_cbt(files.sr.uuid, location)
    first = await files.snapshot(location)
    async with files.driver.opened(files.sr.uuid, location, writable=True) as image:
        await image.write(65_536 * 3 - 1, b"ab")
        await image.write_zeros(65_536 * 900, 10)
    second = await files.snapshot(location)
    assert (await files.state(second)).cbt_enabled
    bits = await files.driver.changed_blocks(files.sr.uuid, first, second)
    assert len(bits) == 128
    assert {index for index in range(1024) if bits[index // 8] & 0x80 >> index % 8} == {2, 3}
    await files.driver.destroy_data(files.sr.uuid, second)
    assert await files.driver.changed_blocks(files.sr.uuid, first, second) == bits
    assert not any(await files.driver.changed_blocks(files.sr.uuid, second, location))
    for older, newer in ((second, first), (first, first)):
        with pytest.raises(BackendError) as error:
            await files.driver.changed_blocks(files.sr.uuid, older, newer)
        assert number(error) == 460


async def test_layers_are_merged_in_the_background(files: Files) -> None:
    merging = asyncio.create_task(files.driver.run())
    location = await files.disk()
    await files.write(location, 0, b"1" * MIB)
    for _ in range(3):
        snapshot = await files.snapshot(location)
        await files.write(location, MIB, b"2" * MIB)
        await files.driver.destroy_disk(files.sr.uuid, snapshot)
    await eventually(lambda: len(list((files.path / "layers").iterdir())) == 2)
    assert (await files.content(location))[: 2 * MIB] == b"1" * MIB + b"2" * MIB
    merging.cancel()


async def test_a_disk_returns_to_its_reset_point(files: Files) -> None:
    location = await files.disk(2 * MIB)
    await files.write(location, 0, b"golden")
    await files.driver.set_reset_point(files.sr.uuid, location, True)
    for _ in range(2):
        await files.write(location, 0, b"soiled")
        await files.driver.reset(files.sr.uuid, location)
        assert (await files.content(location))[:6] == b"golden"
    assert [disk.location for disk in await files.driver.scan(files.sr.uuid)] == [location]
    await files.driver.destroy_disk(files.sr.uuid, location)
    assert list((files.path / "layers").iterdir()) == []


async def test_images_put_there_by_hand_become_disks(
    files: Files, sparse_data: bytes, qemu_img: Callable[..., str]
) -> None:
    uuid = new_uuid()
    (files.path / "plain.raw").write_bytes(sparse_data)
    qemu_img(
        "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on", files.path / "plain.raw", files.path / f"{uuid}.vhd"
    )
    (files.path / "broken.vhd").write_bytes(b"not a VHD")
    found = {disk.name_label: disk.location for disk in await files.driver.scan(files.sr.uuid)}
    assert found.keys() == {"plain", uuid}
    assert found[uuid] == uuid
    before = (files.path / "plain.raw").read_bytes()
    for location in found.values():
        assert await files.content(location) == sparse_data
        await files.write(location, 1, b"written")
        assert (await files.content(location))[:9] == sparse_data[:1] + b"written" + sparse_data[8:9]
    assert (files.path / "plain.raw").read_bytes() == before
    copy = await files.snapshot(uuid)
    await files.driver.destroy_disk(files.sr.uuid, uuid)
    assert (files.path / f"{uuid}.vhd").exists()
    assert {disk.location for disk in await files.driver.scan(files.sr.uuid)} == {found["plain"], copy}
    await files.driver.destroy_disk(files.sr.uuid, copy)
    assert not (files.path / f"{uuid}.vhd").exists()


async def test_a_destroyed_image_does_not_come_back(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where a crash comes before its file is removed."""
    for name in ("first.raw", "second.raw"):
        (files.path / name).write_bytes(b"x" * MIB)
    found = {disk.name_label: disk.location for disk in await files.driver.scan(files.sr.uuid)}
    await files.driver.destroy_disk(files.sr.uuid, found["first"])
    assert not (files.path / "first.raw").exists()

    def crash(path: Path, missing_ok: bool = False) -> None:
        raise KeyError(path)

    with monkeypatch.context() as crashing:
        crashing.setattr(Path, "unlink", crash)
        with pytest.raises(KeyError):
            await files.driver.destroy_disk(files.sr.uuid, found["second"])
    assert (files.path / "second.raw").exists()
    await files.restart()
    assert await files.driver.scan(files.sr.uuid) == []
    assert not (files.path / "second.raw").exists()
    # The name is free again.
    (files.path / "second.raw").write_bytes(b"y" * MIB)
    await files.restart()
    assert [disk.name_label for disk in await files.driver.scan(files.sr.uuid)] == ["second"]


async def test_a_snapshot_shares_what_its_source_had_for_itself(files: Files) -> None:
    location = await files.disk()
    await files.write(location, 0, b"x" * 4 * MIB)
    request = CopyRequest(new_uuid(), "", "", "20180221T13:05:09Z")
    made = await files.driver.snapshot(files.sr.uuid, location, request)
    assert made.also == (await files.state(location),)
    assert (made.also[0].physical_utilisation, made.disk.physical_utilisation) == (0, 0)


async def test_an_image_that_vanished_takes_only_its_disk_along(files: Files) -> None:
    other = await files.disk(2 * MIB)
    for name in ("gone.raw", "written.raw"):
        (files.path / name).write_bytes(b"x" * MIB)
    found = {disk.name_label: disk.location for disk in await files.driver.scan(files.sr.uuid)}
    await files.write(found["written"], 0, b"y" * 65_536)
    for name in ("gone.raw", "written.raw"):
        (files.path / name).unlink()
    await files.restart()
    with pytest.raises(BackendError) as error:
        await files.content(found["gone"])
    assert number(error) == 46
    left = {disk.location for disk in await files.driver.scan(files.sr.uuid)}
    assert left == {other, found["written"]}
    with pytest.raises(BackendError) as error:
        await files.content(found["written"])
    assert number(error) == 46
    assert await files.content(other) == bytes(2 * MIB)
    await files.write(other, 0, b"x")
    for path in (files.path / "layers").glob("*.data"):
        path.unlink()
    await files.restart()
    assert {disk.location for disk in await files.driver.scan(files.sr.uuid)} == left
    with pytest.raises(BackendError) as error:
        await files.content(other)
    assert number(error) == 46
    files.driver.close()


async def test_a_full_or_failing_medium_harms_nothing_else(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = await files.disk(2 * MIB), await files.disk(2 * MIB)
    await files.write(good, 0, b"good")
    await files.write(bad, 0, b"bad")
    original = layers.File.write
    for code in (errno.ENOSPC, errno.EIO):

        def failing(self: layers.File, offset: int, buffer: bytes, code: int = code) -> None:
            raise OSError(code, "the medium fails")

        monkeypatch.setattr(layers.File, "write", failing)
        with pytest.raises(OSError, match="the medium fails"):
            await files.write(bad, MIB, b"more")
        monkeypatch.setattr(layers.File, "write", original)
        assert (await files.content(bad))[: MIB + 4] == b"bad" + bytes(MIB + 1)
    assert (await files.content(good))[:4] == b"good"
    await files.write(bad, MIB, b"more")
    assert (await files.content(bad))[MIB : MIB + 4] == b"more"


async def test_after_a_failed_flush_nothing_is_called_durable(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    location = await files.disk(2 * MIB)
    await files.write(location, 0, b"flushed")
    original, failures = layers.os.fdatasync, iter([OSError(errno.EIO, "lost")])

    def failing(fd: int) -> None:
        for error in failures:
            raise error
        original(fd)

    async with files.driver.opened(files.sr.uuid, location, writable=True) as image:
        await image.write(MIB, b"unflushed")
        monkeypatch.setattr(layers.os, "fdatasync", failing)
        with pytest.raises(OSError, match="lost"):
            await image.flush()
        assert await image.read(MIB, 9) == bytes(9)
    with pytest.raises(OSError, match="could not be made durable"):  # noqa: PT012  the failure shows in any of it
        async with files.driver.opened(files.sr.uuid, location, writable=True) as image:
            await image.write(MIB, b"unflushed")
            failures = iter([OSError(errno.EIO, "lost by somebody else")])
            with pytest.raises(BackendError):
                await files.snapshot(location)
            await image.write(MIB, b"too late")
    await files.write(location, 100, b"again")
    assert (await files.content(location))[:105] == b"flushed" + bytes(93) + b"again"


async def test_a_disk_whose_making_is_cancelled_is_not_there(files: Files) -> None:
    uuid = new_uuid()
    making = asyncio.create_task(files.driver.create_disk(files.sr.uuid, DiskRequest(uuid, MIB)))
    await asyncio.sleep(0)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert await files.driver.scan(files.sr.uuid) == []


_COPIER = """
import asyncio, sys
from pathlib import Path
from xapi_async.storage.driver import DiskRequest, Repository
from xapi_async.storage.files import FileDriver
from xapi_async.storage.places import FileSettings

async def main(folder, sr, source, target):
    driver = FileDriver(FileSettings(folder=Path(folder)))
    await driver.attach("host", Repository(sr, "ext", {"device": "/dev/sdb"}))
    await driver.create_disk(sr, DiskRequest(target, 64 << 20, unfinished=True))
    async with driver.opened(sr, source, writable=False) as old, driver.opened(sr, target, writable=True) as new:
        while True:
            for offset in range(0, old.size, 1 << 20):
                await new.write(offset, await old.read(offset, 1 << 20))
                await new.flush()
                print(offset, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_crash_in_the_middle_of_a_copy_leaves_no_orphan(files: Files, sparse_data: bytes) -> None:
    source, target = await files.disk(), new_uuid()
    await files.write(source, 0, sparse_data)
    before = {path.name for path in (files.path / "layers").iterdir()}
    copying = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _COPIER, files.path.parent, files.sr.uuid, source, target, stdout=asyncio.subprocess.PIPE
    )
    assert copying.stdout is not None
    for _ in range(30):
        await copying.stdout.readline()
    copying.kill()
    await copying.wait()
    assert {path.name for path in (files.path / "layers").iterdir()} > before
    await files.restart()
    assert [disk.location for disk in await files.driver.scan(files.sr.uuid)] == [source]
    assert {path.name for path in (files.path / "layers").iterdir()} == before
    assert await files.content(source) == sparse_data
    files.driver.close()


async def test_a_finished_copy_stays(files: Files) -> None:
    location = await files.disk(unfinished=True)
    await files.driver.finish_disk(files.sr.uuid, location)
    await files.restart()
    assert [disk.location for disk in await files.driver.scan(files.sr.uuid)] == [location]
    files.driver.close()


async def test_srs_are_where_their_configuration_says(tmp_path: Path) -> None:
    share, folder = tmp_path / "share", tmp_path / "folder"
    share.mkdir()
    folder.mkdir()
    settings = FileSettings(tmp_path / "own", {"filer:/vol": str(share)})
    driver = FileDriver(settings)
    for kind, config, place in (
        ("ext", {"device": "/dev/sdb"}, tmp_path / "own"),
        ("nfs", {"server": "filer", "serverpath": "/vol"}, share),
        ("file", {"location": str(folder)}, folder),
    ):
        sr = Repository(new_uuid(), kind, config)
        await driver.create(HOST, sr)
        await driver.attach(HOST, sr)
        await driver.create_disk(sr.uuid, DiskRequest(new_uuid(), MIB))
        assert len(await driver.scan(sr.uuid)) == 1
        state = await driver.state(sr.uuid)
        assert 0 < state.physical_utilisation < state.physical_size
        assert (place / "layers" if kind == "file" else place / sr.uuid).is_dir()
        if kind != "file":
            assert sr.uuid in await driver.probe(HOST, kind, config, {})
        with pytest.raises(BackendError) as error:
            await driver.create(HOST, sr)
        assert number(error) == 42
        await driver.detach(HOST, sr.uuid)
        with pytest.raises(BackendError) as error:
            await driver.scan(sr.uuid)
        assert number(error) == 47
        await driver.delete(HOST, sr)
    assert list(folder.iterdir()) == []
    for kind, config, expected in (
        ("ext", {}, 90),
        ("file", {}, 94),
        ("file", {"location": "/nonexistent/place"}, 47),
        ("nfs", {"serverpath": "/vol"}, 102),
        ("nfs", {"server": "filer"}, 101),
        ("nfs", {"server": "filer", "serverpath": "/other"}, 73),
    ):
        with pytest.raises(BackendError) as error:
            await driver.create(HOST, Repository(new_uuid(), kind, config))
        assert number(error) == expected
    assert "UUID" not in await driver.probe(HOST, "ext", {"device": "/dev/empty"}, {})
    with pytest.raises(BackendError) as error:
        await driver.probe(HOST, "nfs", {"server": "filer"}, {})
    assert "<Path>/vol</Path>" in error.value.output
    driver.close()


async def test_a_lost_folder_is_told_of_and_comes_back(files: Files) -> None:
    location = await files.disk(2 * MIB)
    away = files.path.with_name("away")
    files.path.rename(away)
    with pytest.raises(BackendError) as error:
        await files.driver.scan(files.sr.uuid)
    assert number(error) == 47
    shutil.move(away, files.path)
    assert await files.content(location) == bytes(2 * MIB)


async def test_iso_images_are_disks(tmp_path: Path) -> None:
    (tmp_path / "debian.iso").write_bytes(b"\x01CD001" * 1000)
    (tmp_path / "readme.txt").write_bytes(b"no image")
    driver = IsoDriver(FileSettings())
    sr = Repository(new_uuid(), "iso", {"location": str(tmp_path), "legacy_mode": "true"})
    await driver.create(HOST, sr)
    await driver.attach(HOST, sr)
    (disk,) = await driver.scan(sr.uuid)
    assert (disk.location, disk.name_label, disk.virtual_size) == ("debian.iso", "debian.iso", 6000)
    async with driver.opened(sr.uuid, "debian.iso", writable=False) as image:
        assert await image.read(6, 6) == b"\x01CD001"
        with pytest.raises(ValueError, match="6000"):
            await image.read(5999, 2)
    made = await driver.create_disk(sr.uuid, DiskRequest(new_uuid(), 4096, sm_config={"path": "new.iso"}))
    async with driver.opened(sr.uuid, made.location, writable=True) as image:
        await image.write(0, b"content")
    assert (tmp_path / "new.iso").read_bytes()[:7] == b"content"
    for name in ("../escape.iso", "x.txt"):
        with pytest.raises(BackendError) as error:
            await driver.create_disk(sr.uuid, DiskRequest(new_uuid(), 1, sm_config={"path": name}))
        assert number(error) == 78
    for location in ("../debian.iso", "missing.iso"):
        with pytest.raises(BackendError) as error:
            await driver.disk(sr.uuid, location)
        assert number(error) == 46
    await driver.destroy_disk(sr.uuid, "new.iso")
    assert (await driver.state(sr.uuid)).physical_size == 6000
    driver.close()


@pytest.mark.parametrize("call", ["open", "unlink"])
async def test_an_iso_image_that_a_crash_leaves_half_made_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "theirs.iso.part").write_bytes(b"not ours")
    driver, sr = IsoDriver(FileSettings()), Repository(new_uuid(), "iso", {"location": str(tmp_path)})
    await driver.create(HOST, sr)
    await driver.attach(HOST, sr)

    def crash(*args: object, **more: object) -> None:
        raise KeyError(call)

    request = DiskRequest(new_uuid(), 4096, sm_config={"path": "new.iso"})
    with monkeypatch.context() as crashing:
        crashing.setattr(Path, call, crash)
        with pytest.raises(KeyError):
            await driver.create_disk(sr.uuid, request)
    assert (tmp_path / "new.iso").exists() == (call == "unlink")
    driver = IsoDriver(FileSettings())
    await driver.attach(HOST, sr)
    assert os.listdir(tmp_path) == ["theirs.iso.part"]
    await driver.create_disk(sr.uuid, request)
    assert set(os.listdir(tmp_path)) == {"theirs.iso.part", "new.iso"}
    with pytest.raises(BackendError) as error:
        await driver.create_disk(sr.uuid, request)
    assert number(error) == 43
    assert (tmp_path / "new.iso").stat().st_size == 4096


async def test_an_iso_image_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    driver, sr = IsoDriver(FileSettings()), Repository(new_uuid(), "iso", {"location": str(tmp_path)})
    await driver.attach(HOST, sr)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, limits[1]))
    try:
        with pytest.raises(BackendError) as error:
            await driver.create_disk(sr.uuid, DiskRequest(new_uuid(), 2 * MIB))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert number(error) == 78
    assert os.listdir(tmp_path) == []
