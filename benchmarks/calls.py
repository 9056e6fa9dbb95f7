"""Single calls: how many a second one process answers, how long each takes, and how that compares with peers."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from benchmarks.generator import Generator
from benchmarks.loadgen import Measured
from benchmarks.requests import JSON_SUCCESS, jsonrpc, xml
from benchmarks.results import Row, at_most
from benchmarks.rounds import Rounds, Subject, in_turns, rate_row
from benchmarks.servers import peer, xapi_async

LIMIT = "raw-uvloop"
FRAMEWORK = "aiohttp-server"

PEERS: Mapping[str, tuple[str, Sequence[str]]] = {
    LIMIT: ("canned", ()),
    FRAMEWORK: ("canned", ()),
    "aiohttp-application": ("canned", ()),
    "standard-library": ("canned", ()),
    "aiohttp-xmlrpc": ("xmlrpc_servers", ("aiohttp_xmlrpc",)),
    "falcon": ("xmlrpc_servers", ("falcon", "uvicorn")),
}
"""By name: the module of benchmarks/peers, and what has to be installed for it."""

GETTER = "VM.get_name_label"

GOALS: Mapping[str, Sequence[tuple[str, float]]] = {
    GETTER: ((FRAMEWORK, 2.0), (LIMIT, 0.55)),
    "VM.get_record": ((GETTER, 0.8),),
    "VM.set_name_label, durable": ((GETTER, 0.5),),
}
"""What a rate is to reach: at least so many times another one. The others are only compared with the limit."""


def measure(seconds: float, rounds: int) -> Iterator[Row]:
    """Every row of this file. seconds: of one round of one load."""
    with ExitStack() as stack:
        generator = stack.enter_context(Generator())
        ours = stack.enter_context(xapi_async("--vms", "100"))
        session = ours.session()
        vms = ours.guests(session)
        getter = [xml("VM.get_name_label", session, vm) for vm in vms]
        json_getter = [jsonrpc("VM.get_name_label", session, vm) for vm in vms]
        peers = {
            kind: Subject(stack.enter_context(peer(module, kind)), getter)
            for kind, (module, needs) in PEERS.items()
            if _are_installed(needs)
        }
        where = 'field "name__label"="x" and field "uuid"="y"'
        subjects = {
            GETTER: Subject(ours, getter),
            **peers,
            f"{GETTER}, JSON-RPC": Subject(ours, json_getter, marker=JSON_SUCCESS),
            "VM.get_record": Subject(ours, [xml("VM.get_record", session, vm) for vm in vms]),
            "VM.set_name_label, durable": Subject(
                ours, [xml("VM.set_name_label", session, vm, "renamed") for vm in vms]
            ),
            "VM.get_all_records_where": Subject(ours, [xml("VM.get_all_records_where", session, where)], 4),
        }
        found = in_turns(generator, subjects, seconds, rounds)
        yield from _rows(found)
        half, most = found[GETTER].rate / 2, found[LIMIT].rate / 2
        loads = ((LIMIT, half), (GETTER, half), (LIMIT, most))
        at_half = [[generator.run(subjects[name].load(seconds, rate)) for name, rate in loads] for _ in range(rounds)]
        same, ours_at_half, own = (sorted(each, key=_p99)[rounds // 2] for each in zip(*at_half, strict=True))
        milliseconds, other = _p99(ours_at_half) * 1000, _p99(own) * 1000
        yield Row(f"p99 of {GETTER} at half load", milliseconds, "ms", milliseconds / max(1e-9, other), LIMIT,
                  at_most(milliseconds, 2.0, "ms"), paced_note(ours_at_half), ours_at_half.errors)  # fmt: skip
        for name, limit in ((f"{LIMIT} at half of its own load", own), (f"{LIMIT} at the same rate", same)):
            yield Row(name, _p99(limit) * 1000, "ms", note=paced_note(limit), errors=limit.errors, is_peer=True)


def _p99(found: Measured) -> float:
    return found.percentile(0.99)


def paced_note(found: Measured) -> str:
    """How the calls were sent, and whether the generator kept to it."""
    late = f"sent within {found.lateness(0.99) * 1e6:.0f} µs"
    note = f"{found.rate:,.0f} calls/s, p50 {found.percentile(0.5) * 1000:.2f} ms, {late}"
    if found.server:
        note = f"{note}, {found.interrupted:,} times the server's core was taken from it"
    return f"{note}, {found.warnings}" if found.warnings else note


def _rows(found: Mapping[str, Rounds]) -> Iterator[Row]:
    for name, rounds in found.items():
        for other, least in GOALS.get(name, ((LIMIT, 0.0),)):
            yield rate_row(name, rounds, other, found.get(other), least, name in PEERS)


def _are_installed(modules: Sequence[str]) -> bool:
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError:
        return False
    return True
