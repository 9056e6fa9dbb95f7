"""What every class can do: getters, setters, records, finding, queries and what a destroy refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import call_json, call_xml, failure, post, refused
from tests.inner import InnerServer
from tests.support import context, memory_services
from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import CLASSES, VIF, VM, Network
from xapi_async.datamodel.errors import ApiError
from xapi_async.rpc import implicit

NULL = "OpaqueRef:NULL"
LISTED = sorted(
    cls.FACTS.name
    for cls in CLASSES
    for message in derive.messages(cls)
    if message.name == "get_all_records_where" and not message.removed
)


@pytest.fixture
def vm(api: Any) -> Iterator[str]:
    """A template, put back as it was."""
    ref = api.VM.get_by_name_label("Other install media")[0]
    before = api.VM.get_record(ref)
    yield ref
    for name in ("name_label", "name_description", "tags", "other_config", "platform"):
        getattr(api.VM, f"set_{name}")(ref, before[name])


def test_references_of_nothing(api: Any) -> None:
    (host,) = api.host.get_all()
    for ref in (NULL, "OpaqueRef:00000000-0000-0000-0000-000000000000", "", "nonsense", host):
        assert refused(api.VM.get_uuid, ref) == ["HANDLE_INVALID", "VM", ref]
        assert refused(api.VM.get_record, ref) == ["HANDLE_INVALID", "VM", ref]
        assert refused(api.VM.set_name_label, ref, "x") == ["HANDLE_INVALID", "VM", ref]
        assert refused(api.VM.add_to_other_config, ref, "k", "v") == ["HANDLE_INVALID", "VM", ref]
        assert refused(api.VM.remove_from_other_config, ref, "k") == ["HANDLE_INVALID", "VM", ref]
    assert refused(api.host.get_uuid, "x") == ["HANDLE_INVALID", "host", "x"]
    assert refused(api.VM.get_by_uuid, "x") == ["UUID_INVALID", "VM", "x"]
    uuid = api.host.get_uuid(host)
    assert api.host.get_by_uuid(uuid) == host
    assert refused(api.VM.get_by_uuid, uuid) == ["UUID_INVALID", "VM", uuid]
    assert refused(api.host.get_by_uuid, f" {uuid}") == ["UUID_INVALID", "host", f" {uuid}"]


def test_a_write_is_seen_at_once(api: Any, vm: str) -> None:
    token = api.event_from(["vm"], "", 0.0)["token"]
    api.VM.set_name_label(vm, "é <&> \U0001f600")
    assert api.VM.get_name_label(vm) == "é <&> \U0001f600"
    assert api.VM.get_by_name_label("é <&> \U0001f600") == [vm]
    assert api.VM.get_by_name_label("É <&> \U0001f600") == []
    assert vm not in api.VM.get_by_name_label("Other install media")
    (event,) = api.event_from(["vm"], token, 0.0)["events"]
    assert event["snapshot"]["name_label"] == "é <&> \U0001f600"


def test_maps(api: Any, vm: str) -> None:
    api.VM.set_other_config(vm, {})
    api.VM.add_to_other_config(vm, "folder", "/here")
    api.VM.add_to_other_config(vm, "", "no name")
    for value in ("/there", "/here"):
        refusal = refused(api.VM.add_to_other_config, vm, "folder", value)
        assert refusal == ["MAP_DUPLICATE_KEY", "VM", "other_config", vm, "folder"]
    assert api.VM.get_other_config(vm) == {"folder": "/here", "": "no name"}
    for _ in range(2):
        api.VM.remove_from_other_config(vm, "folder")
    assert api.VM.get_other_config(vm) == {"": "no name"}
    api.VM.set_other_config(vm, {"a": "1", "<&": "2"})
    assert api.VM.get_other_config(vm) == {"a": "1", "<&": "2"}


def test_a_duplicate_key_names_the_field_as_it_is_stored(api: Any, vm: str) -> None:
    for field, stored in (("HVM_boot_params", "HVM__boot_params"), ("VCPUs_params", "VCPUs__params")):
        before = getattr(api.VM, f"get_{field}")(vm)
        getattr(api.VM, f"set_{field}")(vm, {"twice": "1"})
        refusal = refused(getattr(api.VM, f"add_to_{field}"), vm, "twice", "2")
        assert refusal == ["MAP_DUPLICATE_KEY", "VM", stored, vm, "twice"]
        getattr(api.VM, f"set_{field}")(vm, before)


def test_sets(api: Any, vm: str) -> None:
    api.VM.set_tags(vm, ["b"])
    api.VM.add_tags(vm, "a")
    api.VM.add_tags(vm, "a")
    assert api.VM.get_tags(vm) == ["a", "b"]
    api.VM.remove_tags(vm, "absent")
    api.VM.remove_tags(vm, "b")
    assert api.VM.get_tags(vm) == ["a"]
    api.VM.set_tags(vm, [])
    assert api.VM.get_tags(vm) == []


def test_values_on_the_wire(server: InnerServer, api: Any, session: str) -> None:
    (host,) = api.host.get_all()

    def answered(method: str, *params: str) -> str:
        values = "".join(f"<param><value>{param}</value></param>" for param in (session, *params))
        named = f"<methodName>{method}</methodName>"
        body = f"<?xml version='1.0'?>\n<methodCall> {named}\n<params>{values}</params></methodCall>"
        answer = post(server.url, "/", body.encode())
        assert answer.headers["content-type"] == "text/xml"
        assert answer.status == 200
        found = re.search("<member><name>Value</name>(.*)</member></struct>", answer.body.decode())
        assert found
        return found[1]

    assert answered("host.get_API_version_major", host) == "<value>2</value>"
    assert answered("host.get_enabled", host) == "<value><boolean>1</boolean></value>"
    task = api.task.create("progress", "")
    assert answered("task.get_progress", task) == "<value><double>0</double></value>"
    never = "<value><dateTime.iso8601>19700101T00:00:00Z</dateTime.iso8601></value>"
    assert answered("task.get_finished", task) == never
    assert re.fullmatch(
        r"<value><dateTime.iso8601>\d{8}T\d\d:\d\d:\d\dZ</dateTime.iso8601></value>", answered("task.get_created", task)
    )
    assert answered("task.destroy", task) == "<value></value>"  # pending: it is only marked
    api.task.set_status(task, "success")
    api.task.destroy(task)
    assert answered("host.get_tags", host) == "<value><array><data></data></array></value>"


def test_values_in_json(server: InnerServer, api: Any, session: str) -> None:
    (host,) = api.host.get_all()

    def result(method: str, *params: Any, version: str | None = "2.0") -> Any:
        answer = call_json(server.url, method, session, *params, version=version)
        assert answer["error"] is None if version is None else "error" not in answer
        return answer["result"]

    assert result("host.get_API_version_major", host) == 2
    assert result("host.get_enabled", host, version=None) is True
    task = result("task.create", "label", "")
    assert result("task.get_progress", task) == 0.0
    assert result("task.get_finished", task) == "19700101T00:00:00Z"
    assert result("task.set_status", task, "success") == ""
    assert result("task.destroy", task) == ""
    record = result("host.get_record", host)
    assert record == result("host.get_all_records")[host]
    assert isinstance(record["API_version_minor"], int)


@pytest.mark.parametrize("ident", [0, 7, "text", "", None, 1.5, [1], {"a": 1}])
@pytest.mark.parametrize("version", [None, "2.0"])
def test_ids_come_back(server: InnerServer, ident: Any, version: str | None) -> None:
    good = call_json(server.url, "system.isAlive:", "x", version=version, ident=ident)
    bad = call_json(server.url, "VM.get_all", "nobody", version=version, ident=ident)
    assert good["id"] == bad["id"] == ident
    if version is None:
        assert good == {"result": "x", "error": None, "id": ident}
        assert bad == {"result": None, "error": ["SESSION_INVALID", "nobody"], "id": ident}
    else:
        error = {"code": 0, "message": "SESSION_INVALID", "data": ["nobody"]}
        assert good == {"jsonrpc": "2.0", "result": "x", "id": ident}
        assert bad == {"jsonrpc": "2.0", "error": error, "id": ident}


def test_values_that_clients_send(server: InnerServer, session: str, api: Any, vm: str) -> None:
    url = server.url
    for value in ("3", 3, "0x3", "0b11", "0o3", "003"):
        assert call_xml(url, "VM.set_user_version", session, vm, value)["Status"] == "Success"
        assert api.VM.get_user_version(vm) == "3"
    assert call_json(url, "VM.set_user_version", session, vm, -3)["result"] == ""
    assert api.VM.get_user_version(vm) == "-3"
    assert call_json(url, "VM.set_user_version", session, vm, "1")["result"] == ""
    for value in ("", "x", "1.5", 1.5, True, [1], None, "1 "):
        assert failure(url, "VM.set_user_version", session, vm, value)[0] == "INTERNAL_ERROR"
    for value in (1, True, None, [], {}):
        assert failure(url, "VM.set_name_label", session, vm, value)[0] == "INTERNAL_ERROR"
    for value in ("true", 1, None):
        assert failure(url, "pool.set_wlb_enabled", session, vm, value)[0] == "INTERNAL_ERROR"
    for value in ({}, "a", [1]):
        assert failure(url, "VM.set_tags", session, vm, value)[0] == "INTERNAL_ERROR"
    for value in ([], "a", {"a": 1}):
        assert failure(url, "VM.set_other_config", session, vm, value)[0] == "INTERNAL_ERROR"
    for value in (2, "2", "2.0", 2.0):
        assert call_xml(url, "VM.set_HVM_shadow_multiplier", session, vm, value)["Status"] in ("Success", "Failure")


def test_enumerations_ignore_case_but_two(server: InnerServer, session: str, api: Any) -> None:
    task = api.task.create("", "")
    for value in ("FAILURE", "Failure", "failure"):
        assert call_xml(server.url, "task.set_status", session, task, value)["Status"] == "Success"
        assert api.task.get_status(task) == "failure"
    assert failure(server.url, "task.set_status", session, task, "no such")[0] == "INTERNAL_ERROR"
    assert failure(server.url, "task.set_status", session, task, 1)[0] == "INTERNAL_ERROR"
    api.task.destroy(task)
    (network, *_) = api.network.get_all()
    assert failure(server.url, "Bond.create", session, network, [], "", "BALANCE-SLB", {})[0] == "INTERNAL_ERROR"


def test_dates_to_be_stored(server: InnerServer, session: str, api: Any) -> None:
    writable = [
        (cls.FACTS.name, message.name)
        for cls in CLASSES
        for message in derive.messages(cls)
        if message.kind == "field setter" and message.field is not None and message.field.type.text == "datetime"
    ]
    for name, setter in writable:
        refs = getattr(api, name).get_all()
        if not refs:
            continue
        ref = refs[0]
        before = getattr(getattr(api, name), setter.replace("set_", "get_", 1))(ref)
        for bad in ("", "2018-02-21T13:05:09Z", "20180221T13:05:09", "20180221", "x"):
            assert failure(server.url, f"{name}.{setter}", session, ref, bad) == ["INVALID_VALUE", bad]
        assert call_xml(server.url, f"{name}.{setter}", session, ref, before)["Status"] == "Success"


def test_a_constructor_without_a_member(server: InnerServer, session: str) -> None:
    assert failure(server.url, "VBD.create", session, {}) == ["FIELD_TYPE_ERROR", "VM"]
    assert failure(server.url, "VBD.create", session, "text")[0] == "INTERNAL_ERROR"
    assert failure(server.url, "network.create", session, {"MTU": "large"})[0] == "INTERNAL_ERROR"
    assert failure(server.url, "secret.create", session, {}) == ["FIELD_TYPE_ERROR", "value"]


def test_a_constructor_makes_the_uuid_and_ignores_what_it_does_not_know(api: Any) -> None:
    wanted = "00000000-0000-0000-0000-000000000001"
    secret = api.secret.create({"value": "v", "other_config": {"a": "b"}, "uuid": wanted, "unknown": 1})
    record = api.secret.get_record(secret)
    assert record["uuid"] != wanted
    assert {**record, "uuid": ""} == {"uuid": "", "value": "v", "other_config": {"a": "b"}}
    assert re.fullmatch(r"OpaqueRef:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", secret)
    api.secret.destroy(secret)
    assert refused(api.secret.get_record, secret) == ["HANDLE_INVALID", "secret", secret]
    assert refused(api.secret.destroy, secret) == ["HANDLE_INVALID", "secret", secret]


@pytest.mark.parametrize("name", LISTED)
def test_every_class_can_be_listed_and_asked(api: Any, name: str) -> None:
    cls = getattr(api, name)
    refs, records = cls.get_all(), cls.get_all_records()
    assert sorted(refs) == sorted(records)
    for ref in refs[:3]:
        assert cls.get_record(ref) == records[ref]
        assert cls.get_by_uuid(records[ref]["uuid"]) == ref
    if name == "message":
        return
    for everything in ("true", 'not field "uuid"="x" and false', '"a" = "a"'):
        assert sorted(cls.get_all_records_where(everything)) == sorted(refs)
    if name == "role":
        assert sorted(cls.get_all_records_where("nonsense")) == sorted(refs)
        return
    assert cls.get_all_records_where("true or true and false") == {}
    for bad in ("", "nonsense", "true true", 'field uuid="x"', "(true", "'a'='a'", "TRUE"):
        assert refused(cls.get_all_records_where, bad)[:2] == ["INVALID_VALUE", bad]
    for ref in refs[:2]:
        assert cls.get_all_records_where(f'field "uuid"="{records[ref]["uuid"]}"') == {ref: records[ref]}
        assert list(cls.get_all_records_where(f'"{ref}" = field "_ref"')) == [ref]
    if refs:
        assert refused(cls.get_all_records_where, 'field "no_such"="x"') == [
            "INTERNAL_ERROR", "missing field", "no_such", "",
        ]  # fmt: skip
    else:
        assert cls.get_all_records_where('field "no_such"="x"') == {}


def test_queries_that_clients_make(api: Any) -> None:
    templates = api.VM.get_all_records_where('field "is_a_template"="true" and not field "is_a_snapshot"="true"')
    assert templates
    assert all(record["is_a_template"] for record in templates.values())
    (dom0,) = api.VM.get_all_records_where('field "is_control_domain" = "true"')
    label = api.VM.get_name_label(dom0)
    assert list(api.VM.get_all_records_where(f'field "name__label"="{label}"')) == [dom0]
    nested = f'(field "uuid"="{api.VM.get_uuid(dom0)}" or (field "uuid"="x")) and not(field "name__label"="y")'
    assert list(api.VM.get_all_records_where(nested)) == [dom0]


def test_a_query_is_parsed_after_session_and_role(server: InnerServer) -> None:
    assert failure(server.url, "VM.get_all_records_where", "nobody", "nonsense") == ["SESSION_INVALID", "nobody"]
    reader = server.session_of("queries", "read-only")
    assert failure(server.url, "secret.get_all_records_where", reader, "nonsense")[0] == "RBAC_PERMISSION_DENIED"


def test_what_is_referred_to_is_not_destroyed(server: InnerServer, api: Any, vm: str) -> None:
    snapshot = {"type": "snapshot", "retained_snapshots": "7", "frequency": "daily", "enabled": False}
    schedule = api.VMSS.create({"name_label": "nightly", "name_description": "", "schedule": {}, **snapshot})

    async def put(snapshot_schedule: str) -> None:
        store = server.core.services.store
        async with store.transaction() as tx:
            tx.set(tx.get(VM, vm), snapshot_schedule=snapshot_schedule)

    server.run(lambda: put(schedule))
    assert refused(api.VMSS.destroy, schedule) == ["VMSS_HAS_VM"]
    server.run(lambda: put(NULL))
    api.VMSS.destroy(schedule)
    assert refused(api.VMSS.get_record, schedule)[0] == "HANDLE_INVALID"


async def test_a_refused_destroy_names_who_refers_to_it() -> None:
    create, destroy = (
        implicit.writer(Network, next(message for message in derive.messages(Network) if message.name == name))
        for name in ("create", "destroy")
    )
    assert create is not None
    assert destroy is not None
    async with memory_services() as services:
        ctx = context(services)
        network = await create(ctx, {"name_label": "n"})
        async with services.store.transaction() as tx:
            vif = tx.create(VIF, network=network).ref
        with pytest.raises(ApiError) as error:
            await destroy(ctx, network)
        assert error.value.code == "OPERATION_NOT_ALLOWED"
        assert f"VIF {vif} (network)" in error.value.params[0]
        async with services.store.transaction() as tx:
            tx.delete(tx.get(VIF, vif))
        await destroy(ctx, network)
        assert services.store.find(Network, network) is None


def test_one_uuid_for_one_object(api: Any) -> None:
    uuid = "11111111-2222-4333-8444-555555555555"
    secret = api.secret.introduce(uuid, "value", {})
    assert refused(api.secret.introduce, uuid, "value", {})[0] == "INTERNAL_ERROR"
    api.secret.destroy(secret)
    api.secret.destroy(api.secret.introduce(uuid, "value", {}))
