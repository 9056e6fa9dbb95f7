"""Archives of figures: the newest in steps of seconds, older ones consolidated to minutes, hours and days.

Every figure of one host or guest is recorded at the same moments, so a row of an archive holds them all;
a figure that came later than a row was made is unknown in it. Times are seconds since 1970, and those of
rows are multiples of the row's length.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

STEP = 5
"""Seconds between two recordings."""

HEARTBEAT = 300
"""Seconds for which a value holds when no other follows; after more the time between is unknown."""

SPANS = ((120, 1), (120, 12), (168, 720), (366, 17280))
"""Of every archive the rows, and the steps that each consolidates."""

NAN = math.nan


class Row(NamedTuple):
    """A row. time: its end. values: in the order of the figures, as far as there were any then."""

    time: int
    values: array[float]


@dataclass
class Figure:
    """A figure that is recorded. last: the value it had at the last recording."""

    name: str
    minimum: float
    maximum: float
    last: float = NAN


class Archive:
    """Rows of one length. cf: how steps become a row: AVERAGE, MIN or MAX. xff: the share that may be unknown."""

    def __init__(self, cf: str, rows: int, steps: int, xff: float) -> None:
        self.cf = cf
        self.steps = steps
        self.xff = xff
        self.capacity = rows
        self.rows: deque[Row] = deque(maxlen=rows)
        self.gathered: list[float] = []
        self.unknown: list[int] = []

    @property
    def seconds(self) -> int:
        """The length of a row."""
        return self.steps * STEP

    def reaches(self, start: int, end: int) -> bool:
        """Whether an archive that ends at ``end`` can go back to ``start``."""
        return end - self.capacity * self.seconds <= start

    def record(self, start: int, end: int, values: Sequence[float]) -> None:
        """Take in that the figures had these values from ``start`` to ``end``, both multiples of the step."""
        oldest = end // self.seconds * self.seconds - self.capacity * self.seconds
        if start < oldest:  # nothing from before could stay
            self.rows.clear()
            self.gathered, self.unknown = [], []
            start = oldest
        while start < end:
            boundary = (start // self.seconds + 1) * self.seconds
            until = min(end, boundary)
            self._gather(values, (until - start) // STEP)
            if until == boundary:
                self._close(boundary)
            start = until

    def _gather(self, values: Sequence[float], steps: int) -> None:
        for _ in range(len(values) - len(self.gathered)):
            self.gathered.append(0.0 if self.cf == "AVERAGE" else NAN)
            self.unknown.append(0)
        for position, value in enumerate(values):
            if value != value:  # not a number
                self.unknown[position] += steps
            elif self.cf == "AVERAGE":
                self.gathered[position] += value * steps
            elif self.cf == "MIN":
                self.gathered[position] = min(value, self.gathered[position])  # keeps the value if that is NaN
            else:
                self.gathered[position] = max(value, self.gathered[position])

    def _close(self, time: int) -> None:
        self.rows.append(Row(time, array("d", map(self._consolidated, self.gathered, self.unknown))))
        self.gathered = [0.0 if self.cf == "AVERAGE" else NAN] * len(self.gathered)
        self.unknown = [0] * len(self.unknown)

    def _consolidated(self, gathered: float, unknown: int) -> float:
        if unknown > self.xff * self.steps or unknown >= self.steps:
            return NAN
        return gathered / (self.steps - unknown) if self.cf == "AVERAGE" else gathered


class Recording:
    """All that is kept of one host or guest. extremes: whether the least and greatest values are kept as well."""

    def __init__(self, time: int, *, extremes: bool = False) -> None:
        self.time = time
        self.figures: list[Figure] = []
        self.archives = [Archive("AVERAGE", rows, steps, 1.0 if extremes else 0.5) for rows, steps in SPANS]
        if extremes:
            self.archives += [Archive(cf, rows, steps, 1.0) for cf in ("MIN", "MAX") for rows, steps in SPANS[1:]]
        self._positions: dict[str, int] = {}

    def record(self, time: int, figures: Mapping[str, tuple[float, float, float]]) -> None:
        """Record what was measured at a time, a multiple of the step: by name the value, minimum and maximum."""
        if time <= self.time:
            return
        for name, (_, minimum, maximum) in figures.items():
            if name not in self._positions:
                self._positions[name] = len(self.figures)
                self.figures.append(Figure(name, minimum, maximum))
        for figure in self.figures:
            found = figures.get(figure.name)
            figure.last = NAN if found is None else found[0]
        known = time - self.time <= HEARTBEAT
        values = [figure.last if known else NAN for figure in self.figures]
        for archive in self.archives:
            archive.record(self.time, time, values)
        self.time = time
