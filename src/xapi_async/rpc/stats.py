"""Counts of calls and how long they took, cheap enough to be kept for every call there is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Final

BOUNDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
"""Seconds: the upper bounds of the latency histogram; what took longer counts in one more."""

UNKNOWN: Final = "(unknown)"
"""The method under which calls of no known method count: clients must not be able to make up labels."""


SlowCall = Callable[[str, str | None, float], None]
"""Told of a slow call: method, error code or None, seconds."""


class MethodStats:
    """One method. buckets: calls within each bound. failures: by error code."""

    __slots__ = ("buckets", "failures", "seconds", "successes")

    def __init__(self) -> None:
        self.successes = 0
        self.failures: dict[str, int] = {}
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS) + 1)


class CallStats:
    """All methods. in_flight: calls that are being worked on now."""

    def __init__(self) -> None:
        self._methods: dict[str, MethodStats] = {}
        self.in_flight = 0
        self._slow_seconds = float("inf")
        self._tell_slow: SlowCall = lambda method, code, seconds: None

    @property
    def methods(self) -> Mapping[str, MethodStats]:
        """The methods called so far."""
        return self._methods

    def summaries(self) -> dict[str, str]:
        """The methods called so far in words: how often, and how long a call took."""
        return {name: _summary(stats) for name, stats in self._methods.items()}

    def take(self) -> dict[str, MethodStats]:
        """The methods called since the last time, which are forgotten here: for counts that are kept elsewhere."""
        taken, self._methods = self._methods, {}
        return taken

    def add(self, method: str, more: MethodStats) -> None:
        """Count what was counted elsewhere."""
        stats = self._methods.setdefault(method, MethodStats())
        stats.successes += more.successes
        stats.seconds += more.seconds
        stats.buckets = [a + b for a, b in zip(stats.buckets, more.buckets, strict=True)]
        for code, count in more.failures.items():
            stats.failures[code] = stats.failures.get(code, 0) + count

    def watch_slow(self, seconds: float, tell: SlowCall) -> None:
        """Have a function told of each call that takes longer than so many seconds."""
        self._slow_seconds, self._tell_slow = seconds, tell

    def note(self, method: str, code: str | None, seconds: float) -> None:
        """Count a call. code: its error, None where it succeeded."""
        stats = self._methods.get(method)
        if stats is None:
            stats = self._methods[method] = MethodStats()
        if code is None:
            stats.successes += 1
        else:
            stats.failures[code] = stats.failures.get(code, 0) + 1
        stats.seconds += seconds
        stats.buckets[bisect_left(BOUNDS, seconds)] += 1
        if seconds > self._slow_seconds:
            self._tell_slow(method, code, seconds)

    def note_all(self, method: str, code: str | None, seconds: Sequence[float]) -> None:
        """Count calls that ended together in the same way. seconds: of each."""
        more = MethodStats()
        if code is None:
            more.successes = len(seconds)
        else:
            more.failures[code] = len(seconds)
        more.seconds = sum(seconds)
        for one in seconds:
            more.buckets[bisect_left(BOUNDS, one)] += 1
        self.add(method, more)
        if max(seconds) > self._slow_seconds:
            for one in seconds:
                if one > self._slow_seconds:
                    self._tell_slow(method, code, one)


def _summary(stats: MethodStats) -> str:
    failures = sum(stats.failures.values())
    calls = stats.successes + failures
    return f"{calls} calls, {failures} failed, {stats.seconds / calls:.6f} s each" if calls else "no calls"
