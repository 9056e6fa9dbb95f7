"""The newest rows of several recordings as one table, as ``/rrd_updates`` answers it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xapi_async.transfer.statistics.archives import NAN, Archive, Recording, Row
from xapi_async.transfer.statistics.texts import number

CFS = ("AVERAGE", "MIN", "MAX")


@dataclass(frozen=True)
class Question:
    """What is wanted. start: seconds since 1970. interval: least seconds of a row. cf: none for every one."""

    start: int
    interval: int = 0
    cf: str | None = None


@dataclass(frozen=True)
class Source:
    """Whose figures they are. kind: ``host``, ``vm`` or ``sr``."""

    kind: str
    uuid: str
    recording: Recording


class Table:
    """The rows asked for, the newest first, without those after ``end``, where not all have been recorded yet.

    What it needs is taken when it is made: it does not change while it is written.
    """

    def __init__(self, question: Question, end: int, sources: Sequence[Source]) -> None:
        self.legend: list[str] = []
        self._parts: list[tuple[int, dict[int, Row]]] = []
        self.step = _row_seconds(question, end)
        self.end = end // self.step * self.step
        self.start = min(max((question.start // self.step + 1) * self.step, self._oldest(sources)), self.end)
        is_empty = question.start >= self.end or not sources
        self.times = () if is_empty else range(self.end, self.start - 1, -self.step)
        for source in sources:
            for archive in _archives(source.recording, self.step, question.cf):
                names = [figure.name for figure in source.recording.figures]
                self.legend += [f"{archive.cf}:{source.kind}:{source.uuid}:{name}" for name in names]
                rows = {row.time: row for row in archive.rows if self.start <= row.time <= self.end}
                self._parts.append((len(names), rows))

    def _oldest(self, sources: Sequence[Source]) -> int:
        """The time of the first row that any of them has."""
        firsts = [
            archive.rows[0].time
            for source in sources
            for archive in source.recording.archives
            if archive.seconds == self.step and archive.rows
        ]
        return min(firsts, default=self.end)

    def values(self, time: int) -> Iterator[str]:
        """The values of a row, in the order of the legend."""
        for width, rows in self._parts:
            found = rows.get(time)
            values = () if found is None else found.values
            yield from map(number, values)
            yield from (number(NAN) for _ in range(width - len(values)))


def _row_seconds(question: Question, end: int) -> int:
    """The length of the rows of the finest archives that do: long enough, and going back to the start."""
    cf = question.cf or "AVERAGE"
    kinds = [one for one in Recording(0, extremes=True).archives if one.cf == cf]
    long_enough = [one for one in kinds if one.seconds >= question.interval] or kinds[-1:]
    return next((one.seconds for one in long_enough if one.reaches(question.start, end)), long_enough[-1].seconds)


def _archives(recording: Recording, seconds: int, cf: str | None) -> list[Archive]:
    return [one for one in recording.archives if one.seconds == seconds and cf in (None, one.cf)]
