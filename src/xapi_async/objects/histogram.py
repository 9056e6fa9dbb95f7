"""How often something was how large: cheap enough to be kept for everything that is measured."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Values counted by size. buckets: how many lie within each bound; the last counts those beyond all."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """bounds: upper bounds, ascending."""
        self.bounds = tuple(bounds)
        self.buckets = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.buckets)

    def note(self, value: float) -> None:
        """Count a value."""
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value


class JournalStats:
    """What the store had written. transactions: by batch. seconds: a batch took, the disk's own part included.

    failure: why the last write failed, empty where it did not.
    """

    def __init__(self) -> None:
        self.transactions = Histogram((1, 2, 5, 10, 20, 50, 100, 200, 500, 1000))
        self.seconds = Histogram((0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0))
        self.failure = ""

    def note(self, transactions: int, seconds: float) -> None:
        """Count a batch that is durable."""
        self.transactions.note(transactions)
        self.seconds.note(seconds)
        self.failure = ""
