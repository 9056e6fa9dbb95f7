"""Run the benchmarks: ``python -m benchmarks``. ``--short`` runs a form of them that only shows that they work."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import (
    calls,
    dashboards,
    lists,
    operations,
    plot,
    pools,
    results,
    sessions,
    sizes,
    tls,
    transfers,
    waiting,
    with_wrk,
    workers,
    writes,
)
from benchmarks.loadgen import DISTURBED
from benchmarks.processes import busy_everywhere, children_cpu, own_cpu
from benchmarks.results import Row


@dataclass(frozen=True)
class Part:
    """A part of the benchmarks. full, short: what its function is called with, once for each tuple."""

    measure: Callable[..., Iterator[Row]]
    full: Sequence[tuple[Any, ...]]
    short: Sequence[tuple[Any, ...]]


PARTS: Mapping[str, Part] = {
    "calls": Part(calls.measure, [(1.5, 5)], [(0.2, 1)]),
    "sessions": Part(sessions.measure, [(1.5, 3, 1000)], [(0.2, 1, 20)]),
    "writes": Part(writes.measure, [((1, 64, 1024), 1.5, 3)], [((1, 64), 0.2, 1)]),
    "lists": Part(lists.measure, [(1_000, 3.0, 30, True), (10_000, 3.0, 10, False)], [(50, 0.2, 2, False)]),
    "waiting": Part(waiting.measure, [(10_000, 10.0, 5)], [(100, 0.2, 2)]),
    "dashboards": Part(dashboards.measure, [(64, 500, 20.0, 5.0)], [(4, 20, 20.0, 0.5)]),
    "operations": Part(operations.measure, [(1_000, 64, 200)], [(20, 4, 5)]),
    "pools": Part(pools.measure, [(name, 400, 50) for name in pools.PRESETS], [("performance-1", 20, 5)]),
    "start": Part(sizes.start_up, [(64, 10_000)], [(1, 20)]),
    "memory": Part(sizes.memory, [(64, 10_000)], [(1, 20)]),
    "transfers": Part(transfers.transfers, [(2_048,)], [(8,)]),
    "tls": Part(tls.measure, [(1.5, 3)], [(0.2, 1)]),
    "workers": Part(workers.measure, [(2, 1.5, 3)], [(2, 0.2, 1)]),
    "wrk": Part(with_wrk.measure, [(3, 2)], [(1, 1)]),
}
"""Every part by name, in the order in which they run. A new part is a line here: a function that gives rows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table of it, and write results.json and results.png.

    Gives 1 where something did not work, whatever the figures are.
    """
    args = _parser().parse_args(arguments)
    about = results.machine()
    rows: list[Row] = []
    for name in args.only or PARTS:
        for row in _rows(name, args.short):
            rows.append(row)
            print(f"{row.name}: {row.value:,.4g} {row.unit}", file=sys.stderr)
    print(f"{results.described(about)}\n")
    print(results.table(rows))
    results.save(rows, about, args.output)
    plot.save(rows, about, args.output)
    wrong = [row for row in rows if row.errors]
    for row in wrong:
        print(f"{row.part}: {row.name}: {row.errors} ERRORS {row.note}", file=sys.stderr)
    return 1 if wrong else 0


def _rows(name: str, is_short: bool) -> Iterator[Row]:
    """The rows of a part. One that fails leaves a row that says so, and the others run all the same."""
    part = PARTS[name]
    start, others = time.perf_counter(), _others()
    try:
        for arguments in part.short if is_short else part.full:
            for row in part.measure(*arguments):
                row.part = name
                yield row
    except Exception as error:
        traceback.print_exc()
        yield Row("stopped half-way", 0.0, "", note=f"{type(error).__name__}: {error}", errors=1, part=name)
    used = (_others() - others) / (time.perf_counter() - start)
    if used > DISTURBED:
        yield Row("OTHER PROGRAMS", used, "cores", note="rates and times are theirs as well", part=name)


def _others() -> float:
    """Seconds of CPU that other programs have used so far. All that a part started has ended when it ends."""
    return busy_everywhere() - own_cpu() - children_cpu()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only show that the benchmarks work")
    parser.add_argument("--only", type=_names, metavar="NAME[,NAME]", help=f"only these parts: {', '.join(PARTS)}")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="folder of the results")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}; there are {', '.join(PARTS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
