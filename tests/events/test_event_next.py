"""The old event interface: one event for each change, in order, from a queue."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.client import call_xml, failure, log_in, refused, until
from tests.inner import InnerServer, inner_server


@pytest.fixture
def other(server: InnerServer) -> Iterator[Any]:
    """A second client with a session of its own."""
    with server.session() as session:
        yield session.xenapi


def told(events: Any) -> list[tuple[str, str, str]]:
    return [(event["class"], event["operation"], event["ref"]) for event in events]


def test_one_has_to_register(client: Any, api: Any) -> None:
    code, track = refused(api.event.next)
    assert code == "SESSION_NOT_REGISTERED"
    assert track == f"trackid={hashlib.md5(client.handle.encode(), usedforsecurity=False).hexdigest()}"


def test_every_change_is_told_in_order(api: Any, vm: str) -> None:
    api.event.register(["vm", "network"])
    network = api.network.create({"name_label": "next", "name_description": "", "other_config": {}})
    for text in ("one", "two", "three"):
        api.VM.set_name_description(vm, text)
    api.network.destroy(network)
    events = api.event.next()
    assert told(events) == [
        ("network", "add", network),
        ("vm", "mod", vm),
        ("vm", "mod", vm),
        ("vm", "mod", vm),
        ("network", "del", network),
    ]
    assert [event["snapshot"]["name_description"] for event in events[1:4]] == ["one", "two", "three"]
    assert events[-1]["snapshot"]["name_label"] == "next"
    numbers = [int(event["id"]) for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert int(api.event.get_current_id()) == numbers[-1] + 1
    for event in events:
        assert set(event) == {"id", "timestamp", "class", "operation", "ref", "snapshot"}
        assert event["timestamp"].endswith(".")
        assert abs(float(event["timestamp"]) - time.time()) < 60


def test_both_ends_of_a_relation_in_order(api: Any, vm: str) -> None:
    network = api.network.create({"name_label": "next", "name_description": "", "other_config": {}})
    api.event.register([f"vm/{vm}", "vif", f"network/{network}"])
    vif = api.VIF.create(
        {
            "VM": vm, "network": network, "device": "0", "MAC": "", "MTU": "1500", "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        }
    )  # fmt: skip
    first, *rest = told(api.event.next())
    assert first == ("vif", "add", vif)
    assert {("vm", "mod", vm), ("network", "mod", network)} <= set(rest)
    api.VIF.destroy(vif)
    gone = told(api.event.next())
    place = gone.index(("vif", "del", vif))
    assert {("vm", "mod", vm), ("network", "mod", network)} <= set(gone[place:])
    api.network.destroy(network)


def test_what_is_registered(api: Any, vm: str) -> None:
    (pool,) = api.pool.get_all()
    api.event.register(["vm", "pool", "VM"])
    api.event.unregister(["*", "host"])
    api.pool.set_name_description(pool, "a")
    assert told(api.event.next()) == [("pool", "mod", pool)]
    api.event.unregister(["Vm"])
    api.VM.set_name_description(vm, "unseen")
    api.pool.set_name_description(pool, "b")
    assert told(api.event.next()) == [("pool", "mod", pool)]
    api.event.unregister(["pool"])
    assert api.event.next() == []
    api.event.register(["*"])
    api.event.inject("VM", vm)
    assert ("vm", "mod", vm) in told(api.event.next())


def test_what_nobody_wants_is_not_kept(api: Any, vm: str) -> None:
    number = api.event.get_current_id()
    api.VM.set_name_description(vm, "unseen")
    assert api.event.get_current_id() == number
    api.event.register(["vm"])
    api.VM.set_name_description(vm, "seen")
    (event,) = api.event.next()
    assert event["snapshot"]["name_description"] == "seen"
    assert event["id"] == number


def test_each_session_has_its_place(api: Any, other: Any, vm: str) -> None:
    api.event.register([f"vm/{vm}"])
    api.VM.set_name_description(vm, "one")
    other.event.register([f"vm/{vm}"])
    api.VM.set_name_description(vm, "two")
    assert [event["snapshot"]["name_description"] for event in api.event.next()] == ["one", "two"]
    assert [event["snapshot"]["name_description"] for event in other.event.next()] == ["two"]


def test_waiting(server: InnerServer, api: Any, other: Any, client: Any, vm: str) -> None:
    api.event.register([f"vm/{vm}"])
    with ThreadPoolExecutor() as threads:
        waits = [threads.submit(call_xml, server.url, "event.next", client.handle) for _ in range(2)]
        until(lambda: server.core.queue.waiting == 2)
        other.pool.set_name_description(other.pool.get_all()[0], "not wanted")
        other.VM.set_name_description(vm, "wanted")
        other.VM.set_name_description(vm, "by the other")
        until(lambda: any(wait.done() for wait in waits))
        while not all(wait.done() for wait in waits):
            other.VM.set_name_description(vm, "and again")
            time.sleep(0.01)
        seen = [event for wait in waits for event in wait.result()["Value"]]
    assert sorted({event["ref"] for event in seen}) == [vm]
    assert len({event["id"] for event in seen}) == len(seen)  # they share them


def test_logging_out_ends_the_wait(server: InnerServer) -> None:
    session = log_in(server.url)
    call_xml(server.url, "event.register", session, ["session"])
    timer = threading.Timer(0.1, lambda: call_xml(server.url, "session.logout", session))
    timer.start()
    assert failure(server.url, "event.next", session) == ["SESSION_INVALID", session]
    timer.join()


def test_messages(api: Any) -> None:
    (host,) = api.host.get_all()
    api.event.register(["message"])
    message = api.message.create("NAME", 3, "Host", api.host.get_uuid(host), "body")
    record = api.message.get_record(message)
    api.message.destroy(message)
    events = api.event.next()
    while len(events) < 2:
        events += api.event.next()
    assert told(events) == [("message", "add", message), ("message", "del", message)]
    assert [event["snapshot"] for event in events] == [record, record]


def test_lost_events_and_heartbeats() -> None:
    flags = {("events", "queue_characters"): "20000", ("events", "heartbeat_seconds"): "0.1"}
    with inner_server(flags) as server, server.session() as session:
        api = session.xenapi
        (pool,) = api.pool.get_all()
        vm = api.VM.get_all()[0]
        api.event.register(["vm"])
        for number in range(30):
            api.VM.set_name_description(vm, str(number))
        assert refused(api.event.next) == ["EVENTS_LOST"]
        api.VM.set_name_description(vm, "after")
        (event,) = api.event.next()
        assert event["snapshot"]["name_description"] == "after"
        token = api.event_from(["pool"], "", 0.0)["token"]
        api.event.register(["pool"])
        assert told(api.event.next())[0] == ("pool", "mod", pool)
        assert api.event_from(["pool"], token, 0.0)["events"] == []
