"""The audit log, and who may use the HTTP handlers."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.access.conftest import PASSWORD, House
from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import VM, Session
from xapi_async.datamodel.classes import Session as SessionClass
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass, Message
from xapi_async.operations.context import Origin
from xapi_async.rpc.audit import AuditLog, track_id
from xapi_async.rpc.http_access import HttpAccess, assert_may
from xapi_async.rpc.roles import denied
from xapi_async.rpc.settings import AuditSettings


@dataclass
class Entry:
    cls: type[ApiClass]
    message: Message
    name: str


def _entry(cls: type[ApiClass], name: str) -> Entry:
    message = next(message for message in derive.messages(cls) if message.name == name)
    return Entry(cls, message, f"{cls.FACTS.name}.{name}")


async def _lines(audit: AuditLog, since: str = "") -> list[str]:
    return b"".join([block async for block in audit.read(since)]).decode().splitlines()


@pytest.fixture(params=["memory", "file"])
def settings(request: Any, tmp_path: Path) -> AuditSettings:
    return AuditSettings(file="" if request.param == "memory" else str(tmp_path / "log" / "audit.log"))


async def test_calls_are_noted_with_who_and_what(house: House, settings: AuditSettings) -> None:
    audit = AuditLog(house.store, house.clock, settings)
    root, ann = await house.log_in(), await house.user("ann", "vm-operator")
    async with house.store.transaction() as tx:
        vm = tx.create(VM, name_label="it's\na trap").ref
    uuid = house.store.get(VM, vm).uuid
    by_root, by_ann = house.sessions.caller(root), house.sessions.caller(ann)
    audit(by_root, _entry(VM, "start"), [vm, False, False], None)
    audit(by_ann, _entry(VM, "clone"), [vm, "x"], denied("vm.clone"))
    audit(by_root, _entry(VM, "start"), [vm], ApiError("VM_BAD_POWER_STATE", vm, "halted", "running"))
    audit(by_root, _entry(VM, "get_record"), [vm], None)
    audit(by_root, _entry(SessionClass, "logout"), [], None)
    audit(by_root, _entry(SessionClass, "change_password"), ["hush", "hush"], None)
    audit.note_http(by_root, "get_export", {"uuid": uuid})
    async with house.store.transaction() as tx:
        tx.delete(tx.get(VM, vm))
    audit(by_root, _entry(VM, "destroy"), [vm], None)
    lines = await _lines(audit)
    assert len(lines) == 6
    assert lines[0] == (
        f"[20180221T13:05:09.000Z|audit] ('{track_id(root)}' 'LOCAL_SUPERUSER' 'root' 'ALLOWED' 'OK' 'API' 'VM.start'"
        f" (('vm' 'it\\x27s\\x0aa trap' '{uuid}' '{vm}')))"
    )
    assert "'sid-ann' 'DOMAIN\\x5cann' 'DENIED' 'ERROR:RBAC_PERMISSION_DENIED' 'API' 'VM.clone'" in lines[1]
    assert "'ALLOWED' 'ERROR:VM_BAD_POWER_STATE'" in lines[2]
    assert "hush" not in "".join(lines)
    assert root not in "".join(lines)
    assert "'HTTP' 'http/get_export'" in lines[4]
    assert uuid in lines[5]


async def test_reading_since_a_time(house: House, settings: AuditSettings) -> None:
    audit = AuditLog(house.store, house.clock, settings)
    root = house.sessions.caller(await house.log_in())
    for _ in range(3):
        audit(root, _entry(VM, "start"), [], None)
        house.clock.time += 60
    assert len(await _lines(audit)) == 3
    for since in ("20180221T13:06:09Z", "2018-02-21T13:06:09Z", "2018-02-21 13:06"):
        assert len(await _lines(audit, since)) == 2, since
    assert await _lines(audit, "2019") == []


async def test_full_files_are_set_aside(house: House, tmp_path: Path) -> None:
    audit = AuditLog(
        house.store, house.clock, AuditSettings(file=str(tmp_path / "audit.log"), file_bytes=1, files_kept=2)
    )
    root = house.sessions.caller(await house.log_in())
    for number in range(5):
        audit.note_http(root, f"action{number}", {})
        await audit.flush()
    lines = await _lines(audit)
    assert [line.partition("http/")[2][:7] for line in lines] == ["action2", "action3", "action4"]


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def test_credentials_of_http_requests(house: House) -> None:
    access, remote = HttpAccess(house.sessions, house.passwords), Origin("10.0.0.9")
    session = await house.log_in()
    async with access.admitted(remote, session_id=session) as caller:
        assert caller.session == session
    for credentials in ({"authorization": _basic("root", PASSWORD)}, {"pool_secret": house.passwords.pool_secret}):
        async with access.admitted(remote, **credentials) as caller:
            assert caller.is_superuser
            assert len(list(house.store.all(Session))) == 2
    async with access.admitted(Origin(is_local=True)) as caller:
        assert caller.is_superuser
    assert [session.ref for session in house.store.all(Session)] == [session]


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"session_id": "OpaqueRef:nobody"},
        {"session_id": "OpaqueRef:nobody", "authorization": _basic("root", PASSWORD)},
        {"pool_secret": ""},
        {"pool_secret": "wrong"},
        {"authorization": _basic("root", "wrong")},
    ],
)
async def test_wrong_credentials_of_http_requests(house: House, credentials: dict[str, str]) -> None:
    with pytest.raises(ApiError) as failure:
        async with HttpAccess(house.sessions, house.passwords).admitted(Origin("10.0.0.9"), **credentials):
            pytest.fail("nobody should come here")
    assert failure.value.description == ["SESSION_AUTHENTICATION_FAILED"]


async def test_errors_of_a_handler_pass_through(house: House) -> None:
    session = await house.log_in()
    with pytest.raises(ApiError) as failure:
        async with HttpAccess(house.sessions, house.passwords).admitted(Origin(), session_id=session):
            raise ApiError("HANDLE_INVALID", "VM", "x")
    assert failure.value.code == "HANDLE_INVALID"
    for kind in ("Digest abc", "Basic ***"):
        with pytest.raises(ValueError, match="authorization"):
            async with HttpAccess(house.sessions, house.passwords).admitted(Origin(), authorization=kind):
                pytest.fail("nobody should come here")


async def test_permissions_of_http_handlers(house: House) -> None:
    ann = house.sessions.caller(await house.user("ann", "vm-operator"))
    assert_may(ann, "connect_console")
    for action, part, permission in (
        ("get_export", None, "http/get_export"),
        ("connect_console", "host_console", "http/connect_console/host_console"),
    ):
        with pytest.raises(ApiError) as failure:
            assert_may(ann, action, part)
        assert failure.value.description[:2] == ["RBAC_PERMISSION_DENIED", permission]
