"""What was measured, as rows; and how rows become a table and a JSON file."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.servers import CORES, GENERATOR_CORES, SERVER_CORES


@dataclass(frozen=True)
class Goal:
    """What a figure is to reach. reached: how many times as good as the goal it is; None without a goal.

    unit: of what is to be reached; empty where that is the ratio.
    """

    text: str = ""
    reached: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None without a goal."""
        return None if self.reached is None else self.reached >= 1


def at_least(value: float, least: float, unit: str = "") -> Goal:
    """A goal for what is better the larger it is."""
    return Goal(f"at least {least:g} {unit}".rstrip(), value / least, unit)


def at_most(value: float, most: float, unit: str = "") -> Goal:
    """A goal for what is better the smaller it is."""
    return Goal(f"at most {most:g} {unit}".rstrip(), most / max(1e-9, value), unit)


@dataclass
class Row:
    """One thing measured. value: in ``unit``. goal: what ``ratio``, or else the value, is to reach.

    ratio: the value over that of ``against``, in the same run. note: what else there is to say. errors: calls
    that failed: with any, the figure counts for nothing. part: of the benchmarks. is_peer: whether it is not ours.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    goal: Goal = field(default_factory=Goal)
    note: str = ""
    errors: int = 0
    part: str = ""
    is_peer: bool = False


def machine() -> dict[str, Any]:
    """What the figures were measured on: without it they say nothing."""
    cpu = "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "cores": len(CORES),
        "cores_of_servers": SERVER_CORES,
        "cores_of_generator": GENERATOR_CORES,
        "system": platform.platform(),
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_before": round(os.getloadavg()[0], 2),
    }


def described(about: dict[str, Any]) -> str:
    """The machine, in a line."""
    shared = ", shared with the load generator" if about["cores_of_servers"] == about["cores_of_generator"] else ""
    return (
        f"{about['cpu']}, {about['cores']} cores{shared}, Python {about['python']}, {about['system']}, "
        f"load {about['load_before']:g} before"
    )


def table(rows: Sequence[Row]) -> str:
    """The rows for people, part by part."""
    lines = [f"{'':50} {'value':>9} {'unit':9} {'ratio':>6} {'to':18} {'goal':16}"]
    part = ""
    for row in rows:
        if row.part != part:
            part = row.part
            lines.append(f"-- {part}")
        lines.append(_line(row))
    return "\n".join(lines)


def rounded(value: float) -> str:
    """A figure with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    mark = {True: "reached", False: "MISSED", None: ""}[row.goal.met]
    name = f"({row.name})" if row.is_peer else row.name
    errors = f"  {row.errors} ERRORS" if row.errors else ""
    line = f"{name:50} {rounded(row.value):>9} {row.unit:9} {ratio:>6} {row.against:18} {row.goal.text:16} {mark:7}"
    return f"{line}{errors}  {row.note}".rstrip()


def save(rows: Sequence[Row], about: dict[str, Any], folder: Path) -> None:
    """Write results.json."""
    folder.mkdir(parents=True, exist_ok=True)
    told = [{**asdict(row), "goal": row.goal.text, "met": row.goal.met, "reached": row.goal.reached} for row in rows]
    (folder / "results.json").write_text(json.dumps({"machine": about, "rows": told}, indent=1) + "\n")
