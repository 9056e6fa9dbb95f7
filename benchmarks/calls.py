"""Loads of single calls: how many a second, how long each takes, and how that compares with peers.

Servers take turns in several short rounds, and each row is the median of its rounds, so that noise on
the machine falls on all of them alike.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import xmlrpc.client
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

from benchmarks import loadgen
from benchmarks.loadgen import Load, Measured, post
from benchmarks.results import Row
from benchmarks.servers import GENERATOR_CORES, Running, peer, xapi_async

PEERS = (
    ("canned", "raw-uvloop"),
    ("canned", "aiohttp-server"),
    ("canned", "aiohttp-application"),
    ("canned", "standard-library"),
    ("xmlrpc_servers", "aiohttp-xmlrpc"),
    ("xmlrpc_servers", "falcon"),
)
LIMIT = "raw-uvloop"


def xml(method: str, *params: Any) -> bytes:
    """A call as the official client sends it."""
    return post("/", xmlrpc.client.dumps(params, method).encode())


def jsonrpc(method: str, *params: Any) -> bytes:
    """A call in JSON-RPC 2.0."""
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}).encode()
    return post("/jsonrpc", body, "application/json")


class Pool:
    """Runs loads in a process of its own, on the generator's cores."""

    def __init__(self) -> None:
        self._executor = ProcessPoolExecutor(1, initializer=os.sched_setaffinity, initargs=(0, GENERATOR_CORES))

    def run(self, load: Load) -> Measured:
        """Send a load."""
        return self.begin(load).result()

    def begin(self, load: Load) -> Future[Measured]:
        """Send a load while other things go on."""
        return self._executor.submit(loadgen.run, load)

    def close(self) -> None:
        """Give the process back."""
        self._executor.shutdown()


def measure(seconds: float, rounds: int) -> Iterator[Row]:
    """Every row of this file. seconds: of one round of one load."""
    with ExitStack() as stack:
        pool = Pool()
        stack.callback(pool.close)
        ours = stack.enter_context(xapi_async("--vms", "100"))
        peers = [stack.enter_context(peer(module, kind)) for module, kind in PEERS if _is_installed(kind)]
        session = ours.session()
        vms = _guests(ours, session)
        getter = [xml("VM.get_name_label", session, vm) for vm in vms]
        loads: dict[str, tuple[Running, list[bytes], int]] = {
            "xapi-async VM.get_name_label": (ours, getter, 64),
            **{server.name: (server, getter, 64) for server in peers},
            "xapi-async VM.get_name_label, JSON-RPC": (
                ours, [jsonrpc("VM.get_name_label", session, vm) for vm in vms], 64,
            ),
            "xapi-async VM.get_record": (ours, [xml("VM.get_record", session, vm) for vm in vms], 64),
            "xapi-async VM.set_name_label, durable": (
                ours, [xml("VM.set_name_label", session, vm, "renamed") for vm in vms], 64,
            ),
            "xapi-async VM.get_all_records_where": (
                ours, [xml("VM.get_all_records_where", session, 'field "name__label"="x" and field "uuid"="y"')], 4,
            ),
            "xapi-async log-in": (
                ours, [xml("session.login_with_password", "root", "benchmark", "2.9", "benchmark")], 16,
            ),
        }  # fmt: skip
        found = _in_turns(pool, loads, seconds, rounds)
        yield from _rows(found)
        rate = found["xapi-async VM.get_name_label"].rate
        half = pool.run(Load(ours.port, getter, seconds=seconds * 2, rate=rate / 2))
        milliseconds = half.percentile(0.99) * 1000
        name = "xapi-async p99 of VM.get_name_label at half load"
        yield Row(name, milliseconds, "ms", goal="below 2 ms", met=milliseconds < 2)


class _Median:
    """The median of several rounds of one load."""

    def __init__(self) -> None:
        self.rounds: list[Measured] = []
        self.cpu: list[float] = []

    @property
    def rate(self) -> float:
        return statistics.median(found.rate for found in self.rounds)

    @property
    def cpu_microseconds(self) -> float:
        return statistics.median(self.cpu) * 1e6

    @property
    def note(self) -> str:
        found = self.rounds[-1]
        notes = [f"{self.cpu_microseconds:.1f} µs of server CPU a call", f"p99 {found.percentile(0.99) * 1000:.1f} ms"]
        if any(measured.is_generator_bound for measured in self.rounds):
            notes.append("the generator set the pace")
        errors = sum(measured.errors for measured in self.rounds)
        return ", ".join([*notes, f"{errors} ERRORS"] if errors else notes)


def _in_turns(
    pool: Pool, loads: dict[str, tuple[Running, list[bytes], int]], seconds: float, rounds: int
) -> dict[str, _Median]:
    found = {name: _Median() for name in loads}
    for _ in range(rounds):
        for name, (server, requests, connections) in loads.items():
            before = server.cpu_seconds()
            load = Load(server.port, requests, connections=connections, seconds=seconds, warmup_seconds=0.1)
            measured = pool.run(load)
            found[name].rounds.append(measured)
            # The warm-up is in the CPU time as well: it counts as so many more calls.
            share = seconds / (seconds + load.warmup_seconds)
            found[name].cpu.append((server.cpu_seconds() - before) * share / max(1, measured.calls))
    return found


def _rows(found: dict[str, _Median]) -> Iterator[Row]:
    def rate(name: str) -> float:
        return found[name].rate if name in found else float("nan")

    getter = "xapi-async VM.get_name_label"
    goals: dict[str, tuple[tuple[str, float], ...]] = {
        getter: (("aiohttp-server", 2.0), (LIMIT, 0.55)),
        "xapi-async VM.get_record": ((getter, 0.8),),
        "xapi-async VM.set_name_label, durable": ((getter, 0.5),),
    }
    for name, median in found.items():
        against = goals.get(name, (((LIMIT, 0.0)),))
        for other, least in against if isinstance(against[0], tuple) else ((LIMIT, 0.0),):
            ratio = median.rate / rate(other)
            goal, met = (f"at least {least:g}", ratio >= least) if least else ("", None)
            yield Row(name, median.rate, "calls/s", ratio, other, goal, met, median.note)


def _guests(server: Running, session: str) -> list[str]:
    records = server.client().VM.get_all_records(session)["Value"]
    return [
        ref
        for ref, vm in records.items()
        if not (vm["is_a_template"] or vm["is_control_domain"] or vm["is_a_snapshot"])
    ]


def _is_installed(kind: str) -> bool:
    modules: dict[str, Sequence[str]] = {"aiohttp-xmlrpc": ("aiohttp_xmlrpc",), "falcon": ("falcon", "uvicorn")}
    try:
        for module in modules.get(kind, ()):
            importlib.import_module(module)
    except ImportError:
        return False
    return True
