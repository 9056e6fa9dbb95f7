"""XenServer's own performance scenarios: pools of 1, 4, 16 and 48 hosts with 80 halted VMs each, and desktops.

Of each pool is measured what its users do all day: listing everything, starting and shutting down VMs all at
once, rebooting running ones, and cloning.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.dashboards import lists_of_all
from benchmarks.generator import Generator
from benchmarks.loadgen import Load
from benchmarks.operations import SETTINGS, in_turn, run_all
from benchmarks.requests import xml
from benchmarks.results import Row
from benchmarks.servers import xapi_async

PRESETS = ("performance-1", "performance-4", "performance-16", "performance-48", "desktops")
"""The pools, as the inventory knows them."""

_TASKS = SETTINGS.partition("[inventory.vm]")[0]


def measure(preset: str, most: int, clones: int) -> Iterator[Row]:
    """Rows for one pool. most: VMs that are started and shut down, drawn from all of them."""
    with Generator() as generator, xapi_async("--set", f"inventory.preset={preset}", settings=_TASKS) as server:
        session = server.session()
        requests = lists_of_all(server, session)
        for when in ("first", "again"):
            found = generator.run(Load(server.port, requests, 1, once=True, pids=server.pids))
            cost = f"{sum(process.total for process in found.server) * 1000:.0f} ms of server CPU"
            yield Row(f"{preset}, all {len(requests)} classes listed, {when}", found.elapsed * 1000, "ms",
                      note=f"{cost}, {found.warnings}" if found.warnings else cost, errors=found.errors)  # fmt: skip
        running, halted = server.guests(session, "Running"), server.guests(session, "Halted")
        count = f"of {len(running) + len(halted):,} VMs"
        chosen = random.Random(1).sample(halted or running, min(most, len(halted or running)))
        # Each the message and its parameters after the VM; what runs at first is rebooted, what is halted started.
        steps = [("start", (False, False)), ("hard_shutdown", ())] if halted else [("hard_reboot", ())]
        for message, params in steps:
            calls = [xml(f"Async.VM.{message}", session, vm, *params) for vm in chosen]
            yield run_all(generator, server, f"{preset}, VM.{message}, {len(calls)} {count}", calls)
        source = server.client().VM.get_by_name_label(session, "Other install media")["Value"][0]
        yield in_turn(generator, server, f"{preset}, VM.clone",
                      [xml("VM.clone", session, source, f"clone {number}") for number in range(clones)])  # fmt: skip
