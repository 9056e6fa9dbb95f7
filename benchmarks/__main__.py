"""Run the benchmarks: ``python -m benchmarks``. ``--short`` runs a form of them that only shows that they work."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import calls, results, scenarios
from benchmarks.results import Row

PRESETS = ("performance-1", "performance-4", "performance-16", "performance-48", "desktops")
"""The pools of XenServer's own performance scenarios, as the inventory knows them."""


def full() -> Iterator[Row]:
    """Everything, in a few minutes."""
    yield from calls.measure(seconds=2.0, rounds=5)
    yield from scenarios.large_lists(1_000)
    yield from scenarios.large_lists(10_000)
    yield from scenarios.waiting_clients(10_000)
    yield from scenarios.many_operations(vms=1_000, hosts=64, clones=200)
    yield from scenarios.dashboards(
        ("performance-1", "performance-4", "performance-16", "performance-48", "desktops"), 3
    )
    yield from scenarios.start_up_and_memory(hosts=64, vms=10_000)


def short() -> Iterator[Row]:
    """A little of everything, in seconds."""
    yield from calls.measure(seconds=0.2, rounds=1)
    yield from scenarios.large_lists(50)
    yield from scenarios.waiting_clients(100)
    yield from scenarios.many_operations(vms=20, hosts=4, clones=5)
    yield from scenarios.dashboards(("performance-1",), 0.2)
    yield from scenarios.start_up_and_memory(hosts=2, vms=100)


def main() -> int:
    """Measure, print a table of it, and write results.json and results.png."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only show that the benchmarks work")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="folder of the results")
    args = parser.parse_args()
    about = results.machine()
    rows: list[Row] = []
    for row in itertools.chain(short() if args.short else full()):
        rows.append(row)
        print(f"{row.name}: {row.value:,.4g} {row.unit}", file=sys.stderr)
    print(f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, {about['system']}\n")
    print(results.table(rows))
    results.save(rows, about, args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
