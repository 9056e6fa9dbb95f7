"""Turns: what many have ready at once is let go a few at a time, so that calls that come in between are answered.

The event loop runs all that is ready before it looks at its sockets again. After a commit that a
thousand operations waited for, that would be a thousand steps of work; here each round of the loop
has as many of them as it can do in about a millisecond. How many that are is found out as it goes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter

LONG, SHORT = 0.001, 0.0005
"""A round that took longer, in seconds, has half as many turns next time; a shorter one has more."""

MOST, FIRST = 32, 8
"""Turns of a round at the most, and of the first. The most is what a burst may get before any of it is measured."""

PASSES = 3
"""Passes of the loop that make a round: whoever gets a turn is woken in the next, and has begun others after that."""


class Turns:
    """Gives out turns in the order in which they are asked for."""

    def __init__(self) -> None:
        self._quota = FIRST
        self._left = FIRST
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_going = False
        self._began = 0.0

    async def take(self) -> None:
        """Wait for a turn; none is waited for as long as the current round has some left."""
        if self._left and not self._waiting:
            self._left -= 1
            self._begin()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._begin()
        await turn

    def _begin(self) -> None:
        if not self._is_going:
            self._is_going = True
            self._began = perf_counter()
            self._go_on(PASSES)

    def _go_on(self, passes: int) -> None:
        if passes:
            asyncio.get_running_loop().call_soon(self._go_on, passes - 1)
        else:
            self._end()

    def _end(self) -> None:
        took = perf_counter() - self._began
        self._is_going = False
        if took > LONG:
            self._quota = max(1, self._quota // 2)
        elif took < SHORT:
            self._quota = min(MOST, self._quota * 2)
        self._left = self._quota
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():  # else whoever waited was cancelled
                turn.set_result(None)
                self._left -= 1
        if self._left < self._quota or self._waiting:
            self._begin()
