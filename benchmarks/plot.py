"""The plot of the results: what is done in a second, beside peers; and how far each goal is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import Row, described, rounded

OURS, PEER, LIMIT = "#0b6bcb", "#b9bec6", "#6d7580"
REACHED, MISSED = "#1a7f37", "#c4320a"
LIMITS = ("raw-uvloop", "group-commit")
"""Peers that do nothing but what cannot be left out."""

PANELS: Mapping[str, Sequence[str]] = {
    "Calls": ("calls", "sessions"),
    "Durable writes": ("writes",),
    "Calls without and with TLS": ("tls",),
}
"""By title: the parts whose rates are shown, all of them of one process on one core."""


def save(rows: Sequence[Row], about: Mapping[str, Any], folder: Path) -> bool:
    """Write results.png. Gives whether matplotlib is installed and there was anything to show."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    groups = [(title, _distinct(rows, parts)) for title, parts in PANELS.items()]
    groups = [(title, found) for title, found in groups if found]
    goals = [row for row in rows if row.goal.reached is not None and not row.errors]
    heights = [len(found) + 1.6 for _, found in groups] + ([len(goals) + 1.6] if goals else [])
    if not heights:
        return False
    figure, axes = pyplot.subplots(
        len(heights), 1, figsize=(10, 0.27 * sum(heights) + 1.1), height_ratios=heights, squeeze=False
    )
    panels = [row[0] for row in axes]
    largest = max((row.value for _, found in groups for row in found), default=1.0)
    for panel, (title, found) in zip(panels, groups, strict=False):
        _rates(panel, title, found, largest)
    if goals:
        _goals(panels[-1], goals)
    if groups:
        panels[0].legend(
            [Patch(color=colour) for colour in (OURS, PEER, LIMIT)],
            ["this server", "other servers", "limits: nothing but what cannot be left out"],
            loc="lower right", fontsize=7.5, frameon=False,
        )  # fmt: skip
    figure.suptitle(described(dict(about)), fontsize=7.5, color="#444", x=0.01, ha="left")
    figure.tight_layout(rect=(0, 0, 1, 0.995))
    figure.savefig(folder / "results.png", dpi=120)
    pyplot.close(figure)
    return True


def _distinct(rows: Sequence[Row], parts: Sequence[str]) -> list[Row]:
    """The rates of parts, ours first, each once: a row stands there once for each goal."""
    found = {row.name: row for row in rows if row.part in parts and row.unit == "calls/s" and not row.errors}
    return sorted(found.values(), key=lambda row: row.is_peer)


def _rates(panel: Any, title: str, rows: Sequence[Row], largest: float) -> None:
    colours = [_colour(row) for row in rows]
    places = range(len(rows))
    panel.barh(places, [row.value for row in rows], color=colours, height=0.72)
    for place, row in zip(places, rows, strict=True):
        panel.text(row.value + largest * 0.008, place, f"{row.value:,.0f}", va="center", fontsize=7.5, color="#333")
    panel.set_yticks(places, [row.name for row in rows], fontsize=8)
    panel.set_xlim(0, largest * 1.1)
    _finish(panel, f"{title} per second, by one process on one core", len(rows))
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _goals(panel: Any, rows: Sequence[Row]) -> None:
    places = range(len(rows))
    # Far beyond a goal is as good as beyond it: the scale is for those near it.
    shown = [min(10.0, max(0.1, row.goal.reached or 0.0)) for row in rows]
    colours = [REACHED if row.goal.met else MISSED for row in rows]
    panel.set_xscale("log")
    panel.hlines(places, 1.0, shown, color=colours, linewidth=2)
    panel.scatter(shown, places, color=colours, s=22, zorder=3)
    panel.axvline(1.0, color="#333", linewidth=1)
    for place, row, at in zip(places, rows, shown, strict=True):
        is_right = at >= 1
        figure = f"{row.ratio:.2f}" if not row.goal.unit else f"{rounded(row.value)} {row.unit}"
        panel.annotate(
            figure, (at, place), (6 if is_right else -6, 0), textcoords="offset points", va="center",
            ha="left" if is_right else "right", fontsize=7.5, color="#333",
        )  # fmt: skip
    panel.set_yticks(places, [_goal_label(row) for row in rows], fontsize=8)
    panel.set_xlim(0.05, 20)
    panel.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["≤ 0.1", "0.2", "0.5", "goal", "2 times", "5 times", "≥ 10"])
    _finish(panel, "Goals: right of the line they are reached, so many times over", len(rows))


def _goal_label(row: Row) -> str:
    return f"{row.name}: {row.goal.text}" + (f" of {row.against}" if not row.goal.unit else "")


def _colour(row: Row) -> str:
    if not row.is_peer:
        return OURS
    return LIMIT if row.name.startswith(LIMITS) else PEER


def _finish(panel: Any, title: str, rows: int) -> None:
    panel.set_ylim(rows - 0.4, -0.6)
    panel.set_title(title, fontsize=9, loc="left", fontweight="bold")
    panel.tick_params(axis="x", labelsize=7.5)
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.grid(axis="x", color="#e6e8eb", linewidth=0.7)
    panel.set_axisbelow(True)
