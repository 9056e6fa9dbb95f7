"""The database file: what it keeps over a restart, and what it says when it cannot."""

# ruff: noqa: ASYNC221, ASYNC240 - tests may block

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from tests.support import eventually
from xapi_async.datamodel.classes import PGPU, SR, VBD, VDI, VM, Host, Session, Subject
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.database import Database, check_backup, open_database, restore_backup
from xapi_async.objects.documents import Documents
from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.integrity import check_integrity
from xapi_async.objects.schema import MIGRATIONS, read_meta, upgrade
from xapi_async.objects.settings import StoreSettings
from xapi_async.objects.sqlite_journal import SqliteJournal
from xapi_async.objects.store import Store
from xapi_async.objects.writer import Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "database"


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[Database]:
    async with open_database(path, StoreSettings(**settings), {"version": "0.1"}) as db:
        yield db
        assert check_integrity(db.store) == []


def snapshot(store: Store) -> dict[str, Any]:
    """Every lasting object with the fields that last."""
    return {
        entity.ref: (
            entity.born,
            entity.modified,
            {name: value for name, value in entity.values().items() if cls.FIELDS[name].persist and name != "VBDs"},
        )
        for cls in (VM, VBD, VDI, SR, Subject, PGPU, Host)
        for entity in store.table(cls).values()  # type: ignore[attr-defined]
    }


async def fill(store: Store) -> str:
    async with store.transaction() as tx:
        sr = tx.create(SR, name_label="sr")
        vm = tx.create(VM, name_label="vm", tags=("a", "b"), platform={"acpi": "1"}, HVM_shadow_multiplier=1.5)
        vdi = tx.create(VDI, SR=sr.ref, virtual_size=1 << 40)
        tx.create(VBD, VM=vm.ref, VDI=vdi.ref)
        tx.create(PGPU, supported_VGPU_max_capacities={"OpaqueRef:x": 3})
        tx.create(Session)
    async with store.transaction() as tx:
        tx.set(tx.get(VM, vm.ref), name_description="ü\n", tags=(), allowed_operations=("start",))
        tx.delete(tx.create(VM))
    return vm.ref


@pytest.mark.parametrize("folded", [False, True])
async def test_a_restart_gives_back_everything_that_lasts(path: Path, folded: bool) -> None:
    async with opened(path) as db:
        ref = await fill(db.store)
        if folded:
            journal = db.store._journal
            assert isinstance(journal, SqliteJournal)
            await journal.checkpoint()
            async with db.store.transaction() as tx:  # one that is in the journal only, on what was folded
                tx.set(tx.get(VM, ref), user_version=7)
        before, generation = snapshot(db.store), db.store.generation
    async with opened(path) as db:
        assert snapshot(db.store) == before
        assert db.store.generation > generation
        vm = db.store.get(VM, ref)
        assert (vm.tags, vm.allowed_operations, vm.name_description) == ((), (), "ü\n")
        assert len(vm.VBDs) == 1
        assert len(db.store.table(Session)) == 0
        assert db.store.by_uuid(VM, vm.uuid) is vm


def rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


async def test_folding_goes_on_in_the_background(path: Path) -> None:
    async with opened(path, checkpoint_transactions=10) as db:
        refs = []
        for number in range(60):
            async with db.store.transaction() as tx:
                refs.append(tx.create(VM, name_label=str(number)).ref)
            if number % 3 == 0:
                async with db.store.transaction() as tx:
                    tx.delete(tx.get(VM, refs.pop(0)))
        before = snapshot(db.store)
        await eventually(lambda: rows(path, "journal") < 30)
        assert rows(path, "objects") > 0
    async with opened(path) as db:
        assert snapshot(db.store) == before


async def test_generations_never_go_back_though_only_passing_things_changed(path: Path) -> None:
    async with opened(path) as db:
        ref = await fill(db.store)
        for _ in range(100):
            async with db.store.transaction() as tx:
                tx.set(tx.get(VM, ref), allowed_operations=())
        generation = db.store.generation
    async with opened(path) as db:
        assert db.store.generation >= generation


async def test_more_generations_are_reserved_before_they_run_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("store", "recovery", "database"):
        monkeypatch.setattr(f"xapi_async.objects.{module}.RESERVE", 10)
    async with opened(path) as db:
        ref = await fill(db.store)
        for _ in range(100):
            async with db.store.transaction() as tx:
                tx.set(tx.get(VM, ref), allowed_operations=())
            with closing(sqlite3.connect(path)) as connection:
                assert int(str(read_meta(connection, "generation"))) >= db.store.generation


async def test_fields_and_classes_that_are_no_more_are_dropped(path: Path) -> None:
    async with opened(path) as db:
        ref = await fill(db.store)
        journal = db.store._journal
        await journal.append(
            journal.encode([("mod", db.store.generation, "VM", ref, {"gone": 1}), ("add", 5, "Gone", "r", {})])
        )
    async with opened(path) as db:
        assert db.store.get(VM, ref).name_label == "vm"


async def test_documents_and_logs(path: Path) -> None:
    async with opened(path) as db:
        assert await db.documents.get("a") is None
        await asyncio.gather(*(db.documents.put(f"d{n}", {"n": [n]}) for n in range(50)))
        await db.documents.put("a", 1)
        await db.documents.put("a", 2)
        await db.documents.delete("d0")
        log = db.log("messages")
        await asyncio.gather(*(log.append(str(n), n) for n in range(20)))
        await log.append("3", "again")
        await log.delete("4")
        await db.log("others").append("3", 0)
    async with opened(path) as db:
        assert (await db.documents.get("a"), await db.documents.get("d49")) == (2, {"n": [49]})
        assert await db.documents.get("d0") is None
        rows = await db.log("messages").rows()
        assert rows == [(str(n), n) for n in range(20) if n not in (3, 4)] + [("3", "again")]


async def test_all_that_are_written_together_hear_of_a_failure_of_any_kind(path: Path) -> None:
    connection = await aiosqlite.connect(":memory:")
    await connection.close()  # so that it raises what is no error of the database
    documents = Documents(Writer(connection, path))
    outcomes = await asyncio.gather(*(documents.put(name, 1) for name in "abc"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DatabaseError] * 3


async def test_without_a_file_documents_work_and_nothing_lasts() -> None:
    async with open_database(None) as db:
        await fill(db.store)
        await db.documents.put("a", 1)
        assert await db.documents.get("a") == 1
        with pytest.raises(DatabaseError, match="in memory"):
            await db.backup(Path("x"))


# One server to one database


async def test_a_second_server_is_told_who_has_the_database(path: Path) -> None:
    async with opened(path):
        with pytest.raises(DatabaseError, match=f"process {os.getpid()}"):
            async with opened(path):
                pass
        program = f"""
import asyncio
from pathlib import Path
from xapi_async.objects.database import open_database
async def main():
    async with open_database(Path({str(path)!r})):
        pass
asyncio.run(main())
"""
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert f"process {os.getpid()}" in other.stderr
    async with opened(path):
        pass


# Backups


async def test_a_backup_made_while_writing_is_whole(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    async with opened(path, checkpoint_transactions=5) as db:
        await fill(db.store)
        stop = False

        async def write() -> None:
            number = 0
            while not stop or number < 3:
                async with db.store.transaction() as tx:
                    vm = tx.create(VM, name_label=str(number))
                    tx.create(VBD, VM=vm.ref)
                number += 1

        writing = asyncio.create_task(write())
        for _ in range(3):
            await asyncio.sleep(0.02)
            await db.backup(target)
            assert check_backup(target) > 0
        stop = True
        await writing
        await db.backup(target)
        before = snapshot(db.store)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy", "state"]
    async with opened(target) as db:
        assert snapshot(db.store) == before


async def test_a_backup_takes_the_place_of_what_a_crash_left(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    async with opened(path) as db:
        await fill(db.store)
        await db.backup(target)
        before = snapshot(db.store)
        await fill(db.store)
        with pytest.raises(DatabaseError, match="in use by another server"):
            restore_backup(target, path)
        left = path.with_name("database-wal").read_bytes()
    path.with_name("database-wal").write_bytes(left)
    assert restore_backup(target, path) == len(before)
    async with opened(path) as db:
        assert snapshot(db.store) == before
    with pytest.raises(DatabaseError):
        restore_backup(tmp_path / "nothing", path)
    async with opened(path) as db:
        assert snapshot(db.store) == before


async def test_a_backup_that_cannot_be_made_leaves_nothing(path: Path, tmp_path: Path) -> None:
    async with opened(path) as db:
        with pytest.raises(DatabaseError, match="No such file"):
            await db.backup(tmp_path / "nowhere" / "copy")


# What can be wrong


async def refused(path: Path) -> str:
    with pytest.raises(DatabaseError) as caught:
        async with opened(path):
            pass
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


async def test_what_is_no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("no database at all, but long enough to be taken for the head of one" * 100)
    assert "not a database" in await refused(path)


async def test_the_database_of_another_program(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
    assert "another program" in await refused(path)


async def test_a_damaged_file(path: Path) -> None:
    async with opened(path) as db:
        for _ in range(50):
            await fill(db.store)
    content = bytearray(path.read_bytes())
    content[4096 : len(content) - 4096] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    assert "damaged" in await refused(path)
    with pytest.raises(DatabaseError, match="damaged"):
        check_backup(path)


async def test_a_newer_version(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'schema'")
    assert "newer version" in await refused(path)


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError):
        async with opened(tmp_path / "file" / "database"):
            pass


def test_an_older_version_is_upgraded_step_by_step_or_not_at_all(tmp_path: Path) -> None:
    def second(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE more (a)")

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise sqlite3.OperationalError("broken")

    with closing(sqlite3.connect(tmp_path / "x", isolation_level=None)) as connection:
        upgrade(connection)
        assert read_meta(connection, "schema") == 1
        with pytest.raises(sqlite3.OperationalError):
            upgrade(connection, (*MIGRATIONS, second, broken))
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert not names & {"more", "half"}
        upgrade(connection, (*MIGRATIONS, second))
        assert read_meta(connection, "schema") == 2
        connection.execute("SELECT * FROM more")


async def test_a_full_disk_refuses_changes_until_there_is_room(path: Path) -> None:
    async with opened(path) as db:
        ref = await fill(db.store)
        connection = db._writer.connection
        await connection.execute("PRAGMA max_page_count = 1")  # SQLite then takes the disk for full

        async def write(text: str) -> None:
            async with db.store.transaction() as tx:
                tx.set(tx.get(VM, ref), name_description=text)

        results = await asyncio.gather(*(write("x" * 100_000) for _ in range(5)), return_exceptions=True)
        for result in results:
            assert isinstance(result, ApiError)
            assert "the disk is full; make room" in result.params[0]
        with pytest.raises(DatabaseError, match="the disk is full"):
            await db.documents.put("a", "x" * 100_000)
        assert db.store.get(VM, ref).name_description == "ü\n"
        await connection.execute("PRAGMA max_page_count = 1000000")
        await write("room")
        await db.documents.put("a", "room")
    async with opened(path) as db:
        assert db.store.get(VM, ref).name_description == "room"
        assert await db.documents.get("a") == "room"


async def test_objects_that_go_by_the_uuid_in_their_reference(path: Path) -> None:
    async with opened(path) as db:
        async with db.store.transaction() as tx:
            made, renamed, imported = (tx.create(VBD, device="xvda") for _ in range(3))
            assert made.ref == f"OpaqueRef:{made.uuid}"
            old, new, foreign = renamed.uuid, "11111111-2222-3333-4444-555555555555", "6" * 8 + renamed.uuid[8:]
            refs, uuid = (made.ref, renamed.ref), made.uuid
            tx.delete(imported)
            other = tx.create(VBD, uuid=foreign).ref
        async with db.store.transaction() as tx:
            tx.set(tx.get(VBD, refs[1]), uuid=new)
    async with opened(path) as db:
        store = db.store
        assert [store.by_uuid(VBD, known).ref for known in (uuid, new, foreign)] == [*refs, other]
        assert store.get(VBD, refs[0]).values()["uuid"] == uuid
        for gone in (old, imported.uuid):
            with pytest.raises(ApiError, match="UUID_INVALID"):
                store.by_uuid(VBD, gone)
        with pytest.raises(ApiError, match="in use"):
            async with store.transaction() as tx:
                tx.create(VDI, uuid=uuid)
        async with store.transaction() as tx:
            tx.delete(tx.by_uuid(VBD, uuid))
        async with store.transaction() as tx:
            vdi = tx.create(VDI, uuid=uuid).ref
        assert store.by_uuid(VDI, uuid).ref == vdi
