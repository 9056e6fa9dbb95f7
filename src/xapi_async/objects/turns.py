"""Turns: what many have ready at once is let go one by one, so that calls that come in between are answered.

The event loop runs all that is ready before it looks at its sockets again. After a commit that a
thousand operations waited for, that would be a thousand steps of work. So each pass of the loop has one
turn: what has arrived is answered, one operation goes on until it waits again, then sockets are looked
at anew. However much arrives, an operation goes on in each pass, so none is kept from its end; and
where nothing arrives, passes follow each other at once and cost some microseconds each.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Gives out turns in the order in which they are asked for, one in each pass of the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ahead: deque[asyncio.Future[None]] = deque()
        self._is_ahead_next = True
        self._is_taken = False

    async def take(self, *, ahead: bool = False) -> None:
        """Wait for a turn; none is waited for as long as nobody has taken that of the current pass.

        ahead: to have every other turn, for what all later commits wait behind.
        """
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._give)
            return
        turn: asyncio.Future[None] = loop.create_future()
        (self._ahead if ahead else self._waiting).append(turn)
        await turn

    def _give(self) -> None:
        while self._ahead or self._waiting:
            takes_ahead = (self._is_ahead_next and bool(self._ahead)) or not self._waiting
            self._is_ahead_next = not takes_ahead
            turn = (self._ahead if takes_ahead else self._waiting).popleft()
            if not turn.done():  # else whoever waited was cancelled
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._give)
                return
        self._is_taken = False
