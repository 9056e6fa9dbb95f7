"""Large pools: how long a start takes, and how much memory the objects."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.dashboards import lists_of_all
from benchmarks.processes import Memory
from benchmarks.results import Row, at_most
from benchmarks.servers import Running, xapi_async

KIB, MIB = 1024, 1024 * 1024

FOUR_DISKS = """
[inventory]
seed = 1
[inventory.vm]
disks = 4
interfaces = 2
cd_drive = false
"""
"""VMs with four VBDs, each with a VDI of its own, and two VIFs."""


def start_up(hosts: int, vms: int) -> Iterator[Row]:
    """The first start, which makes the pool, and the next, which reads it."""
    with tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder:
        database = Path(folder) / "large.db"
        with xapi_async("--hosts", str(hosts), "--vms", str(vms), database=database) as server:
            yield Row(f"first start, {vms:,} VMs on {hosts} hosts", server.started, "s")
        with xapi_async(database=database) as server:
            objects = sum(_counts(server).values())
            yield Row(f"start with {objects:,} objects", server.started, "s", goal=at_most(server.started, 2, "s"),
                      note=f"{server.cpu_seconds():.2f} s of CPU")  # fmt: skip


def memory(hosts: int, vms: int) -> Iterator[Row]:
    """Memory of a pool that was read from its database, beside that of the same hosts without VMs."""
    base, _, _ = _memory(hosts, 0)
    found, listed, counts = _memory(hosts, vms)
    yield Row(f"memory, {hosts} hosts without VMs", base.proportional / MIB, "MiB", note=_both(base))
    size = found.proportional / 1e6
    devices = f"{counts['vbd'] / vms:.1f} VBDs, {counts['vdi'] / vms:.1f} VDIs, {counts['vif'] / vms:.1f} VIFs each"
    objects = sum(counts.values())
    yield Row(f"memory, {vms:,} VMs on {hosts} hosts", found.proportional / MIB, "MiB", goal=at_most(size, 400, "MB"),
              note=f"{_both(found)}; {objects:,} objects; {devices}")  # fmt: skip
    each = (found.proportional - base.proportional) / vms / KIB
    yield Row("memory of a VM, all included", each, "KiB", goal=at_most(each, 14, "KiB"), note=(
        "the difference of those two: with disks, interfaces, metrics, indices and what lies free in between"
    ))  # fmt: skip
    kept = (listed.proportional - found.proportional) / MIB
    yield Row("more memory once everything was listed", kept, "MiB", note="encoded records are kept, within a limit")


def _memory(hosts: int, vms: int) -> tuple[Memory, Memory, dict[str, int]]:
    """Of a server that has read its database: at first, once everything was listed; and the counts of objects."""
    with tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder:
        database = Path(folder) / "large.db"
        with xapi_async("--hosts", str(hosts), "--vms", str(vms), settings=FOUR_DISKS, database=database):
            pass
        with xapi_async(database=database) as server:
            counts = _counts(server)
            at_first = server.memory()
            for request in lists_of_all(server, server.session()):
                server.body(request)
            return at_first, server.memory(), counts


def _counts(server: Running) -> dict[str, int]:
    """How many objects there are of each class."""
    batch = server.client().event_from(server.session(), [], "", 0.0)
    return dict(batch["Value"]["valid_ref_counts"])


def _both(memory: Memory) -> str:
    return f"PSS; RSS is {memory.resident / MIB:,.0f} MiB"
