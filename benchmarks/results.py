"""What was measured, as rows; and how rows become a table, a JSON file and a plot."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One thing measured. value: in ``unit``. goal: what ``ratio``, or else the value, is to reach, as text.

    ratio: against ``against``, in the same run. met: whether the goal was reached; None where there is none.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    goal: str = ""
    met: bool | None = None
    note: str = ""


def machine() -> dict[str, Any]:
    """What the figures were measured on: without it they say nothing."""
    cpu = "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_before": os.getloadavg()[0],
    }


def table(rows: Iterable[Row]) -> str:
    """The rows for people."""
    lines = [f"{'':44} {'value':>12} {'unit':10} {'ratio':>7} {'against':22} {'goal':22}"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        mark = {True: "reached", False: "MISSED", None: ""}[row.met]
        value = f"{row.value:,.0f}" if abs(row.value) >= 100 else f"{row.value:.3g}"
        line = f"{row.name:44} {value:>12} {row.unit:10} {ratio:>7} {row.against:22} {row.goal:22} {mark}"
        lines.append(f"{line}  {row.note}".rstrip())
    return "\n".join(lines)


def save(rows: list[Row], about: dict[str, Any], folder: Path) -> None:
    """Write results.json, and results.png where matplotlib is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"machine": about, "rows": [asdict(row) for row in rows]}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    bars = [row for row in rows if row.unit == "calls/s"]
    figure, axes = pyplot.subplots(figsize=(8, 0.34 * len(bars) + 1.2))
    ours = ["#0b6bcb" if row.name.startswith("xapi-async") else "#b9bec6" for row in bars]
    axes.barh([row.name for row in bars], [row.value for row in bars], color=ours)
    axes.invert_yaxis()
    axes.set_xlabel("calls per second, one core")
    axes.set_title(f"{about['cpu']}, Python {about['python']}", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(folder / "results.png", dpi=120)
    pyplot.close(figure)
