"""Tasks: what clients see of a call while it runs and after it, and how they stop it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import call_xml, ended, log_in, refused, until
from tests.inner import InnerServer, inner_server

NULL = "OpaqueRef:NULL"
NEVER = "19700101T00:00:00Z"
NOWHERE = "OpaqueRef:nowhere"


@pytest.fixture(scope="module")
def slow() -> Iterator[InnerServer]:
    """A server where starting a virtual machine takes longer than any test."""
    with inner_server({("simulator", "build_seconds"): "600", ("tasks", "pass_seconds"): "0.05"}) as server:
        yield server


@pytest.fixture
def starting(slow: InnerServer) -> Iterator[tuple[Any, str, str]]:
    """A client, a machine that is being started for ten minutes, and the task of that."""
    with slow.session() as session:
        api = session.xenapi
        vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "slow")
        api.VM.provision(vm)
        task = api.Async.VM.start(vm, False, False)
        until(lambda: api.task.get_allowed_operations(task) == ["cancel"])
        yield api, vm, task
        if task in api.task.get_all():
            api.task.cancel(task)


def test_an_asynchronous_call(client: Any, api: Any, vm: str) -> None:
    task = api.Async.VM.clone(vm, "a clone")
    record = ended(api, task)
    (clone,) = api.VM.get_by_name_label("a clone")
    assert record["result"] == f"<value>{clone}</value>"
    assert (record["name_label"], record["name_description"]) == ("Async.VM.clone", "")
    assert (record["status"], record["progress"], record["error_info"]) == ("success", 1.0, [])
    assert record["allowed_operations"] == []
    assert record["created"].value <= record["finished"].value != NEVER
    assert record["type"] == "<none/>"
    assert record["resident_on"] == api.host.get_all()[0]
    assert record["subtask_of"] == NULL
    assert record["backtrace"] == "()"
    assert task in api.session.get_tasks(client.handle)
    assert task in api.task.get_by_name_label("Async.VM.clone")
    api.VM.destroy(clone)
    api.task.destroy(task)
    assert refused(api.task.get_status, task) == ["HANDLE_INVALID", "task", task]


def test_results_as_text(api: Any, vm: str) -> None:
    network = api.network.create({"name_label": "tasks", "name_description": "", "other_config": {}})
    hosts = api.VM.get_possible_hosts(vm)
    for task, expected in (
        (api.Async.network.destroy(network), "<value></value>"),
        (
            api.Async.VM.get_possible_hosts(vm),
            "<value><array><data>" + "".join(f"<value>{host}</value>" for host in hosts) + "</data></array></value>",
        ),
    ):
        record = ended(api, task)
        assert (record["status"], record["result"]) == ("success", expected)
        api.task.destroy(task)


def test_both_spellings(server: InnerServer, client: Any, api: Any) -> None:
    for name in ("Async.VM.clone", "Async.VM_clone"):
        task = call_xml(server.url, name, client.handle, NOWHERE, "x")["Value"]
        assert ended(api, task)["name_label"] == name
        api.task.destroy(task)


def test_a_failure_is_found_in_the_task(api: Any) -> None:
    task = api.Async.VM.clone(NOWHERE, "x")
    record = ended(api, task)
    assert record["status"] == "failure"
    assert record["error_info"] == ["HANDLE_INVALID", "VM", NOWHERE]
    assert record["result"] == ""
    assert record["progress"] == 1.0
    assert record["backtrace"] not in ("", "()")
    api.task.destroy(task)


def test_a_task_of_ones_own(client: Any, api: Any) -> None:
    task = api.task.create("label", "description")
    record = api.task.get_record(task)
    assert re.fullmatch(r"[0-9a-f-]{36}", record["uuid"])
    assert (record["name_label"], record["name_description"]) == ("label", "description")
    assert (record["status"], record["progress"], record["result"]) == ("pending", 0.0, "")
    assert record["finished"].value == NEVER
    assert record["other_config"] == record["current_operations"] == {}
    assert record["allowed_operations"] == record["error_info"] == record["subtasks"] == []
    api.task.cancel(task)
    (call, what) = next(iter(api.task.get_current_operations(task).items()))
    assert what == "cancel"
    assert call.startswith("DummyRef:")
    assert api.task.get_status(task) == "pending"  # there is no work behind it that could stop
    api.task.set_status(task, "cancelling")
    api.task.set_status(task, "success")
    assert api.task.get_finished(task).value == NEVER
    assert api.task.get_progress(task) == 0.0
    api.task.destroy(task)
    assert task not in api.session.get_tasks(client.handle)


def test_a_synchronous_call_shows_its_task_while_it_runs(api: Any, vm: str) -> None:
    api.event.register(["task"])
    before = set(api.task.get_all())
    api.VM.get_name_label(vm)
    network = api.network.create({"name_label": "seen", "name_description": "", "other_config": {}})
    api.VM.set_name_description(vm, "no task")
    api.task.destroy(api.task.create("mine", ""))
    events = [event for event in api.event.next() if event["ref"] not in before]
    seen: dict[str, list[str]] = {}
    for event in events:
        seen.setdefault(event["snapshot"]["name_label"], []).append(event["operation"])
    assert set(seen) == {"network.create", "mine"}
    assert (seen["network.create"][0], seen["network.create"][-1]) == ("add", "del")
    api.network.destroy(network)


def test_headers_that_speak_of_tasks(server: InnerServer, client: Any, api: Any) -> None:
    parent = api.task.create("parent", "")
    headers = {"Subtask-Of": parent, "X-Http-Other-Config-Colour": "blue", "x-http-other-config-Size": "large"}
    task = call_xml(server.url, "Async.VM.clone", client.handle, NOWHERE, "x", headers=headers)["Value"]
    record = ended(api, task)
    assert record["subtask_of"] == parent
    assert record["other_config"] == {"http:colour": "blue", "http:size": "large"}
    assert api.task.get_subtasks(parent) == [task]

    # Under a task that is there the call makes none, and leaves it as it is.
    count = len(api.task.get_all())
    answer = call_xml(server.url, "VM.clone", client.handle, NOWHERE, "x", headers={"Task-Id": parent})
    assert answer["ErrorDescription"] == ["HANDLE_INVALID", "VM", NOWHERE]
    assert api.task.get_status(parent) == "pending"
    assert len(api.task.get_all()) == count
    assert call_xml(server.url, "Async.VM.clone", client.handle, NOWHERE, "x", headers={"Task-Id": parent}) == {
        "Status": "Success", "Value": parent,
    }  # fmt: skip
    assert ended(api, parent)["error_info"] == ["HANDLE_INVALID", "VM", NOWHERE]

    # Nobody runs a call under the task of somebody else.
    others = api.task.create("root's", "")
    user = server.session_of("headers", "vm-admin")
    task = call_xml(server.url, "Async.VM.clone", user, NOWHERE, "x", headers={"Task-Id": others})["Value"]
    assert task != others
    assert api.task.get_status(others) == "pending"
    api.task.set_status(others, "success")
    for ref in (parent, others):
        api.task.destroy(ref)


def test_a_task_goes_on_without_its_session(server: InnerServer, api: Any, vm: str) -> None:
    session = log_in(server.url)
    task = call_xml(server.url, "Async.VM.clone", session, vm, "orphan")["Value"]
    call_xml(server.url, "session.logout", session)
    assert ended(api, task)["status"] == "success"
    api.VM.destroy(api.VM.get_by_name_label("orphan")[0])
    api.task.destroy(task)


def test_work_stops_where_it_can(starting: tuple[Any, str, str]) -> None:
    api, vm, task = starting
    assert api.VM.get_current_operations(vm) == {task: "start"}
    assert 0 <= api.task.get_progress(task) < 1
    api.task.cancel(task)
    record = ended(api, task)
    assert (record["status"], record["error_info"], record["result"]) == ("cancelled", [], "")
    assert record["progress"] == 1.0
    assert record["finished"].value != NEVER
    assert record["allowed_operations"] == []
    assert api.VM.get_current_operations(vm) == {}
    assert api.VM.get_power_state(vm) == "Halted"
    # Once it is over nothing changes it, and it is no error to try.
    api.task.cancel(task)
    assert api.task.get_status(task) == "cancelled"


def test_a_synchronous_call_answers_that_it_was_cancelled(slow: InnerServer, starting: tuple[Any, str, str]) -> None:
    api, vm, task = starting
    api.task.cancel(task)
    ended(api, task)
    session = log_in(slow.url)
    answers: list[Any] = []
    call = threading.Thread(target=lambda: answers.append(call_xml(slow.url, "VM.start", session, vm, False, False)))
    call.start()
    (running,) = until(lambda: api.task.get_by_name_label("VM.start"))
    until(lambda: api.task.get_allowed_operations(running) == ["cancel"])
    api.task.cancel(running)
    call.join()
    assert answers[0]["ErrorDescription"] == ["TASK_CANCELLED", running]
    assert refused(api.task.get_record, running)[0] == "HANDLE_INVALID"


def test_a_pending_task_is_destroyed_when_it_ends(starting: tuple[Any, str, str]) -> None:
    api, vm, task = starting
    api.task.destroy(task)
    assert api.task.get_current_operations(task) == {"task": "destroy"}
    assert refused(api.task.destroy, task) == ["MAP_DUPLICATE_KEY", "task", "current_operations", task, "task"]
    assert api.VM.get_current_operations(vm) == {task: "start"}
    api.task.cancel(task)
    until(lambda: task not in api.task.get_all())


def test_a_task_that_was_set_is_not_overwritten(starting: tuple[Any, str, str]) -> None:
    api, vm, task = starting
    api.task.set_status(task, "cancelling")
    api.task.cancel(task)
    until(lambda: api.VM.get_current_operations(vm) == {})
    record = api.task.get_record(task)
    assert (record["status"], record["error_info"], record["finished"].value) == ("cancelling", [], NEVER)
