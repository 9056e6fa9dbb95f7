"""Updates: making them known, checking and installing them, and the old-style view of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.copies.lab import Lab
from tests.pools.packages import UUID, iso, package, update_xml
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_patch import HostPatch
from xapi_async.datamodel.classes.pool_patch import PoolPatch
from xapi_async.datamodel.classes.pool_update import PoolUpdate
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.pools.iso9660 import NotIsoError, file_names, read_file
from xapi_async.operations.pools.update_package import parse, read_package
from xapi_async.storage.driver import Extent, Image

OTHER = "11111111-2222-4333-8444-555555555555"


class BytesImage:
    """A disk that holds given bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    async def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]

    async def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        raise OSError("read-only")

    async def write_zeros(self, offset: int, length: int) -> None:
        raise OSError("read-only")

    async def flush(self) -> None:
        return

    async def extents(self, base: str | None = None) -> list[Extent]:
        return [Extent(0, self.size)]


@pytest.fixture
def contents(pool: Lab, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What disks hold, by location: the pool's storage itself keeps no bytes."""
    found: dict[str, bytes] = {}
    driver = pool.services.storage.driver("nfs")
    opened = driver.opened

    @asynccontextmanager
    async def with_bytes(sr: str, location: str, *, writable: bool) -> AsyncIterator[Image]:
        if location in found:
            yield BytesImage(found[location])
        else:
            async with opened(sr, location, writable=writable) as image:
                yield image

    monkeypatch.setattr(driver, "opened", with_bytes)
    return found


async def disk(pool: Lab, contents: dict[str, bytes], data: bytes) -> str:
    values = {"name_label": "update", "name_description": "", "SR": pool.sr, "virtual_size": 1 << 20, "type": "user"}
    rest = {"sharable": False, "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": ()}
    vdi: str = await pool.call("VDI.create", {**values, **rest})
    contents[pool.get(VDI, vdi).location] = data
    return vdi


async def known(pool: Lab, contents: dict[str, bytes], data: bytes | None = None) -> PoolUpdate:
    vdi = await disk(pool, contents, package() if data is None else data)
    return pool.store.get(PoolUpdate, await pool.call("pool_update.introduce", vdi))


# Packages


async def test_files_are_found_by_their_long_and_short_names():
    for rock_ridge in (True, False):
        image = BytesImage(iso({"update.xml": b"<a/>", "key.txt": b"x" * 5000}, rock_ridge=rock_ridge))
        assert await file_names(image) == {"update.xml", "key.txt"}
        assert await read_file(image, "Update.xml") == b"<a/>"
        assert await read_file(image, "key.txt") == b"x" * 5000
        assert await read_file(image, "none") is None


@pytest.mark.parametrize("data", [b"", bytes(1 << 16), package()[: 19 * 2048]])
async def test_what_is_no_file_system(data: bytes):
    with pytest.raises(NotIsoError):
        await read_file(BytesImage(data), "update.xml")
    with pytest.raises(ApiError) as caught:
        await read_package(BytesImage(data))
    assert caught.value.code == "INVALID_UPDATE"


def test_what_a_package_says():
    found = parse(
        update_xml(
            installation_size="1000",
            key="keys/RPM-GPG-KEY",
            after_apply_guidance="restartHost, restartXAPI",
            enforce_homogeneity="true",
            control="control-XS74E001",
        )
    )
    assert (found.uuid, found.name, found.version, found.description) == (UUID, "XS74E001", "1.0", "Fixes")
    assert (found.size, found.key, found.enforce_homogeneity) == (1000, "RPM-GPG-KEY", True)
    assert found.guidance == ("restartHost", "restartXAPI")
    assert parse(update_xml(after_apply_guidance="restartHost,dance")).guidance == ()
    assert (parse(update_xml()).size, parse(update_xml()).key, parse(update_xml()).guidance) == (0, "", ())


@pytest.mark.parametrize(
    "text",
    [
        b"<update",
        b"<patch/>",
        b'<!DOCTYPE update [<!ENTITY a "b">]><update/>',
        b'<update uuid="1" name-label="2" version="3"/>',
        update_xml(uuid=""),
        update_xml(**{"name-label": ""}),
        update_xml(version=""),
        update_xml(installation_size="much"),
    ],
)
def test_what_is_no_package(text: bytes):
    with pytest.raises(ApiError) as caught:
        parse(text)
    assert caught.value.code == "INVALID_UPDATE"


# Making known


async def test_an_update_is_made_known(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents, package(after_apply_guidance="restartHost", installation_size="4096"))
    assert (update.uuid, update.name_label, update.name_description) == (UUID, "XS74E001", "Fixes")
    assert (update.installation_size, update.after_apply_guidance, update.hosts) == (4096, ("restartHost",), ())
    (patch,) = pool.store.all(PoolPatch)
    assert patch.uuid == "5b1f0a2e-0000-0000-9a55-0d8a0f6d3c11"
    assert (patch.pool_update, patch.name_label, patch.size) == (update.ref, "XS74E001", 4096)
    assert (patch.filename, patch.after_apply_guidance) == ("", ("restartHost",))
    assert pool.get(VDI, update.vdi).VBDs == ()


async def test_a_known_update_is_met_again(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents)
    assert await pool.call("pool_update.introduce", update.vdi) == update.ref
    other = await disk(pool, contents, package())
    assert await pool.refused("pool_update.introduce", other) == ["UPDATE_ALREADY_EXISTS", UUID]
    await pool.call("pool_update.pool_clean", update.ref)
    assert await pool.call("pool_update.introduce", other) == update.ref
    assert pool.get(PoolUpdate, update.ref).vdi == other


async def test_disks_that_hold_no_update(pool: Lab, contents: dict[str, bytes]):
    empty = await disk(pool, contents, bytes(1 << 16))
    assert (await pool.refused("pool_update.introduce", empty))[0] == "INVALID_UPDATE"
    await pool.set(pool.get(VDI, empty), type="cbt_metadata")
    refusal = ["VDI_INCOMPATIBLE_TYPE", empty, "CBT metadata"]
    assert await pool.refused("pool_update.introduce", empty) == refusal
    assert list(pool.store.all(PoolUpdate)) == []


# Checking


@pytest.mark.parametrize(
    ("inner", "status"),
    [
        ("", "ok"),
        ("<live-patch>complete</live-patch>", "ok_livepatch_complete"),
        ("<live-patch>incomplete</live-patch>", "ok_livepatch_incomplete"),
    ],
)
async def test_a_good_update(pool: Lab, contents: dict[str, bytes], inner: str, status: str):
    update = await known(pool, contents, package(inner))
    assert await pool.call("pool_update.precheck", update.ref, pool.slave) == status


async def test_what_a_check_finds(pool: Lab, contents: dict[str, bytes]):
    first = await known(pool, contents)
    await pool.call("pool_update.apply", first.ref, pool.slave)
    second = await known(pool, contents, package(uuid=OTHER))
    location = pool.get(VDI, second.vdi).location

    async def check(inner: str) -> list[str]:
        contents[location] = package(inner, uuid=OTHER)
        return await pool.refused("pool_update.precheck", second.ref, pool.slave)

    prefix = "UPDATE_PRECHECK_FAILED"
    missing = "<requires>x</requires><requires>y</requires>"
    assert await check(missing) == [f"{prefix}_PREREQUISITE_MISSING", "XS74E001", "x y"]
    version = "<server-version>7.1.0</server-version>"
    wrong = [f"{prefix}_WRONG_SERVER_VERSION", "XS74E001", "7.4.0", "7.1.0"]
    assert await check(version + missing) == wrong
    conflict = f"<conflicts>{UUID}</conflicts>"
    assert await check(conflict + version) == [f"{prefix}_CONFLICT_PRESENT", "XS74E001", UUID]
    contents[location] = b""
    refusal = await pool.refused("pool_update.precheck", second.ref, pool.slave)
    assert refusal[:2] == ["INVALID_UPDATE", "XS74E001"]
    await pool.set(second, installation_size=1 << 40)
    refusal = await pool.refused("pool_update.precheck", second.ref, pool.slave)
    assert refusal == [f"{prefix}_OUT_OF_SPACE", "XS74E001", str(4 << 30), str(1 << 40)]
    await pool.call("pool_update.pool_clean", second.ref)
    assert await pool.refused("pool_update.precheck", second.ref, pool.slave) == ["CANNOT_FIND_UPDATE"]


# Installing


async def test_an_update_is_installed_on_one_host(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents, package(after_apply_guidance="restartHost"))
    await pool.call("pool_update.apply", update.ref, pool.slave)
    host = pool.get(Host, pool.slave)
    assert (host.updates, host.updates_requiring_reboot) == ((update.ref,), (update.ref,))
    assert pool.get(PoolUpdate, update.ref).hosts == (pool.slave,)
    assert pool.get(VM, host.control_domain).requires_reboot
    (record,) = pool.store.all(HostPatch)
    assert (record.host, record.applied, record.size, record.name_label) == (pool.slave, True, 0, "")
    assert record.timestamp_applied.startswith("2018")
    assert await pool.refused("pool_update.apply", update.ref, pool.slave) == ["UPDATE_ALREADY_APPLIED", update.ref]
    assert await pool.refused("pool_update.destroy", update.ref) == ["UPDATE_IS_APPLIED"]


async def test_a_live_patch_needs_no_reboot(pool: Lab, contents: dict[str, bytes]):
    data = package("<live-patch>complete</live-patch>", after_apply_guidance="restartHost")
    update = await known(pool, contents, data)
    await pool.call("pool_update.apply", update.ref, pool.slave)
    assert pool.get(Host, pool.slave).updates_requiring_reboot == ()


async def test_an_update_is_installed_on_all_hosts(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents)
    await pool.call("pool_update.apply", update.ref, pool.master)
    await pool.call("pool_update.pool_apply", update.ref)
    assert set(pool.get(PoolUpdate, update.ref).hosts) == {pool.master, pool.slave}
    refusal = ["UPDATE_ALREADY_APPLIED_IN_POOL", update.ref]
    assert await pool.refused("pool_update.pool_apply", update.ref) == refusal


async def test_hosts_that_fail_are_named(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents)
    pool.services.hypervisor.kill_host(pool.get(Host, pool.slave).uuid)  # type: ignore[attr-defined]
    assert await pool.refused("pool_update.pool_apply", update.ref) == ["UPDATE_POOL_APPLY_FAILED", pool.slave]
    assert pool.get(PoolUpdate, update.ref).hosts == (pool.master,)


async def test_two_at_once(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents)
    pool.services.pool.installing.add((update.ref, pool.slave))
    refusal = await pool.refused("pool_update.apply", update.ref, pool.slave)
    assert (refusal[0], refusal[2]) == ("OTHER_OPERATION_IN_PROGRESS", update.ref)


# Cleaning up


async def test_packages_and_records_go(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents)
    vdi = update.vdi
    assert UUID in await pool.call("pool_update.attach", update.ref)
    await pool.call("pool_update.detach", update.ref)
    await pool.call("pool_update.pool_clean", update.ref)
    assert pool.get(PoolUpdate, update.ref).vdi == NULL_REF
    assert pool.store.find(VDI, vdi) is None
    await pool.call("pool_update.pool_clean", update.ref)
    assert await pool.refused("pool_update.attach", update.ref) == ["CANNOT_FIND_UPDATE", UUID]
    await pool.call("pool_update.destroy", update.ref)
    assert list(pool.store.all(PoolUpdate)) == list(pool.store.all(PoolPatch)) == []


async def test_records_follow_what_is_installed(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents)
    await pool.call("pool_update.apply", update.ref, pool.slave)
    (record,) = pool.store.all(HostPatch)
    await pool.call("host_patch.destroy", record.ref)
    async with pool.store.transaction() as tx:
        (patch,) = tx.all(PoolPatch)
        tx.delete(patch)
        tx.create(PoolPatch, name_label="of nothing", pool_update=NULL_REF)
    await pool.call("pool_update.resync_host", pool.slave)
    (patch,) = pool.store.all(PoolPatch)
    (record,) = pool.store.all(HostPatch)
    assert (patch.pool_update, record.pool_patch) == (update.ref, patch.ref)


async def test_the_old_way(pool: Lab, contents: dict[str, bytes]):
    update = await known(pool, contents)
    (patch,) = pool.store.all(PoolPatch)
    assert await pool.call("pool_patch.precheck", patch.ref, pool.slave) == ""
    assert await pool.call("pool_patch.apply", patch.ref, pool.slave) == ""
    refusal = await pool.refused("pool_patch.pool_apply", patch.ref)
    assert refusal == ["UPDATE_ALREADY_APPLIED", update.ref]
    assert not pool.get(PoolPatch, patch.ref).pool_applied
    await pool.call("pool_patch.clean", patch.ref)
    await pool.call("pool_patch.clean_on_host", patch.ref, pool.slave)
    await pool.call("pool_patch.pool_clean", patch.ref)
    assert await pool.refused("pool_patch.destroy", patch.ref) == ["UPDATE_IS_APPLIED"]
    record = next(iter(pool.store.all(HostPatch)))
    assert await pool.refused("host_patch.apply", record.ref) == ["MESSAGE_DEPRECATED"]


async def test_the_old_way_on_all_hosts(pool: Lab, contents: dict[str, bytes]):
    await known(pool, contents)
    (patch,) = pool.store.all(PoolPatch)
    await pool.call("pool_patch.pool_apply", patch.ref)
    assert pool.get(PoolPatch, patch.ref).pool_applied
