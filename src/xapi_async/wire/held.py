"""Answers that come later, thousands of them at once, with neither a task nor a future for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xapi_async.wire.rpc_endpoint import Reply


class Held:
    """An answer that comes later, for whoever takes it.

    give_up: ends what is waited for, of a call that only waits; None where the call goes on without its client.
    stopped: the answer where the server stops before; None where then there is none.
    only_waits: whether the call changes nothing, so that it can end with its connection.
    is_coming: whether the answer is about to come, or has come, or was given up.
    """

    __slots__ = ("_ended", "_give_up", "_stopped", "_taker", "is_coming", "only_waits")

    def __init__(self, give_up: Callable[[], object] | None = None, stopped: Callable[[], Reply] | None = None) -> None:
        self._give_up = give_up
        self._stopped = stopped
        self.only_waits = give_up is not None
        self.is_coming = False
        self._taker: Callable[[Reply], None] | None = None
        self._ended: asyncio.Future[None] | None = None

    def take(self, taker: Callable[[Reply], None]) -> None:
        """Have a function called with the answer, once; not before this has returned."""
        self._taker = taker

    def come(self, reply: Reply) -> None:
        """The answer is there."""
        self.is_coming = True
        self._end(reply)

    def come_late(self, reply: Reply) -> None:
        """The answer is there, unless the server has stopped meanwhile."""
        if not self.is_coming:
            self.is_coming = True
            self._end(reply)

    def cancel(self) -> None:
        """Nobody wants it any more; where it is about to come, it still does."""
        if not self.is_coming and self._give_up is not None:
            self.is_coming = True
            self._give_up()
            self._end(None)

    def stop(self) -> None:
        """The server stops: whoever waits is told so."""
        if self._taker is not None and self._stopped is not None:
            self.come(self._stopped())

    def ended(self) -> asyncio.Future[None]:
        """What is done when the answer has come, or will never come."""
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
            if self._taker is None:
                self._ended.set_result(None)
        return self._ended

    async def reply(self) -> Reply:
        """Wait for it, for whoever would rather await it; being cancelled gives it up."""
        replies: list[Reply] = []
        self.take(replies.append)
        try:
            await self.ended()
        finally:
            self.cancel()
        return replies[0]

    def _end(self, reply: Reply | None) -> None:
        taker, self._taker = self._taker, None
        self._give_up = None  # what is waited for knows this, so that neither would go before garbage is looked for
        if reply is not None and taker is not None:
            taker(reply)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
