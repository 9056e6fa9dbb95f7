"""Time limits of very many, which share timers: one for all whose time ends in the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Alarms(Generic[T]):
    """The time limits. moment: how exact they are, in seconds. ring: called with those whose time is over."""

    def __init__(self, moment: float, ring: Callable[[Iterable[T]], None]) -> None:
        self._moment = moment
        self._ring = ring
        self._due: dict[int, tuple[dict[T, None], asyncio.TimerHandle]] = {}

    def moment(self, seconds: float) -> int:
        """The moment in which so many seconds are over, never earlier."""
        return int((asyncio.get_running_loop().time() + seconds) / self._moment) + 1

    def set(self, whose: T, moment: int) -> None:
        """Let the time of somebody be over in a moment to come."""
        found = self._due.get(moment)
        if found is None:
            timer = asyncio.get_running_loop().call_at(moment * self._moment, self._over, moment)
            found = self._due[moment] = {}, timer
        found[0][whose] = None

    def clear(self, whose: T, moment: int) -> None:
        """Forget somebody, whose time may be over already."""
        found = self._due.get(moment)
        if found is None:
            return
        waiting, timer = found
        waiting.pop(whose, None)
        if not waiting:
            timer.cancel()
            del self._due[moment]

    def _over(self, moment: int) -> None:
        waiting, _ = self._due.pop(moment)
        self._ring(waiting)
