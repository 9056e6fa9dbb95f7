"""Time, passed in wherever it is needed, so that it can run faster or stand still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where seconds come from."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    @property
    def stamp(self) -> Callable[[], float]:
        """Gives stamps, which cost next to nothing; :meth:`at` tells when they were made."""
        ...

    def at(self, stamp: float) -> float:
        """When a stamp was made, in seconds since 1970, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock."""
        ...


class SystemClock:
    """The machine's clock; ``speed`` makes its waits shorter and its time run faster, by that factor."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._start = time.time()
        self._monotonic = time.monotonic()

    stamp = staticmethod(time.monotonic)

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self._start + (time.monotonic() - self._monotonic) * self._speed

    def at(self, stamp: float) -> float:
        """When a stamp was made, in seconds since 1970, UTC."""
        return self._start + (stamp - self._monotonic) * self._speed

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of this clock's time."""
        await asyncio.sleep(seconds / self._speed)


def api_time(seconds: float) -> str:
    """Seconds since 1970 as the API writes dates: ``20180221T13:05:09Z``."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%dT%H:%M:%SZ")


def from_api_time(text: str) -> float:
    """The seconds since 1970 of a date as the API writes it. Raises ValueError for other texts."""
    # Many times as fast as strptime, which a start over a large pool would notice; but it knows other forms as well.
    if len(text) != 18 or not text[:8].isdecimal() or text[8::3] != "T::Z":
        raise ValueError(f"{text!r} is no date as the API writes it")
    return datetime.fromisoformat(text).timestamp()
