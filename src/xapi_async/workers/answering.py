"""Calls that a reader has handed over, as the writer answers them.

Many come and go in one frame. So writing, which is what most of these calls do, costs the writer little more
than the change itself: all else, the bytes of the answer included, is the reader's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from xapi_async.operations.context import Origin
from xapi_async.rpc.call import Outcome, Success, Writing
from xapi_async.wire.call_format import BadRequestError
from xapi_async.wire.held import Held
from xapi_async.wire.remembered import Remembered
from xapi_async.wire.rpc_endpoint import Asked, Pending, Reply, RpcEndpoint, reply_to
from xapi_async.workers.forwarding import PackedCall, PackedReply


class Answering:
    """The calls of one reader. wake: called when there is something to be sent."""

    def __init__(self, endpoint: RpcEndpoint, wake: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._limits = endpoint.settings
        self._known = Remembered[Asked]()
        self._written: list[int] = []
        self._replies: list[PackedReply] = []
        self._waiting: dict[int, asyncio.Future[Any] | Held] = {}  # calls whose client's leaving ends them
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self) -> tuple[list[int], list[PackedReply]] | None:
        """What has been answered since the last time, as :meth:`Forwarding.answered` takes it; None for nothing."""
        if not self._written and not self._replies:
            return None
        taken = self._written, self._replies
        self._written, self._replies = [], []
        return taken

    def calls(self, calls: list[PackedCall]) -> None:
        """Calls have come."""
        if self._limits is not self._endpoint.settings:
            self._limits = self._endpoint.settings
            self._known.clear()  # they may be read in another way from now on
        for call in calls:
            self._call(call)

    def gone(self, number: int) -> None:
        """Nobody wants the answer to a call any more."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.cancel()

    def end(self) -> None:
        """The reader is dead; whoever waited through it has nobody to be told by."""
        for waiting in self._waiting.values():
            waiting.cancel()

    def _call(self, call: PackedCall) -> None:
        number, endpoint = call[0], self._endpoint
        try:
            asked = self._read(call)
        except BadRequestError as error:  # limits have changed since the reader let it pass
            self._reply(number, Reply("text/plain", str(error).encode()))
            return
        answer = endpoint.answer_elsewhere(asked)
        if isinstance(answer, Writing):
            endpoint.pending += 1
            answer.tell = partial(self._end_write, number, asked)
        elif isinstance(answer, Held):
            if answer.only_waits:
                self._waiting[number] = answer
            answer.take(partial(self._answer_held, number))
        elif isinstance(answer, Pending):
            task = self._loop.create_task(self._answer_later(number, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if answer.only_waits:
                self._waiting[number] = task
        else:
            self._reply(number, answer)

    def _read(self, call: PackedCall) -> Asked:
        """The call in a body; those that repeat to the letter are read once, see :mod:`xapi_async.wire.repeated`."""
        _, body, kind, address, headers = call
        known = self._known.find(body)
        if known is not None and known.call.origin.address == address and known.kind == kind and headers is None:
            return known
        asked = self._endpoint.read(body, kind, _origin(address), headers)
        if asked.is_plain and headers is None:
            self._known.add(body, asked, asked.call.method)
        return asked

    def _end_write(self, number: int, asked: Asked, outcome: Outcome) -> None:
        self._endpoint.pending -= 1
        if type(outcome) is Success:
            if not self._written:
                self._wake()
            self._written.append(number)
        else:
            self._reply(number, reply_to(asked, outcome))

    def _answer_held(self, number: int, reply: Reply) -> None:
        self._waiting.pop(number, None)
        self._reply(number, reply)

    async def _answer_later(self, number: int, pending: Pending) -> None:
        try:
            self._reply(number, await pending.reply)
        finally:
            self._waiting.pop(number, None)

    def _reply(self, number: int, reply: Reply) -> None:
        if not self._replies:
            self._wake()
        self._replies.append((number, reply.content_type, reply.joined()))


@lru_cache(maxsize=1024)
def _origin(address: str) -> Origin:
    return Origin(address=address)
