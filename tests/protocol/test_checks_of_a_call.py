"""The checks that every call has to pass, and their order."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

import pytest

from tests.client import call_json, call_xml, failure, post
from tests.inner import InnerServer
from tests.live import PASSWORD

BAD_SESSION = "OpaqueRef:none"


@pytest.mark.parametrize(
    ("method", "sent", "expected"),
    [
        ("VM.start", 1, ["VM.start", "3", "0"]),
        ("VM.get_all", 0, ["VM.get_all", "0", "-1"]),
        ("VM_get_all", 2, ["VM_get_all", "0", "1"]),
        ("VM.get_name_label", 1, ["VM.get_name_label", "1", "0"]),
        ("VM.get_name_label", 3, ["VM.get_name_label", "1", "2"]),
        ("VM.set_name_label", 2, ["VM.set_name_label", "2", "1"]),
        ("VM.add_to_other_config", 5, ["VM.add_to_other_config", "3", "4"]),
        ("Async.VM.start", 2, ["VM.start", "3", "1"]),
        ("VBD.create", 1, ["VBD.create", "1", "0"]),
        ("VBD.create", 3, ["VBD.create", "1", "2"]),
        ("session.login_with_password", 1, ["session.login_with_password", "2", "1"]),
        ("session.logout", 0, ["session.logout", "0", "-1"]),
    ],
)
def test_parameters_are_counted(server: InnerServer, session: str, method: str, sent: int, expected: list[str]) -> None:
    params = [session, *["x"] * 5][:sent]
    assert failure(server.url, method, *params) == ["MESSAGE_PARAMETER_COUNT_MISMATCH", *expected]


def test_counting_comes_before_the_session_and_conversion_too(server: InnerServer) -> None:
    assert failure(server.url, "VM.get_name_label", BAD_SESSION, "x") == ["SESSION_INVALID", BAD_SESSION]
    assert failure(server.url, "VM.get_name_label", BAD_SESSION, 1)[0] == "INTERNAL_ERROR"
    assert failure(server.url, "VM.set_memory_limits", BAD_SESSION, "x", "many", "1", "1", "1")[0] == "INTERNAL_ERROR"
    assert failure(server.url, "VM.get_name_label", BAD_SESSION)[0] == "MESSAGE_PARAMETER_COUNT_MISMATCH"
    assert failure(server.url, "VM.get_all", 1)[0] == "INTERNAL_ERROR"


def test_surplus_optional_parameters_are_ignored(server: InnerServer) -> None:
    answer = call_xml(server.url, "session.login_with_password", "root", PASSWORD, "2.9", "here", "more", "and more")
    session = answer["Value"]
    assert call_xml(server.url, "session.get_originator", session, session)["Value"] == "here"
    assert call_xml(server.url, "session.logout", session) == {"Status": "Success", "Value": ""}
    assert failure(server.url, "session.logout", session) == ["SESSION_INVALID", session]


def test_two_three_and_four_parameters_log_in(server: InnerServer) -> None:
    for rest, originator in (((), ""), (("1.3",), ""), (("1.3", "me"), "me")):
        session = call_xml(server.url, "session.login_with_password", "root", PASSWORD, *rest)["Value"]
        record = call_xml(server.url, "session.get_record", session, session)["Value"]
        assert record["originator"] == originator
        assert record["is_local_superuser"] is True
        assert record["pool"] is False
        call_xml(server.url, "session.logout", session)
    assert failure(server.url, "session.login_with_password", "root", "wrong")[:2] == [
        "SESSION_AUTHENTICATION_FAILED",
        "root",
    ]


def test_both_spellings_are_one(server: InnerServer, session: str) -> None:
    pools = call_xml(server.url, "pool.get_all", session)
    assert call_xml(server.url, "pool_get_all", session) == pools
    token = call_xml(server.url, "event_from", session, ["pool"], "", 0.0)["Value"]["token"]
    assert call_xml(server.url, "event.from", session, ["pool"], token, 0.0)["Value"]["events"] == []
    assert failure(server.url, "Async_VM.start", session) == ["MESSAGE_METHOD_UNKNOWN", "Async_VM.start"]
    assert failure(server.url, "vm.get_all", session) == ["MESSAGE_METHOD_UNKNOWN", "vm.get_all"]


@pytest.mark.parametrize(
    "method",
    [
        "no.such",
        "nosuch",
        "InternalAsync.VM.start",
        "system.multicall",
        "system.methodHelp",
        "VM.set_uuid",
        "VM.add_to_platform_not",
        "task.set_progress",
        "role.create",
        "session.get_all",
        "VM_metrics.create",
    ],
)
def test_unknown_methods(server: InnerServer, session: str, method: str) -> None:
    assert failure(server.url, method) == ["MESSAGE_METHOD_UNKNOWN", method]
    assert failure(server.url, method, session) == ["MESSAGE_METHOD_UNKNOWN", method]
    assert failure(server.url, f"Async.{method}", session) == ["MESSAGE_METHOD_UNKNOWN", method]
    assert failure(server.url, method, BAD_SESSION) == ["SESSION_INVALID", BAD_SESSION]
    assert failure(server.url, method, 7)[0] == "INTERNAL_ERROR"
    user = server.session_of("unknown methods", "vm-admin")
    assert failure(server.url, method, user)[:2] == ["RBAC_PERMISSION_DENIED", "host.call_extension"]
    administrator = server.session_of("unknown methods", "pool-admin")
    assert failure(server.url, method, administrator) == ["MESSAGE_METHOD_UNKNOWN", method]


@pytest.mark.parametrize(
    "method", ["VM.get_name_label", "VM.set_name_label", "VM.get_all", "VM.get_all_records_where", "event.from"]
)
def test_what_has_no_asynchronous_form(server: InnerServer, session: str, method: str) -> None:
    params: dict[str, list[Any]] = {
        "VM.set_name_label": ["x", "y"],
        "VM.get_name_label": ["x"],
        "VM.get_all_records_where": ["true"],
        "event.from": [[], "", 0.0],
    }
    sent = params.get(method, [])
    code, text = failure(server.url, f"Async.{method}", session, *sent)
    assert code == "Fault"
    assert method in text
    # Roles are not looked at, sessions are.
    reader = server.session_of("asynchronous forms", "read-only")
    assert failure(server.url, f"Async.{method}", reader, *sent)[0] == "Fault"
    assert failure(server.url, f"Async.{method}", BAD_SESSION, *sent) == ["SESSION_INVALID", BAD_SESSION]


def test_log_in_has_no_asynchronous_form(server: InnerServer) -> None:
    assert failure(server.url, "Async.session.login_with_password", "root", "x")[0] == "Fault"


def test_removed_messages(server: InnerServer, session: str) -> None:
    vm = call_xml(server.url, "VM.get_all", session)["Value"][0]
    removed = [name for name in REMOVED if failure(server.url, name, session, vm) == ["MESSAGE_REMOVED"]]
    assert removed == REMOVED
    assert failure(server.url, REMOVED[0], BAD_SESSION, vm) == ["SESSION_INVALID", BAD_SESSION]
    assert failure(server.url, REMOVED[0], session, 1) == ["MESSAGE_REMOVED"]
    assert failure(server.url, REMOVED[0], session)[0] == "MESSAGE_PARAMETER_COUNT_MISMATCH"
    assert failure(server.url, f"Async.{REMOVED[0]}", session, vm) == ["MESSAGE_REMOVED"]


REMOVED = ["VMPP.get_is_policy_enabled", "VMPP.get_record"]


def test_calls_among_hosts(server: InnerServer, session: str) -> None:
    assert failure(server.url, "host.tickle_heartbeat", session, "OpaqueRef:x", {})[0] == "INTERNAL_ERROR"
    assert failure(server.url, "pool.audit_log_append", session, "line")[0] == "INTERNAL_ERROR"


def test_characters_that_xml_cannot_carry(server: InnerServer, session: str) -> None:
    vm = call_json(server.url, "VM.get_all", session)["result"][0]
    for text in ("a\x00b", "\x1f", "\ufffe", "\uffff", "\ud800"):
        answer = call_json(server.url, "VM.set_name_label", session, vm, text, version=None)
        assert answer["result"] is None
        assert answer["error"][0] == "INVALID_VALUE"
        assert len(answer["error"]) == 3
    for nested in ({"k": "\x01"}, {"\x01": "v"}):
        assert call_json(server.url, "VM.set_other_config", session, vm, nested)["error"]["message"] == "INVALID_VALUE"
    # It comes before everything else.
    assert call_json(server.url, "no.such", "\x01")["error"]["message"] == "INVALID_VALUE"
    task = call_json(server.url, "task.create", session, "tab\tline\nreturn\r\U0001f600é", "")["result"]
    assert call_json(server.url, "task.get_name_label", session, task)["result"] == "tab\tline\nreturn\r\U0001f600é"
    call_json(server.url, "task.destroy", session, task)


def test_system_calls(server: InnerServer) -> None:
    names = call_json(server.url, "system.listMethods")["result"]
    assert call_json(server.url, "system.listMethods", version=None)["result"] == names
    body = xmlrpc.client.dumps((), "system.listMethods").encode()
    (bare,), _ = xmlrpc.client.loads(post(server.url, "/", body).body)
    assert bare == names
    assert xmlrpc.client.ServerProxy(server.url).system.listMethods() == names
    assert {"VM.start", "VMPP.get_record", "VM.get_all_records_where", "event.from"} <= set(names)
    assert not [name for name in names if name.startswith(("Async.", "system."))]
    for value in ("text", 7, True, ["a", {"b": "c"}], 0.5):
        assert call_json(server.url, "system.isAlive:anything", value)["result"] == value
    assert call_xml(server.url, "system.isAlive:", "back")["Value"] == "back"
    assert failure(server.url, "system.isAlive:")[0] == "INTERNAL_ERROR"
    assert failure(server.url, "system.isAlive") == ["MESSAGE_METHOD_UNKNOWN", "system.isAlive"]
