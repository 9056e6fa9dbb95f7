"""event.from: what it tells, what its tokens mean, and how it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.client import call_json, call_xml, failure, log_in, refused, until
from tests.inner import InnerServer
from xapi_async.datamodel.classes import CLASSES

WAIT = 20.0


def now(api: Any, *classes: str) -> str:
    """A token of the present."""
    return str(api.event_from(list(classes), "", 0.0)["token"])


def told(batch: Any) -> list[tuple[str, str, str]]:
    return [(event["class"], event["operation"], event["ref"]) for event in batch["events"]]


def new_network(api: Any) -> str:
    return str(api.network.create({"name_label": "events", "name_description": "", "other_config": {}}))


def test_from_the_beginning_everything_is_new(api: Any) -> None:
    batch = api.event_from(["*"], "", 0.0)
    # Of messages the removals are told as well, and other tests may have removed some.
    assert {event["operation"] for event in batch["events"] if event["class"] != "message"} == {"add"}
    classes = {event["class"] for event in batch["events"]}
    assert {"vm", "host", "pool", "pif", "network", "sr"} <= classes
    assert not {"session", "user", "secret", "event", "role"} & classes
    for event in batch["events"]:
        snapshot = {"snapshot"} if event["operation"] == "add" else set()
        assert set(event) == {"id", "timestamp", "class", "operation", "ref"} | snapshot
        assert event["timestamp"] == "0.0"
    records = api.VM.get_all_records()
    assert {event["ref"]: event["snapshot"] for event in batch["events"] if event["class"] == "vm"} == records
    generation, messages = batch["token"].split(",")
    assert len(generation) == len(messages) == 20
    assert int(generation) == max(int(event["id"]) for event in batch["events"])


def test_changes_are_merged(api: Any, vm: str) -> None:
    token = now(api, "vm", "network")
    api.VM.set_name_description(vm, "one")
    api.VM.set_name_description(vm, "two")
    batch = api.event_from(["VM"], token, WAIT)
    assert told(batch) == [("vm", "mod", vm)]
    assert batch["events"][0]["snapshot"]["name_description"] == "two"
    assert told(api.event_from(["vm"], batch["token"], 0.0)) == []
    assert told(api.event_from(["vm"], token, 0.0)) == [("vm", "mod", vm)]  # a token can be used again

    token = now(api, "network")
    network = new_network(api)
    api.network.set_name_description(network, "new")
    batch = api.event_from(["network"], token, WAIT)
    assert told(batch) == [("network", "add", network)]
    assert batch["events"][0]["snapshot"]["name_description"] == "new"

    api.network.set_name_description(network, "newer")
    api.network.destroy(network)
    gone = api.event_from(["network"], batch["token"], WAIT)
    assert told(gone) == [("network", "del", network)]
    assert "snapshot" not in gone["events"][0]
    assert told(api.event_from(["network"], token, 0.0)) == []  # came and went


def test_the_same_value_again_is_a_change(api: Any, vm: str) -> None:
    label = api.VM.get_name_label(vm)
    token = now(api, "vm")
    api.VM.set_name_label(vm, label)
    assert told(api.event_from(["vm"], token, 0.0)) == [("vm", "mod", vm)]
    token = now(api, "vm")
    api.VM.remove_from_other_config(vm, "absent")
    assert told(api.event_from(["vm"], token, 0.0)) == [("vm", "mod", vm)]


def test_both_ends_of_a_relation_change(api: Any, vm: str) -> None:
    network = new_network(api)
    token = now(api, "vif", "vm", "network")
    vif = api.VIF.create(
        {
            "VM": vm, "network": network, "device": "0", "MAC": "", "MTU": "1500", "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        }
    )  # fmt: skip
    batch = api.event_from(["vif", "vm", "network"], token, WAIT)
    assert sorted(told(batch)) == [("network", "mod", network), ("vif", "add", vif), ("vm", "mod", vm)]
    snapshots = {event["class"]: event["snapshot"] for event in batch["events"]}
    assert vif in snapshots["vm"]["VIFs"]
    assert vif in snapshots["network"]["VIFs"]
    api.VIF.destroy(vif)
    batch = api.event_from(["vif", "vm", "network"], batch["token"], WAIT)
    assert sorted(told(batch)) == [("network", "mod", network), ("vif", "del", vif), ("vm", "mod", vm)]
    api.network.destroy(network)


def test_what_is_subscribed_to(api: Any, vm: str) -> None:
    other = api.VM.get_all()[0] if api.VM.get_all()[0] != vm else api.VM.get_all()[1]
    token = now(api, "*")
    (pool,) = api.pool.get_all()
    api.VM.set_name_description(vm, "x")
    api.VM.set_name_description(other, "x")
    api.pool.set_name_description(pool, "x")
    for classes, expected in (
        (["vm"], {vm, other}),
        (["Vm"], {vm, other}),
        ([f"vm/{vm}"], {vm}),
        ([f"VM/{vm}", "pool"], {vm, pool}),
        ([f"vm/{vm}", "vm"], {vm, other}),
        ([f"pool/{vm}"], set()),
        ([f"vm/{vm}/more"], set()),
        (["vm/", "", "nothing", "no/thing", "/"], set()),
        (["session", "secret"], set()),
    ):
        assert {ref for _, _, ref in told(api.event_from(classes, token, 0.0))} == expected, classes
    assert {ref for _, _, ref in told(api.event_from(["vm", "*"], token, 0.0))} >= {vm, other, pool}


def test_unselected_changes_do_not_move_the_token(api: Any, vm: str) -> None:
    token = now(api, "host")
    api.VM.set_name_description(vm, "unselected")
    batch = api.event_from(["host"], token, 0.0)
    assert batch["events"] == []
    assert batch["token"] == token


def test_tokens(api: Any) -> None:
    for bad in ("x", "1,2,3", "1", ",", "1,", "a,b", " 1,2x"):
        assert refused(api.event_from, ["vm"], bad, 0.0) == ["EVENT_FROM_TOKEN_PARSE_FAILURE", bad]
    assert api.event_from(["host"], "1,2", 0.0)["events"]
    ahead = f"{10**18:020d},{0:020d}"
    batch = api.event_from(["vm"], ahead, 0.0)
    assert (batch["events"], batch["token"]) == ([], ahead)
    # The number of messages is 0 where they are not subscribed to.
    token = now(api, "vm").split(",")[0] + "," + "7" * 20
    assert api.event_from(["vm"], token, 0.0)["token"].split(",")[1] == "0" * 20


@pytest.mark.parametrize("classes", [["host"], []])
def test_nothing_happens_until_the_time_is_over(
    api: Any, classes: list[str], vm: str, later: Callable[..., None]
) -> None:
    token = now(api, "host")
    begin = time.monotonic()
    later("VM.set_name_description", vm, "other")
    batch = api.event_from(classes, token, 0.4)
    assert time.monotonic() - begin >= 0.4
    assert batch["events"] == []
    assert batch["token"] == token


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0, "0"])
def test_no_time_is_no_wait(api: Any, seconds: float | str) -> None:
    token = now(api, "vm")
    assert api.event_from(["vm"], token, seconds)["events"] == []
    assert api.event_from([], "", seconds)["events"] == []


def test_a_change_ends_the_wait(api: Any, vm: str, later: Callable[..., None]) -> None:
    token = now(api, "vm")
    later("VM.set_name_description", vm, "woken")
    batch = api.event_from([f"vm/{vm}"], token, WAIT)
    assert told(batch) == [("vm", "mod", vm)]


def test_counts_are_those_of_the_answer(server: InnerServer, api: Any, vm: str) -> None:
    def true_counts() -> dict[str, int]:
        table = server.core.services.store.table
        return {cls.FACTS.name.lower(): 0 if cls.FACTS.name == "role" else len(table(cls)) for cls in CLASSES}

    batch = api.event_from(["pool"], "", 0.0)
    assert batch["valid_ref_counts"] == true_counts()
    assert set(batch["valid_ref_counts"]) == {cls.FACTS.name.lower() for cls in CLASSES}
    assert batch["valid_ref_counts"]["role"] == batch["valid_ref_counts"]["message"] == 0
    assert batch["valid_ref_counts"]["session"] >= 1
    assert type(batch["valid_ref_counts"]["vm"]) is int
    network = new_network(api)
    secret = api.secret.create({"value": "", "other_config": {}})
    for classes in (["network"], ["pool"], []):
        counts = api.event_from(classes, batch["token"], 0.0)["valid_ref_counts"]
        assert counts == true_counts()
        assert counts["network"] == batch["valid_ref_counts"]["network"] + 1
        assert counts["secret"] == batch["valid_ref_counts"]["secret"] + 1
    api.network.destroy(network)
    api.secret.destroy(secret)
    assert api.event_from(["pool"], batch["token"], 0.0)["valid_ref_counts"] == batch["valid_ref_counts"]
    answer = call_json(server.url, "event.from", log_in(server.url), ["pool"], "", 0.0)["result"]
    assert type(answer["valid_ref_counts"]["vm"]) is int


def test_counts_after_a_wait_are_not_those_before_it(server: InnerServer, client: Any, api: Any) -> None:
    token = now(api, "pool")
    before = api.event_from(["pool"], token, 0.0)["valid_ref_counts"]["secret"]
    with ThreadPoolExecutor() as thread:
        wait = thread.submit(call_xml, server.url, "event.from", client.handle, ["pool"], token, 2.0)
        until(lambda: server.core.events.waiting)
        api.secret.create({"value": "", "other_config": {}})
        assert wait.result()["Value"]["valid_ref_counts"]["secret"] == before + 1


def test_the_session_may_end_meanwhile(server: InnerServer) -> None:
    session = log_in(server.url)
    timer = threading.Timer(0.1, lambda: call_xml(server.url, "session.logout", session))
    timer.start()
    assert failure(server.url, "event.from", session, ["session"], "", WAIT) == ["SESSION_INVALID", session]
    timer.join()


def test_many_waits_of_one_session(server: InnerServer, client: Any, api: Any, vm: str) -> None:
    token = now(api, "vm", "pool")
    (pool,) = api.pool.get_all()
    found: dict[str, Any] = {}

    def wait(name: str, classes: list[str]) -> None:
        found[name] = told(call_xml(server.url, "event.from", client.handle, classes, token, WAIT)["Value"])

    threads = [
        threading.Thread(target=wait, args=args)
        for args in (("one", ["vm"]), ("two", [f"vm/{vm}"]), ("three", ["pool"]), ("four", ["vm", "pool"]))
    ]
    for thread in threads:
        thread.start()
    until(lambda: server.core.events.waiting == 4)
    api.VM.set_name_description(vm, "for many")
    for thread in (threads[0], threads[1], threads[3]):
        thread.join()
    assert "three" not in found
    api.pool.set_name_description(pool, "for one")
    threads[2].join()
    change, other = ("vm", "mod", vm), ("pool", "mod", pool)
    assert found == {"one": [change], "two": [change], "three": [other], "four": [change]}


def test_injecting(api: Any, client: Any, vm: str) -> None:
    before = api.VM.get_record(vm)
    token = api.event.inject("VM", vm)
    batch = api.event_from(["vm"], token, WAIT)
    assert told(batch) == [("vm", "mod", vm)]
    assert batch["token"] > token
    assert batch["events"][0]["snapshot"] == before
    (pool,) = api.pool.get_all()
    assert api.event_from(["pool"], api.event.inject("pool", pool), WAIT)["events"][0]["ref"] == pool
    for name, ref in (("vm", vm), ("VM", pool), ("VM", "OpaqueRef:NULL"), ("nothing", vm), ("role", role(api))):
        assert refused(api.event.inject, name, ref) == ["HANDLE_INVALID", name, ref]
    api.event.inject("session", client.handle)


def role(api: Any) -> str:
    return str(api.role.get_all()[0])


def test_messages(api: Any, later: Callable[..., None]) -> None:
    (host,) = api.host.get_all()
    uuid = api.host.get_uuid(host)
    token = now(api, "message")
    later("message.create", "NAME", "3", "Host", uuid, "body")
    batch = api.event_from(["message"], token, WAIT)
    ((kind, operation, ref),) = told(batch)
    assert (kind, operation) == ("message", "add")
    assert batch["events"][0]["id"] == "0"
    assert batch["events"][0]["snapshot"] == api.message.get_record(ref)
    assert batch["token"] > token
    assert told(api.event_from(["message"], batch["token"], 0.0)) == []
    assert told(api.event_from([f"message/{host}"], token, 0.0)) == [("message", "add", ref)]
    assert ("message", "add", ref) in told(api.event_from(["*"], token, 0.0))
    api.message.destroy(ref)
    assert told(api.event_from(["message"], batch["token"], WAIT)) == [("message", "del", ref)]
    assert ("message", "del", ref) in told(api.event_from(["message"], "", 0.0))
    assert api.event_from(["message"], "", 0.0)["valid_ref_counts"]["message"] == 0
