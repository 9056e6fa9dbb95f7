"""Pools of a running server, and short ways to ask them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.client import until
from tests.live import LiveServer, running

NULL = "OpaqueRef:NULL"


@contextmanager
def pool(folder: Path, hosts: int, vms: int, *flags: str) -> Iterator[LiveServer]:
    """A server of a pool with that many hosts, and halted VMs."""
    shape = folder / "pool.toml"
    shape.write_text(f"[inventory]\nhosts = {hosts}\nvms = {vms}\nseed = 1\n[inventory.vm]\nrunning = 0.0\n")
    with running(folder, "--config", str(shape), *flags) as server:
        yield server


def guests(api: Any) -> list[str]:
    """The VMs of the pool, in order of their names."""
    records = api.VM.get_all_records()
    own = [ref for ref, vm in records.items() if not (vm["is_a_template"] or vm["is_control_domain"])]
    return sorted(own, key=lambda ref: str(records[ref]["name_label"]))


def simulator(api: Any, function: str, host: str = "", **args: Any) -> str:
    """Call the plugin that has things go wrong."""
    given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in args.items()}
    return str(api.host.call_plugin(host or api.host.get_all()[0], "simulator", function, given))


def until_state(api: Any, vm: str, state: str) -> None:
    """Wait until a VM is in a power state, with nothing under way."""
    until(lambda: api.VM.get_power_state(vm) == state and not api.VM.get_current_operations(vm))


def free_memory_by_hand(api: Any) -> dict[str, int]:
    """What is free on each host, counted from the records."""
    free = {}
    vms = api.VM.get_all_records()
    for ref, host in api.host.get_all_records().items():
        total = int(api.host_metrics.get_memory_total(host["metrics"])) - int(host["memory_overhead"])
        used = [
            int(vm["memory_dynamic_min"]) + int(vm["memory_overhead"])
            for vm in vms.values()
            if vm["resident_on"] == ref
        ]
        free[ref] = max(0, total - sum(used))
    return free


def assert_memory_is_accounted_for(api: Any) -> None:
    """What the server says is free on each host is what its records add up to; to be asked when no VM is starting."""
    by_hand = free_memory_by_hand(api)
    assert {host: int(api.host.compute_free_memory(host)) for host in by_hand} == by_hand


def assert_nothing_is_under_way(api: Any, but: Callable[[str], bool] = lambda ref: False) -> None:
    """No object of the classes that show operations shows one."""
    for name in ("VM", "host", "VBD", "VIF", "VDI", "SR"):
        records = getattr(api, name).get_all_records()
        busy = {ref: record["current_operations"] for ref, record in records.items() if record["current_operations"]}
        assert not [ref for ref in busy if not but(ref)], (name, busy)
