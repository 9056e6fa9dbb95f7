"""Logging in and out, as root, as a host and as a user of a directory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.access.conftest import PASSWORD, SETTINGS, House, MemoryDocuments
from xapi_async.datamodel.classes import Session, Subject
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.context import Origin
from xapi_async.rpc.passwords import Passwords
from xapi_async.rpc.settings import AccessSettings


async def test_root_gets_a_superuser_session(house: House) -> None:
    session = await house.log_in(originator="tool")
    record = house.sessions.readers()["session.get_record"](session)
    assert record["this_host"] == house.host
    assert record["this_user"] == record["subject"] == record["parent"] == NULL_REF
    assert record["is_local_superuser"] is True
    assert (record["auth_user_sid"], record["auth_user_name"], record["originator"]) == ("", "root", "tool")
    assert record["rbac_permissions"] == ()
    caller = house.sessions.caller(session)
    assert caller.is_superuser
    assert caller.may("anything.at_all")
    assert session != f"OpaqueRef:{record['uuid']}"


@pytest.mark.parametrize(("name", "password"), [("root", "wrong"), ("root", ""), ("toor", PASSWORD)])
async def test_a_wrong_login_is_answered_late(house: House, name: str, password: str) -> None:
    with pytest.raises(ApiError) as refused:
        await house.log_in(name, password)
    assert refused.value.code == "SESSION_AUTHENTICATION_FAILED"
    assert refused.value.params[0] == name
    assert house.clock.slept == [5.0]
    assert not list(house.store.all(Session))


async def test_the_local_socket_needs_no_password(house: House) -> None:
    session = await house.call("login_with_password", "anybody", "", "1.1", "", origin=Origin(is_local=True))
    assert house.sessions.caller(session).is_superuser
    assert house.store.get(Session, session).auth_user_name == "anybody"


async def test_unknown_sessions_are_invalid(house: House) -> None:
    with pytest.raises(ApiError) as refused:
        house.sessions.caller("OpaqueRef:nobody")
    assert refused.value.description == ["SESSION_INVALID", "OpaqueRef:nobody"]


async def test_logging_out_ends_what_waits(house: House) -> None:
    session = await house.log_in()
    told: list[str] = []
    house.sessions.on_logout(session, lambda: told.append("first"))
    stop = house.sessions.on_logout(session, lambda: told.append("second"))
    stop()
    await house.call("logout", session=session)
    assert told == ["first"]
    assert house.store.find(Session, session) is None
    with pytest.raises(ApiError):
        house.sessions.caller(session)
    house.sessions.on_logout(session, lambda: told.append("late"))
    assert told == ["first", "late"]


async def test_use_is_noted_without_a_transaction(house: House) -> None:
    session = await house.log_in()
    generation = house.store.generation
    house.clock.time += 100
    house.sessions.peek(session)
    last_active = house.sessions.readers()["session.get_last_active"]
    before = last_active(session)
    house.sessions.caller(session)
    assert last_active(session) > before
    assert house.store.generation == generation


async def test_change_password_does_not_check_the_old_one(house: House) -> None:
    session = await house.log_in()
    await house.call("change_password", "not the old one", "new one", session=session)
    house.sessions.caller(session)
    with pytest.raises(ApiError):
        await house.log_in()
    await house.log_in(password="new one")
    again, made = await Passwords.open(house.documents, SETTINGS)
    assert made is None
    assert await again.verify("root", "new one")
    again.close()


async def test_an_empty_new_password_is_rejected(house: House) -> None:
    session = await house.log_in()
    with pytest.raises(ApiError) as refused:
        await house.call("change_password", PASSWORD, "", session=session)
    assert refused.value.code == "CHANGE_PASSWORD_REJECTED"
    await house.log_in()


async def test_the_first_start_makes_a_password_and_says_it_once() -> None:
    documents, settings = MemoryDocuments(), AccessSettings(hash_memory_kib=64, hash_passes=1)
    first, made = await Passwords.open(documents, settings)
    assert made is not None
    assert await first.verify("root", made)
    assert not await first.verify("root", "")
    second, nothing = await Passwords.open(documents, settings)
    assert nothing is None
    assert second.pool_secret == first.pool_secret
    assert made not in str(documents.values)
    first.close()
    second.close()


async def test_hosts_log_in_with_the_secret_of_the_pool(house: House) -> None:
    session = await house.call("slave_login", "OpaqueRef:some-host", house.passwords.pool_secret)
    record = house.store.get(Session, session)
    assert (record.pool, record.is_local_superuser, record.originator) == (True, True, "xapi")
    assert record.this_host == record.auth_user_name == "OpaqueRef:some-host"
    with pytest.raises(ApiError) as refused:
        await house.call("slave_login", "OpaqueRef:some-host", "wrong")
    assert refused.value.description[:2] == ["SESSION_AUTHENTICATION_FAILED", "OpaqueRef:some-host"]
    with pytest.raises(ApiError) as refused:
        await house.call("slave_local_login", "wrong")
    assert refused.value.description[:2] == ["SESSION_AUTHENTICATION_FAILED", "localhost"]
    assert house.clock.slept == []


async def test_local_sessions_are_no_objects(house: House) -> None:
    session = await house.call("slave_local_login_with_password", "root", PASSWORD)
    caller = house.sessions.caller(session)
    assert caller.is_superuser
    assert caller.is_pool
    with pytest.raises(ApiError) as refused:
        house.sessions.readers()["session.get_record"](session)
    assert refused.value.description == ["HANDLE_INVALID", "session", session]
    await house.call("local_logout", session=session)
    with pytest.raises(ApiError):
        house.sessions.caller(session)
    ordinary = await house.log_in()
    await house.call("local_logout", session=ordinary)
    house.sessions.caller(ordinary)


async def test_a_local_login_fails_at_once(house: House) -> None:
    with pytest.raises(ApiError) as refused:
        await house.call("slave_local_login_with_password", "root", "wrong")
    assert refused.value.description[:2] == ["SESSION_AUTHENTICATION_FAILED", "root"]
    assert house.clock.slept == []


# Users of a directory


async def test_a_user_has_the_permissions_of_their_roles(house: House) -> None:
    session = await house.user("ann", "vm-operator")
    record = house.store.get(Session, session)
    assert (record.is_local_superuser, record.auth_user_sid) == (False, "sid-ann")
    assert record.auth_user_name == "DOMAIN\\ann"
    assert house.store.get(Subject, record.subject).subject_identifier == "sid-ann"
    assert "vm.start" in record.rbac_permissions
    assert "vm-operator" in record.rbac_permissions
    caller = house.sessions.caller(session)
    assert caller.may("vm.start")
    assert not caller.may("vm.create")
    assert not caller.may("session.change_password")


async def test_groups_count_and_permissions_add_up(house: House) -> None:
    house.directory.users["ann"] = "secret"
    house.directory.memberships["ann"] = ("sid-staff", "sid-keepers")
    await house.enable_directory()
    await house.add_subject("sid-staff", "read-only")
    await house.add_subject("sid-keepers", "VM.destroy")
    caller = house.sessions.caller(await house.log_in("ann", "secret"))
    assert caller.may("vm.get_record")
    assert caller.may("vm.destroy")
    assert not caller.may("vm.start")


async def test_a_change_of_roles_counts_from_the_next_login(house: House) -> None:
    old = await house.user("ann", "read-only")
    subject = next(iter(house.store.all(Subject)))
    from xapi_async.operations import subject as subject_messages
    from xapi_async.rpc.roles import role_ref

    await subject_messages.add_to_roles(house.context(), subject.ref, role_ref("vm-admin"))
    assert not house.sessions.caller(old).may("vm.create")
    assert house.sessions.caller(await house.log_in("ann", "secret")).may("vm.create")


async def test_a_subject_without_roles_cannot_log_in(house: House) -> None:
    with pytest.raises(ApiError) as refused:
        await house.user("ann")
    assert refused.value.description[:2] == ["RBAC_PERMISSION_DENIED", "session.login_with_password"]
    assert house.clock.slept == [5.0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda directory: directory.users.update(ann="other"),
        lambda directory: directory.flags.update(ann={"subject-account-locked": "true"}),
        lambda directory: directory.flags.update(ann={"subject-password-expired": ""}),
        lambda directory: setattr(directory, "is_down", True),
    ],
)
async def test_who_the_directory_does_not_vouch_for_stays_out(house: House, spoil: Any) -> None:
    await house.user("ann", "pool-admin")
    spoil(house.directory)
    with pytest.raises(ApiError) as refused:
        await house.log_in("ann", "secret")
    assert refused.value.description[:2] == ["SESSION_AUTHENTICATION_FAILED", "ann"]
    assert house.clock.slept == [5.0]


async def test_users_who_are_no_subject_stay_out(house: House) -> None:
    await house.user("ann", "pool-admin")
    house.directory.users["bob"] = "secret"
    with pytest.raises(ApiError) as refused:
        await house.log_in("bob", "secret")
    assert refused.value.code == "SESSION_AUTHENTICATION_FAILED"


async def test_root_still_logs_in_while_the_directory_is_down(house: House) -> None:
    await house.enable_directory()
    house.directory.is_down = True
    assert house.sessions.caller(await house.log_in()).is_superuser


async def test_after_a_start_logins_wait_for_the_directory(house: House) -> None:
    await house.user("ann", "pool-admin")
    house.external._is_ready = False  # as after a start
    house.directory.is_down = True
    before = house.clock.time
    with pytest.raises(ApiError) as refused:
        await house.log_in("ann", "secret")
    assert refused.value.description[:2] == ["SESSION_INVALID", "session.login_with_password"]
    assert house.clock.time - before == pytest.approx(125.0)
    house.directory.is_down = False
    await house.log_in("ann", "secret")


async def test_sessions_of_a_user_can_be_ended(house: House) -> None:
    root, ann = await house.log_in(), await house.user("ann", "pool-admin")
    own, bob = await house.log_in("ann", "secret"), await house.user("bob", "read-only")
    assert set(await house.call("get_all_subject_identifiers", session=root)) == {"sid-ann", "sid-bob"}
    await house.call("logout_subject_identifier", "sid-ann", session=own)
    await house.call("logout_subject_identifier", "sid-nobody", session=own)
    assert {session.ref for session in house.store.all(Session)} == {root, own, bob}
    with pytest.raises(ApiError):
        house.sessions.caller(ann)


async def test_logins_do_not_hold_each_other_up(house: House) -> None:
    results = await asyncio.gather(
        house.log_in(password="wrong"), *(house.log_in() for _ in range(5)), return_exceptions=True
    )
    assert isinstance(results[0], ApiError)
    assert len({result for result in results[1:] if isinstance(result, str)}) == 5
