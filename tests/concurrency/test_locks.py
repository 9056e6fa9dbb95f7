"""Nobody waits for a long operation of somebody else, and of many writes to one object none is lost."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import ended, log_in, until
from tests.concurrency.conftest import CROWD
from tests.inner import InnerServer, inner_server

REMOVED = ("protection_policy", "is_snapshot_from_vmpp")
"""Fields of VMs that records still have, but no getters."""

WRITERS = CROWD
EACH = 3


@pytest.fixture(scope="module")
def server() -> Iterator[InnerServer]:
    with inner_server({("simulator", "build_seconds"): "600"}) as server:
        yield server


@pytest.fixture
def api(server: InnerServer) -> Iterator[Any]:
    with server.session() as session:
        yield session.xenapi


def new_vm(api: Any, name: str) -> str:
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
    api.VM.provision(vm)
    return str(vm)


def test_everything_simple_is_answered_while_an_operation_goes_on(api: Any) -> None:
    vm = new_vm(api, "busy")
    task = api.Async.VM.start(vm, False, False)
    until(lambda: api.task.get_allowed_operations(task) == ["cancel"])
    assert api.VM.get_current_operations(vm) == {task: "start"}

    record = api.VM.get_record(vm)
    for field in record:
        if field not in REMOVED:
            assert getattr(api.VM, f"get_{field}")(vm) == record[field], field
    assert vm in api.VM.get_all_records()
    assert list(api.VM.get_all_records_where(f'field "_ref"="{vm}"')) == [vm]

    api.VM.set_name_label(vm, "renamed")
    api.VM.set_name_description(vm, "while it starts")
    api.VM.add_tags(vm, "tag")
    api.VM.add_to_other_config(vm, "key", "value")
    api.VM.remove_from_other_config(vm, "key")
    api.VM.set_other_config(vm, {"all": "new"})
    after = api.VM.get_record(vm)
    assert (after["name_label"], after["tags"], after["other_config"]) == ("renamed", ["tag"], {"all": "new"})

    # Others of the class do what they want; a second operation on this one waits its turn.
    other = new_vm(api, "idle")
    api.VM.set_is_a_template(other, True)
    second = api.Async.VM.clone(vm, "copy of the busy one")

    assert api.task.get_status(task) == "pending"
    assert api.task.get_status(second) == "pending"
    api.task.cancel(task)
    assert ended(api, task)["status"] == "cancelled"
    assert ended(api, second)["status"] == "success"
    assert api.VM.get_name_label(vm) == "renamed"


def test_who_waits_for_an_operation_can_be_cancelled(api: Any) -> None:
    vm = new_vm(api, "waited for")
    task = api.Async.VM.start(vm, False, False)
    until(lambda: api.task.get_allowed_operations(task) == ["cancel"])
    waiting = api.Async.VM.clone(vm, "never")
    until(lambda: api.task.get_allowed_operations(waiting) == ["cancel"])
    api.task.cancel(waiting)
    assert ended(api, waiting)["status"] == "cancelled"
    assert api.task.get_status(task) == "pending"
    assert api.VM.get_by_name_label("never") == []
    assert api.VM.get_current_operations(vm) == {task: "start"}
    api.task.cancel(task)
    assert ended(api, task)["status"] == "cancelled"


async def write(url: str, session: str, vm: str, writer: int) -> list[bytes]:
    """Add a few keys to one map, over a connection of one's own."""
    address = urlsplit(url)
    reader, stream = await asyncio.open_connection(address.hostname, address.port)
    answers: list[bytes] = []
    for number in range(EACH):
        body = xmlrpc.client.dumps((session, vm, f"{writer}-{number}", str(writer)), "VM.add_to_other_config").encode()
        stream.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answers.append(await reader.readexactly(int(length.split(b":")[1])))
    stream.close()
    return answers


def test_very_many_writers_to_one_object_lose_nothing(server: InnerServer, api: Any) -> None:
    vm = new_vm(api, "popular")
    api.VM.set_other_config(vm, {})
    session = log_in(server.url)

    async def everybody() -> list[list[bytes]]:
        return await asyncio.gather(*(write(server.url, session, vm, writer) for writer in range(WRITERS)))

    for answers in asyncio.run(everybody()):
        assert all(b"<value>Success</value>" in answer for answer in answers)
    expected = {f"{writer}-{number}": str(writer) for writer in range(WRITERS) for number in range(EACH)}
    assert api.VM.get_other_config(vm) == expected


def test_of_many_who_want_the_same_key_one_gets_it(server: InnerServer, api: Any) -> None:
    vm = new_vm(api, "contested")
    session = log_in(server.url)
    values = [f"{number}" for number in range(100)]

    async def take(value: str) -> bytes:
        address = urlsplit(server.url)
        reader, stream = await asyncio.open_connection(address.hostname, address.port)
        body = xmlrpc.client.dumps((session, vm, "owner", value), "VM.add_to_other_config").encode()
        stream.write(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        answer = await reader.read()
        stream.close()
        return answer

    async def everybody() -> list[bytes]:
        return await asyncio.gather(*map(take, values))

    answers = asyncio.run(everybody())
    (winner,) = (value for value, answer in zip(values, answers, strict=True) if b"<value>Success</value>" in answer)
    assert sum(b"MAP_DUPLICATE_KEY" in answer for answer in answers) == len(values) - 1
    assert api.VM.get_other_config(vm)["owner"] == winner
