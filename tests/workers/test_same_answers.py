"""Whichever process a client has reached: the answer is the same, to the byte."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.workers.processes import Processes
from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import CLASSES

SAMPLE = 2
"""Objects of each class that every reading message is tried on."""

AGAIN = 5
"""How often a question is put again: what runs by itself may change an object between two answers."""

LISTS = ("get_all", "get_all_records")


def _same(processes: Processes, ask: Any, what: object) -> bytes:
    for _ in range(AGAIN):
        answers = [ask(client) for client in processes.clients]
        if len(set(answers)) == 1:
            return bytes(answers[0])
    pytest.fail(f"{what}: {[answer[:3000] for answer in answers]}")


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls.FACTS.in_database], ids=lambda cls: cls.FACTS.name)
def test_every_reading_message_is_answered_alike(processes: Processes, cls: Any) -> None:
    name, session = cls.FACTS.name, processes.writer.log_in()
    records = {} if name == "session" else processes.writer.answer(f"{name}.get_all_records", session)
    if not isinstance(records, dict):  # some classes cannot be listed
        records = {}
    refs = random.Random(1).sample(sorted(records), min(SAMPLE, len(records)))
    calls: list[tuple[Any, ...]] = []
    for message in derive.messages(cls):
        method = f"{name}.{message.name}"
        if message.kind == "field getter" or message.name == "get_record":
            calls += [(method, session, ref) for ref in (*refs, "OpaqueRef:none")]
        elif message.name in LISTS:
            calls.append((method, session))
        elif message.name == "get_all_records_where":
            calls += [(method, session, "true"), (method, session, "not sense")]
        elif message.name == "get_by_uuid":
            calls += [(method, session, records[ref]["uuid"]) for ref in refs] + [(method, session, "none")]
        elif message.name == "get_by_name_label":
            calls += [(method, session, record["name_label"]) for record in list(records.values())[:30]]
    for call in calls:
        if call[0] == "session.get_last_active":
            continue
        _same(processes, lambda client, call=call: client.raw(*call), call)
    processes.writer.answer("session.logout", session)


def _odd_calls(session: str, vm: str) -> Iterator[tuple[Any, ...]]:
    yield "VM.get_name_label", session
    yield "VM.get_name_label", session, vm, vm
    yield "VM.get_name_label", session, 7
    yield "VM.get_name_label", 7, vm
    yield "VM.get_name_label", "OpaqueRef:nobody", vm
    yield "VM.get_name_label", "OpaqueRef:nobody"
    yield ("VM.get_name_label",)
    yield "VM_get_name_label", session, vm
    yield "VM.get_record", session, "\u20ac\U0001f600"
    yield "VM.get_by_uuid", session, "x\ufffe"
    yield "VM.no_such_message", session, vm
    yield "Async.VM.get_name_label", session
    yield "VM.get_possible_hosts", session, vm
    yield "VM.set_name_label", session, "OpaqueRef:none", "x"
    yield "session.get_record", "OpaqueRef:nobody", session
    yield "role.get_permissions_name_label", session, "OpaqueRef:none"
    yield "system.isAlive:", "here"
    yield ("system.listMethods",)


def test_errors_and_unusual_calls_are_answered_alike(processes: Processes) -> None:
    session = processes.writer.log_in()
    vm = processes.writer.answer("VM.get_all", session)[0]
    for call in _odd_calls(session, vm):
        _same(processes, lambda client, call=call: client.raw(*call), call)
    for body in ("", "no call", "<methodCall/>"):
        assert b"500" in _same(processes, lambda client, body=body: client.body(body), body)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_json_is_answered_alike(processes: Processes, version: str) -> None:
    session = processes.writer.log_in()
    vms = processes.writer.answer("VM.get_all", session)
    for method, *params in (
        ("VM.get_record", session, vms[0]),
        ("VM.get_all_records", session),
        ("VM.get_name_label", session, "none"),
        ("VM.get_uuid", "nobody", vms[0]),
        ("VM.get_possible_hosts", session, vms[0]),
    ):
        call = {"jsonrpc": version, "method": method, "params": params, "id": 3}
        if version == "1.0":
            del call["jsonrpc"]
        _same(processes, lambda client, call=call: client.body(json.dumps(call), "/jsonrpc"), call)


def test_sets_keep_their_order_through_changes(processes: Processes) -> None:
    session = processes.writer.log_in()
    writer = processes.writer
    vms = writer.answer("VM.get_all", session)
    for round_ in range(3):
        for vm in vms[:40:3]:
            writer.answer("VM.set_name_label", session, vm, "the same name" if round_ != 1 else vm)
            writer.answer("VM.add_tags", session, vm, f"tag {round_}")
    fresh = [writer.answer("VM.clone", session, writer.template(session), "the same name") for _ in range(40)]
    for vm in fresh[::2]:
        writer.answer("VM.destroy", session, vm)
    hosts = writer.answer("host.get_all", session)
    for call in (
        ("VM.get_by_name_label", session, "the same name"),
        ("VM.get_all", session),
        ("VM.get_children", session, vms[0]),
        ("VM.get_all_records_where", session, 'field "name__label" = "the same name"'),
        *(("host.get_record", session, host) for host in hosts),
    ):
        _same(processes, lambda client, call=call: client.raw(*call), call)
