"""Many operations at once: VMs that start, and what readers notice of it; and clones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.calls import GETTER, paced_note
from benchmarks.generator import Generator
from benchmarks.loadgen import Load, Measured, run
from benchmarks.requests import xml
from benchmarks.results import Row, at_most
from benchmarks.servers import Running, xapi_async

SETTINGS = """
[tasks]
kept = 100000
[inventory.vm]
running = 0.0
"""
"""VMs that do not run yet, and tasks that are there until all have been looked at."""

CONNECTIONS = 16
_LONGEST = 300.0
_POLL = 0.02


def measure(vms: int, hosts: int, clones: int) -> Iterator[Row]:
    """Starts of so many VMs on so many hosts, reads meanwhile, and clones."""
    flags = ("--hosts", str(hosts), "--vms", str(vms))
    with Generator() as starter, Generator() as reader, xapi_async(*flags, settings=SETTINGS) as server:
        session = server.session()
        guests = server.guests(session, "Halted")
        getter = [xml("VM.get_name_label", session, vm) for vm in guests]
        rate = _half_rate(reader, server, getter)
        before = reader.run(Load(server.port, getter, seconds=1.0, rate=rate, pids=server.pids))
        # At half of what the server can do, until the last VM has started.
        reader.begin(run, Load(server.port, getter, seconds=_LONGEST, warmup_seconds=0.0, rate=rate))
        done = run_all(starter, server, "VM.start", [xml("Async.VM.start", session, vm, False, False) for vm in guests])
        reader.tell()
        meanwhile: Measured = reader.result()
        states = server.client().VM.get_all_records(session)["Value"]
        done.errors += sum(states[vm]["power_state"] != "Running" for vm in guests)
        done.name = f"VM.start, {len(guests):,} VMs on {hosts} hosts"
        done.note = f"{done.note}, reads at half of their rate meanwhile"
        yield done
        slow = meanwhile.percentile(0.99) * 1000
        note = f"{GETTER}: {paced_note(meanwhile)}; {before.percentile(0.99) * 1000:.2f} ms before"
        yield Row(f"p99 of reads while {len(guests):,} VMs start", slow, "ms", goal=at_most(slow, 5, "ms"),
                  note=f"{note}, {before.warnings}" if before.warnings else note,
                  errors=meanwhile.errors + before.errors)  # fmt: skip
        source = server.client().VM.get_by_name_label(session, "Other install media")["Value"][0]
        yield in_turn(starter, server, f"VM.clone, {clones} one after another",
                      [xml("VM.clone", session, source, f"clone {number}") for number in range(clones)])  # fmt: skip
        yield in_turn(starter, server, f"VM.clone, {clones} by 16 clients",
                      [xml("VM.clone", session, source, f"copy {number}") for number in range(clones)], 16)  # fmt: skip


def in_turn(generator: Generator, server: Running, name: str, requests: Sequence[bytes], connections: int = 1) -> Row:
    """A row for requests of which each is sent once and takes as long as its answer."""
    found = generator.run(Load(server.port, requests, connections, once=True, pids=server.pids))
    note = f"{found.server_cpu * 1e6:,.0f} µs of server CPU each"
    return Row(name, found.rate, "calls/s", note=f"{note}, {found.warnings}" if found.warnings else note,
               errors=found.errors)  # fmt: skip


def run_all(generator: Generator, server: Running, name: str, requests: Sequence[bytes]) -> Row:
    """A row for asynchronous calls, all sent at once: their rate from the first call to the end of the last task."""
    client, session = server.client(), server.session()
    older = set(client.task.get_all(session)["Value"])
    cpu, start = server.cpu_seconds(), time.perf_counter()
    sent = generator.run(Load(server.port, requests, CONNECTIONS, once=True))
    tasks = [task for task in client.task.get_all(session)["Value"] if task not in older]
    failed = _wait_for_tasks(client, session, tasks)
    took = time.perf_counter() - start
    cost = (server.cpu_seconds() - cpu) / max(1, len(requests))
    missing = len(requests) - len(tasks)
    return Row(name, len(requests) / took, "calls/s", note=f"{cost * 1e6:,.0f} µs of server CPU each",
               errors=sent.errors + failed + abs(missing))  # fmt: skip


def _half_rate(generator: Generator, server: Running, getter: Sequence[bytes]) -> float:
    return generator.run(Load(server.port, getter, seconds=1.0)).rate / 2


def _wait_for_tasks(client: Any, session: str, tasks: Sequence[str]) -> int:
    """Wait for the end of all; gives how many failed. One at a time is asked about, so that asking costs little."""
    deadline = time.monotonic() + _LONGEST
    failed = 0
    for task in tasks:
        while (status := client.task.get_status(session, task).get("Value", "gone")) == "pending":
            if time.monotonic() > deadline:
                return failed + 1
            time.sleep(_POLL)
        failed += status != "success"
    return failed
