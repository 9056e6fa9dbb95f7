"""Who was told something together with very many others rests until all of them are told.

Clients that wait come back at once when they are told. Where thousands are told of one change, serving those
who are back takes longer than telling the rest, who would be told late. So what comes next from whoever was
told is kept until nobody is left to be told. Each connection rests once at the most, for as long as telling the
others takes; connections that were not told notice nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol


class Resting(Protocol):
    """A connection that rests."""

    def go_on(self) -> None:
        """Serve what has come."""
        ...


class Telling:
    """The time for which very many are told. is_over: whether all of them have been."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False


class Crowd:
    """Those who are told at the same time."""

    def __init__(self) -> None:
        self._told = self._told_before = 0
        self._resting: deque[Resting] = deque()
        self._telling = Telling()

    def told(self) -> Telling | None:
        """Somebody was told. Gives that during which they have to rest if they come back; None where they need not."""
        self._told += 1
        if self._told == 1:
            self._look_soon()
        return self._telling if self._told > _FEW else None

    def rest(self, one: Resting) -> None:
        """Let somebody who is back too early go on when there is time."""
        self._resting.append(one)

    def _look_soon(self) -> None:
        self._told_before = self._told
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """Let some go on where nobody was told since the last turn of the event loop."""
        resting = self._resting
        if self._told == self._told_before:
            self._telling.is_over = True
            self._telling = Telling()
            for _ in range(min(_FEW, len(resting))):
                resting.popleft().go_on()
            if not resting:
                self._told = 0
                return
        self._look_soon()


_FEW = 256
"""So many are told, or served anew, without a thought: it takes some milliseconds."""
