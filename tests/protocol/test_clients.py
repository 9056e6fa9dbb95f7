"""What clients in use do, as they do it."""

from __future__ import annotations

import json
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.client import call_json, call_xml, post
from tests.inner import InnerServer
from tests.live import PASSWORD


def test_all_records_of_all_classes_at_once(server: InnerServer, session: str) -> None:
    names = call_json(server.url, "system.listMethods")["result"]
    wanted = [name for name in names if name.endswith(".get_all_records")]
    with ThreadPoolExecutor(20) as threads:
        answers = dict(zip(wanted, threads.map(lambda name: call_json(server.url, name, session), wanted), strict=True))
        texts = dict(zip(wanted, threads.map(lambda name: call_xml(server.url, name, session), wanted), strict=True))
    removed = {"VBD_metrics.get_all_records", "VIF_metrics.get_all_records", "VMPP.get_all_records"}
    for name in wanted:
        if name in removed:
            assert answers[name]["error"]["message"] == "MESSAGE_REMOVED"
            assert texts[name]["ErrorDescription"] == ["MESSAGE_REMOVED"]
        elif name not in ("task.get_all_records",):
            assert sorted(answers[name]["result"]) == sorted(texts[name]["Value"]), name


def test_a_client_that_follows_the_pool(api: Any) -> None:
    (pool,) = api.pool.get_all()
    token = api.event.inject("pool", pool)
    batch = api.event_from(["*"], token, 60.0)
    assert ("pool", "mod", pool) in [(event["class"], event["operation"], event["ref"]) for event in batch["events"]]
    api.pool.add_to_other_config(pool, "barrier", "1")
    batch = api.event_from(["pool"], batch["token"], 60.0)
    assert batch["events"][-1]["snapshot"]["other_config"]["barrier"] == "1"
    api.pool.remove_from_other_config(pool, "barrier")
    counts = batch["valid_ref_counts"]
    assert counts["vm"] == len(api.VM.get_all())
    assert counts["host"] == 1


@pytest.mark.parametrize("path", ["/", "/RPC2", "/xmlrpc", "/json", "/anything"])
def test_paths_of_xml(server: InnerServer, session: str, path: str) -> None:
    body = xmlrpc.client.dumps((session,), "pool.get_all").encode()
    answer = post(server.url, path, body, {"Accept-Encoding": "gzip", "Content-Type": "text/plain"})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml")
    assert "content-encoding" not in answer.headers
    assert b"> <" not in answer.body
    (value,), _ = xmlrpc.client.loads(answer.body)
    assert value["Status"] == "Success"


@pytest.mark.parametrize("path", ["/jsonrpc", "/json"])
def test_paths_of_json(server: InnerServer, session: str, path: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "method": "pool.get_all", "params": [session], "id": "x"}).encode()
    answer = post(server.url, path, body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert json.loads(answer.body)["id"] == "x"


def test_numbers_as_texts_and_texts_as_numbers(server: InnerServer, session: str) -> None:
    (host, *_) = call_xml(server.url, "host.get_all", session)["Value"]
    assert call_xml(server.url, "host.get_API_version_major", session, host)["Value"] == "2"
    assert call_json(server.url, "host.get_API_version_major", session, host)["result"] == 2
    version = call_json(server.url, "host.get_software_version", session, host)["result"]
    assert version["product_version"] == "7.4.0"
    assert all(type(value) is str for value in version.values())


def test_base64_is_taken_as_text(server: InnerServer, session: str, api: Any) -> None:
    text = xmlrpc.client.Binary(b"from base64")
    task = call_xml(server.url, "task.create", session, text, "")["Value"]
    assert api.task.get_name_label(task) == "from base64"
    api.task.set_status(task, "success")
    api.task.destroy(task)


def test_logging_in_as_clients_do(server: InnerServer) -> None:
    proxy: Any = xmlrpc.client.ServerProxy(server.url)
    session = proxy.session.login_with_password("root", PASSWORD, "2.9", "a client")["Value"]
    (pool,) = proxy.pool.get_all(session)["Value"]
    master = proxy.pool.get_master(session, pool)["Value"]
    assert proxy.host.get_API_version_minor(session, master) == {"Status": "Success", "Value": "9"}
    assert proxy.session.logout(session) == {"Status": "Success", "Value": ""}
    assert proxy.VM.get_record(session, "OpaqueRef:NULL")["ErrorDescription"] == ["SESSION_INVALID", session]
