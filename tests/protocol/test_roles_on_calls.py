"""Roles, on the calls of users who have them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import call_xml, failure, until
from tests.inner import InnerServer
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.roles import ROLES

PERMITTED = [
    ("VM.get_all", (), "read-only"),
    ("VM.set_name_label", ("VM", "x"), "vm-admin"),
    ("pool.set_name_label", ("pool", "x"), "pool-operator"),
    ("secret.get_all", (), "pool-operator"),
    ("host.set_name_label", ("host", "x"), "pool-operator"),
    ("session.set_other_config", ("session", {}), "pool-admin"),
]


@pytest.fixture(scope="module")
def users(server: InnerServer) -> dict[str, str]:
    """A session of a user of each role."""
    return {role: server.session_of(f"user {role}", role) for role in ROLES}


def denied(server: InnerServer, session: str, method: str, *params: Any) -> bool:
    answer = call_xml(server.url, method, session, *params)
    if answer["Status"] == "Success":
        return False
    code, *details = answer["ErrorDescription"]
    if code != "RBAC_PERMISSION_DENIED":
        return False
    assert details[0] == method.lower()
    return True


def test_roles_hold_each_other(server: InnerServer, users: dict[str, str]) -> None:
    order = ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"]
    for method, params, least in PERMITTED:
        # An object that is not there: who may, hears of that.
        sent = ["OpaqueRef:x" if isinstance(param, str) else param for param in params]
        for place, role in enumerate(order):
            assert denied(server, users[role], method, *sent) == (place > order.index(least)), (method, role)


def test_an_asynchronous_call_is_denied_in_its_task(server: InnerServer, users: dict[str, str], api: Any) -> None:
    for session in (users["vm-operator"], users["read-only"]):
        assert denied(server, session, "VM.clone", "OpaqueRef:x", "name")
        task = call_xml(server.url, "Async.VM.clone", session, "OpaqueRef:x", "name")["Value"]
        record = until(lambda task=task: (found := api.task.get_record(task))["status"] != "pending" and found)
        assert record["status"] == "failure"
        assert record["error_info"][:2] == ["RBAC_PERMISSION_DENIED", "vm.clone"]
        assert task in call_xml(server.url, "session.get_tasks", session, session)["Value"]


def test_keys_of_a_map_with_roles_of_their_own(server: InnerServer, users: dict[str, str], api: Any) -> None:
    task = api.task.create("keys", "")
    operator, reader, admin = users["vm-operator"], users["read-only"], users["pool-operator"]
    url = server.url

    def denial(session: str, method: str, *params: Any) -> str:
        answer = call_xml(url, f"task.{method}", session, task, *params)
        return "" if answer["Status"] == "Success" else str(answer["ErrorDescription"][1])

    assert denial(operator, "add_to_other_config", "x", "1") == "task.add_to_other_config"
    assert denial(admin, "add_to_other_config", "x", "1") == ""
    assert denial(operator, "remove_from_other_config", "x") == "task.remove_from_other_config"
    assert denial(operator, "add_to_other_config", "applies_to", "1") == ""
    assert denial(operator, "add_to_other_config", "APPLIES_TO", "1") == "task.add_to_other_config"
    assert denial(reader, "add_to_other_config", "XenCenterUUID", "1") == ("task.add_to_other_config/key:xencenteruuid")
    assert denial(operator, "remove_from_other_config", "applies_to") == ""
    assert denial(operator, "set_other_config", {"applies_to": "1"}) == "task.set_other_config"
    api.task.set_status(task, "success")
    api.task.destroy(task)


def test_a_protected_key_may_be_a_prefix(server: InnerServer, users: dict[str, str], api: Any) -> None:
    prefixes = [
        (cls.FACTS.name, field.name, key)
        for cls in CLASSES
        for field in cls.FIELDS.values()
        for key in field.map_key_roles
        if key.endswith("*")
    ]
    for name, field, key in prefixes:
        method = f"{name}.add_to_{field}"
        answer = call_xml(server.url, method, users["read-only"], "OpaqueRef:x", f"{key[:-1]}more", "1")
        assert answer["ErrorDescription"][:2] == ["RBAC_PERMISSION_DENIED", f"{method}/key:{key}".lower()]


def test_tasks_of_others(server: InnerServer, users: dict[str, str], api: Any) -> None:
    url = server.url
    mine = server.session_of("ann", "vm-admin")
    also_mine = server.session_of("ann", "vm-admin")
    roots = api.task.create("root's", "")
    anns = call_xml(url, "task.create", mine, "ann's", "")["Value"]
    for method, rest in (("cancel", []), ("set_status", ["failure"]), ("destroy", [])):
        refusal = failure(url, f"task.{method}", mine, roots, *rest)
        assert refusal[:2] == ["RBAC_PERMISSION_DENIED", "task.destroy/any"]
        refusal = failure(url, f"task.{method}", users["vm-admin"], anns, *rest)
        assert refusal[:2] == ["RBAC_PERMISSION_DENIED", "task.destroy/any"]
        refusal = failure(url, f"task.{method}", mine, "OpaqueRef:gone", *rest)
        assert refusal[:2] == ["RBAC_PERMISSION_DENIED", "task.destroy/any"]
        for may in (users["pool-operator"], users["pool-admin"]):
            assert failure(url, f"task.{method}", may, "OpaqueRef:gone", *rest) == [
                "HANDLE_INVALID", "task", "OpaqueRef:gone",
            ]  # fmt: skip
    assert call_xml(url, "task.cancel", also_mine, anns)["Status"] == "Success"
    assert call_xml(url, "task.set_status", users["pool-operator"], anns, "success")["Status"] == "Success"
    # Once her session has ended it is nobody's.
    call_xml(url, "session.logout", mine)
    assert failure(url, "task.destroy", also_mine, anns)[0] == "RBAC_PERMISSION_DENIED"
    assert call_xml(url, "task.destroy", users["pool-admin"], anns)["Status"] == "Success"
    api.task.set_status(roots, "success")
    api.task.destroy(roots)


def test_secrets_are_for_operators_of_the_pool(server: InnerServer, users: dict[str, str], api: Any) -> None:
    secret = api.secret.create({"value": "v", "other_config": {}})
    for method, params in (
        ("get_all", ()),
        ("get_record", (secret,)),
        ("get_value", (secret,)),
        ("get_all_records", ()),
    ):
        assert denied(server, users["vm-power-admin"], f"secret.{method}", *params)
        assert not denied(server, users["pool-operator"], f"secret.{method}", *params)
    api.secret.destroy(secret)


def test_the_sessions_of_a_user(server: InnerServer, users: dict[str, str], api: Any) -> None:
    one, two = server.session_of("guest", "read-only"), server.session_of("guest", "read-only")
    assert "sid-guest" in api.session.get_all_subject_identifiers()
    api.session.logout_subject_identifier("sid-guest")
    for session in (one, two):
        assert failure(server.url, "VM.get_all", session) == ["SESSION_INVALID", session]
    api.session.logout_subject_identifier("nobody")
    assert not denied(server, users["read-only"], "VM.get_all")


def test_roles_of_messages_for_superusers(server: InnerServer, users: dict[str, str]) -> None:
    assert failure(server.url, "session.change_password", users["pool-admin"], "a", "b")[:2] == [
        "RBAC_PERMISSION_DENIED", "session.change_password",
    ]  # fmt: skip
