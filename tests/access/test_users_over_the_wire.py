"""A user of a directory, from joining it to being let in, denied and sent away, over the socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from tests.access import slapd
from tests.client import call_xml, ended, failure, refused
from tests.inner import InnerServer, inner_server

pytestmark = pytest.mark.skipif(bool(slapd.missing()), reason=slapd.missing() or "slapd is there")

NOWHERE = "OpaqueRef:nowhere"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InnerServer]:
    """A server that has joined the directory."""
    with slapd.running(tmp_path_factory.mktemp("slapd")) as config, inner_server() as server:
        with server.session() as session:
            (host,) = session.xenapi.host.get_all()
            session.xenapi.host.enable_external_auth(host, config, "example.org", "AD")
        yield server


@pytest.fixture
def api(server: InnerServer) -> Iterator[Any]:
    with server.session() as session:
        yield session.xenapi


def log_in(server: InnerServer) -> str:
    answer = call_xml(server.url, "session.login_with_password", "ann", "ann's password", "2.9", "tests")
    if answer["Status"] == "Failure":
        raise XenAPI.Failure(answer["ErrorDescription"])
    return str(answer["Value"])


def role(api: Any, name: str) -> str:
    return str(api.role.get_by_name_label(name)[0])


def test_a_user_and_what_they_may(server: InnerServer, api: Any) -> None:
    assert refused(log_in, server)[:2] == ["SESSION_AUTHENTICATION_FAILED", "ann"]  # nobody has let her in yet
    sid = api.auth.get_subject_identifier("ann")
    subject = api.subject.create({"subject_identifier": sid, "other_config": {}})
    assert refused(api.subject.create, {"subject_identifier": sid, "other_config": {}}) == ["SUBJECT_ALREADY_EXISTS"]
    assert refused(log_in, server)[:2] == ["RBAC_PERMISSION_DENIED", "session.login_with_password"]

    api.subject.add_to_roles(subject, role(api, "vm-operator"))
    session = log_in(server)
    record = api.session.get_record(session)
    assert (record["is_local_superuser"], record["auth_user_sid"], record["subject"]) == (False, sid, subject)
    assert {"vm.start", "vm-operator"} <= set(record["rbac_permissions"])
    assert failure(server.url, "VM.start", session, NOWHERE, False, False) == ["HANDLE_INVALID", "VM", NOWHERE]
    code, permission, text = failure(server.url, "VM.clone", session, NOWHERE, "x")
    assert (code, permission) == ("RBAC_PERMISSION_DENIED", "vm.clone")
    assert "pool-admin, pool-operator, vm-power-admin, vm-admin" in text
    task = call_xml(server.url, "Async.VM.clone", session, NOWHERE, "x")["Value"]
    assert ended(api, task)["error_info"][:2] == ["RBAC_PERMISSION_DENIED", "vm.clone"]

    # More roles count from the next log-in.
    api.subject.add_to_roles(subject, role(api, "vm-admin"))
    assert failure(server.url, "VM.clone", session, NOWHERE, "x")[0] == "RBAC_PERMISSION_DENIED"
    later = log_in(server)
    assert failure(server.url, "VM.clone", later, NOWHERE, "x") == ["HANDLE_INVALID", "VM", NOWHERE]

    # Her tasks are hers in every session of hers, and root's are not.
    hers = call_xml(server.url, "task.create", session, "ann's", "")["Value"]
    assert call_xml(server.url, "task.set_status", later, hers, "success")["Status"] == "Success"
    assert call_xml(server.url, "task.destroy", later, hers)["Status"] == "Success"
    roots = api.task.create("root's", "")
    assert failure(server.url, "task.cancel", later, roots)[:2] == ["RBAC_PERMISSION_DENIED", "task.destroy/any"]
    assert api.session.get_all_subject_identifiers() == [sid]
    api.session.logout_subject_identifier(sid)
    assert failure(server.url, "VM.get_all", later) == ["SESSION_INVALID", later]
    api.subject.destroy(subject)
    assert refused(log_in, server)[0] == "SESSION_AUTHENTICATION_FAILED"


def test_a_group_lets_its_members_in(server: InnerServer, api: Any) -> None:
    crew = api.auth.get_subject_identifier("crew")
    subject = api.subject.create({"subject_identifier": crew, "other_config": {}})
    api.subject.add_to_roles(subject, role(api, "read-only"))
    session = log_in(server)
    assert crew in api.auth.get_group_membership(api.session.get_auth_user_sid(session))
    assert call_xml(server.url, "VM.get_all", session)["Status"] == "Success"
    assert failure(server.url, "VM.set_name_label", session, NOWHERE, "x")[0] == "RBAC_PERMISSION_DENIED"
    assert failure(server.url, "secret.get_all", session)[:2] == ["RBAC_PERMISSION_DENIED", "secret.get_all"]
    api.subject.destroy(subject)
