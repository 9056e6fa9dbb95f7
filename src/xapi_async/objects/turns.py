"""Turns: what many have ready at once is let go one by one, so that calls that come in between are answered.

The event loop runs all that is ready before it looks at its sockets again. After a commit that a thousand
operations waited for, that would be a thousand steps of work. So a pass of the loop has one turn at the most: one
operation goes on until it waits again, then sockets are looked at anew. As long as calls keep coming, the next
turn is given only once they have had several times what the last one took. So operations get a fixed share of
the time then, and none is kept from its end however much is asked; where nothing is asked, turns follow
each other at once, and passes cost some microseconds each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter

OTHERS = 3.0
"""How much time calls have, while they keep coming, for each second of turns: a quarter is for the turns."""


class Turns:
    """Gives out turns in the order in which they are asked for.

    was_called: to be set by whoever answers a call.
    """

    def __init__(self) -> None:
        self.was_called = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ahead: deque[asyncio.Future[None]] = deque()
        self._is_ahead_next = True
        self._is_going = False
        self._owed = 0.0  # seconds that calls have before the next turn
        self._turn_began = 0.0  # 0 where there was none in the last pass
        self._pass_began = 0.0

    async def take(self, *, ahead: bool = False) -> None:
        """Wait for a turn; none is waited for where nobody else takes one and nothing is asked.

        ahead: to have every other turn, for what all later commits wait behind.
        """
        loop = asyncio.get_running_loop()
        if not self._is_going:
            self._is_going = True
            loop.call_soon(self._pass)
            if not self.was_called:
                return
        turn: asyncio.Future[None] = loop.create_future()
        (self._ahead if ahead else self._waiting).append(turn)
        await turn

    def _pass(self) -> None:
        now = perf_counter()
        if self._turn_began:
            self._owed = (now - self._turn_began) * OTHERS
            self._turn_began = 0.0
        elif self.was_called:
            self._owed -= now - self._pass_began
        else:
            self._owed = 0.0
        self._pass_began = now
        self.was_called = False
        loop = asyncio.get_running_loop()
        if self._owed <= 0.0:
            turn = self._next()
            if turn is None:
                self._is_going = False
                return
            loop.call_soon(self._begin_turn)
            turn.set_result(None)
        loop.call_soon(self._pass)

    def _begin_turn(self) -> None:
        # Runs right before whoever has the turn goes on, and the next pass right after: just the turn is measured.
        self._turn_began = perf_counter()

    def _next(self) -> asyncio.Future[None] | None:
        while self._ahead or self._waiting:
            takes_ahead = (self._is_ahead_next and bool(self._ahead)) or not self._waiting
            self._is_ahead_next = not takes_ahead
            turn = (self._ahead if takes_ahead else self._waiting).popleft()
            if not turn.done():  # else whoever waited was cancelled
                return turn
        return None
