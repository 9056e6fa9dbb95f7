"""Subjects and their roles, and switching the directory on and off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.conftest import House, MemoryLog
from xapi_async.datamodel.classes import Host, Pool, Secret, Session, Subject
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations import secret
from xapi_async.operations.notices import Messages
from xapi_async.operations.subject import HANDLERS
from xapi_async.rpc.authentication import enabling
from xapi_async.rpc.roles import role_ref


async def _restrict(house: House, **restrictions: str) -> None:
    async with house.store.transaction() as tx:
        tx.set(next(iter(tx.all(Pool))), restrictions=restrictions)


async def _subject(house: House, sid: str = "sid-ann") -> str:
    args = {"subject_identifier": sid, "other_config": {}}
    ref: str = await HANDLERS["subject.create"](house.context(), args)
    return ref


async def _failure(awaitable: Any) -> list[str]:
    with pytest.raises(ApiError) as failure:
        await awaitable
    return failure.value.description


async def test_a_new_subject_has_no_role(house: House) -> None:
    ref = await _subject(house)
    assert house.store.get(Subject, ref).roles == ()
    assert await _failure(_subject(house)) == ["SUBJECT_ALREADY_EXISTS"]


async def test_without_the_feature_everybody_is_an_administrator(house: House) -> None:
    await _restrict(house, restrict_rbac="true")
    ref = await _subject(house)
    assert house.store.get(Subject, ref).roles == (role_ref("pool-admin"),)
    for name in ("add_to_roles", "remove_from_roles"):
        failure = await _failure(HANDLERS[f"subject.{name}"](house.context(), ref, role_ref("vm-admin")))
        assert failure == ["LICENCE_RESTRICTION", "RBAC"]


async def test_without_a_licence_for_active_directory(house: House) -> None:
    await house.enable_directory()
    await _restrict(house, restrict_rbac="false", restrict_ad="true")
    assert await _failure(_subject(house)) == ["LICENCE_RESTRICTION", "AD"]


async def test_roles_are_given_and_taken(house: House) -> None:
    ref, role = await _subject(house), role_ref("vm-operator")
    add, remove = HANDLERS["subject.add_to_roles"], HANDLERS["subject.remove_from_roles"]
    assert await _failure(add(house.context(), ref, "OpaqueRef:nothing")) == ["ROLE_NOT_FOUND"]
    assert await _failure(remove(house.context(), ref, role)) == ["ROLE_NOT_FOUND"]
    await add(house.context(), ref, role)
    assert await _failure(add(house.context(), ref, role)) == ["ROLE_ALREADY_EXISTS"]
    await add(house.context(), ref, role_ref("VM.start"))
    await add(house.context(), ref, role_ref("VM.destroy"))
    names = await HANDLERS["subject.get_permissions_name_label"](house.context(), ref)
    assert len(names) == len(set(names))
    assert {"vm.start", "vm.destroy"} <= set(names)
    await remove(house.context(), ref, role)
    assert await HANDLERS["subject.get_permissions_name_label"](house.context(), ref) == ("vm.destroy", "vm.start")


async def test_a_destroyed_subject_leaves_its_sessions(house: House) -> None:
    ann = await house.user("ann", "read-only")
    subject = house.store.get(Session, ann).subject
    await HANDLERS["subject.destroy"](house.context(), subject)
    assert house.store.find(Subject, subject) is None
    house.sessions.caller(ann)


async def test_secrets_may_come_with_their_uuid(house: House) -> None:
    ref = await secret.HANDLERS["secret.introduce"](house.context(), "my-uuid", "hush", {})
    assert house.store.by_uuid(Secret, "my-uuid").value == "hush"
    assert (await _failure(secret.HANDLERS["secret.introduce"](house.context(), "my-uuid", "x", {})))[0] == (
        "INTERNAL_ERROR"
    )
    await secret.HANDLERS["secret.destroy"](house.context(), ref)
    assert house.store.find(Secret, ref) is None


@pytest.fixture
async def messages(house: House) -> Messages:
    return await Messages.open(MemoryLog(), house.clock)


@pytest.fixture
def switch(house: House, messages: Messages) -> Any:
    return enabling.handlers(house.external, house.expiry.revalidate, messages)


async def test_a_host_joins_and_leaves_a_directory(house: House, switch: Any) -> None:
    enable, disable = switch["host.enable_external_auth"], switch["host.disable_external_auth"]
    config = {"user": "admin", "pass": "hush", "ldap_bind_password": "hush"}
    assert await _failure(enable(house.context(), house.host, config, "example.org", "")) == ["AUTH_UNKNOWN_TYPE", ""]
    assert await _failure(enable(house.context(), house.host, config, "example.org", "NIS")) == [
        "AUTH_UNKNOWN_TYPE",
        "NIS",
    ]
    house.directory.is_down = True
    assert (await _failure(enable(house.context(), house.host, config, "example.org", "AD")))[0] == (
        "AUTH_ENABLE_FAILED_UNAVAILABLE"
    )
    assert house.store.get(Host, house.host).external_auth_type == ""
    house.directory.is_down = False
    await enable(house.context(), house.host, config, "example.org", "AD")
    host = house.store.get(Host, house.host)
    assert (host.external_auth_type, host.external_auth_service_name) == ("AD", "example.org")
    assert host.external_auth_configuration == {"user": "admin"}
    assert await _failure(enable(house.context(), house.host, config, "other.org", "AD")) == [
        "AUTH_ALREADY_ENABLED",
        "AD",
        "example.org",
    ]
    ann = await house.user("ann", "read-only")
    await disable(house.context(), house.host, {})
    assert house.store.find(Session, ann) is None
    assert house.store.get(Host, house.host).external_auth_type == ""
    await disable(house.context(), house.host, {})


async def test_a_pool_joins_as_a_whole_or_not_at_all(house: House, switch: Any, messages: Messages) -> None:
    enable = switch["pool.enable_external_auth"]
    pool = next(iter(house.store.all(Pool))).ref
    async with house.store.transaction() as tx:
        twin = tx.create(Host, hostname="host").ref
    failure = await _failure(enable(house.context(), pool, {}, "example.org", "AD"))
    assert failure[:2] == ["POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME", twin]
    async with house.store.transaction() as tx:
        tx.set(tx.get(Host, twin), hostname="other")
    house.directory.is_down = True
    failure = await _failure(enable(house.context(), pool, {}, "example.org", "AD"))
    assert failure[:2] == ["POOL_AUTH_ENABLE_FAILED_UNAVAILABLE", house.host]
    house.directory.is_down = False
    house.directory.users["ann"] = "secret"
    known, unknown = await house.add_subject("sid-ann"), await house.add_subject("sid-unknown")
    await enable(house.context(), pool, {}, "example.org", "AD")
    assert {host.external_auth_type for host in house.store.all(Host)} == {"AD"}
    assert house.store.find(Subject, known) is not None
    assert house.store.find(Subject, unknown) is None
    assert await _failure(enable(house.context(), pool, {}, "example.org", "AD")) == [
        "POOL_AUTH_ALREADY_ENABLED",
        house.host,
    ]
    await switch["host.disable_external_auth"](house.context(), twin, {})
    await switch["pool.detect_nonhomogeneous_external_auth"](house.context(), pool)
    assert [notice.obj_uuid for notice in messages.newest_first()] == [house.store.get(Host, twin).uuid]
    await switch["pool.disable_external_auth"](house.context(), pool, {})
    assert {host.external_auth_type for host in house.store.all(Host)} == {""}
