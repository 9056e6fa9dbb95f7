"""Calls that a reader hands to the writer, and the answers that come back: many at once, both ways."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from xapi_async.datamodel.types import VOID
from xapi_async.rpc.call import Success
from xapi_async.wire.held import Held
from xapi_async.wire.rpc_endpoint import CONTENT_TYPES, Asked, CallHeaders, LastReply, PathKind, Reply
from xapi_async.workers.link import Link

PackedCall = tuple[int, bytes, PathKind, str, CallHeaders | None]
"""A number that its answer will have, body and what it is, address of the client, headers."""

PackedReply = tuple[int, str, bytes]
"""The call's number, type and body of the answer."""

_WRITTEN = Success(VOID, None)


class _Held(NamedTuple):
    asked: Asked
    answer: Held


class Forwarding:
    """The calls of one reader that the writer has."""

    def __init__(self, link: Callable[[], Link]) -> None:
        self._link = link
        self._numbers = itertools.count()
        self._calls: dict[int, PackedCall] = {}  # to be sent
        self._held: dict[int, _Held] = {}
        self._last_written = LastReply()

    def forward(self, asked: Asked, *, only_waits: bool, stopped: Callable[[], Reply]) -> Held:
        """Have the writer answer a call; see :class:`xapi_async.wire.rpc_endpoint.Forward`."""
        number = next(self._numbers)
        held = Held(partial(self._give_up, number) if only_waits else None, stopped)
        self._held[number] = _Held(asked, held)
        if not self._calls:
            self._link().wake()
        self._calls[number] = number, asked.body, asked.kind, asked.call.origin.address, asked.headers
        return held

    def send(self) -> None:
        """Send what has gathered."""
        if self._calls:
            self._link().send("calls", list(self._calls.values()))
            self._calls = {}

    def answered(self, written: list[int], replies: list[PackedReply]) -> None:
        """The writer has answered calls. written: the numbers of those that wrote and have nothing to tell but that."""
        held = self._held
        for number in written:
            asked, answer = held.pop(number)
            decoded, content_type = asked.decoded, CONTENT_TYPES[asked.kind]
            answer.come(self._last_written.to(_WRITTEN, decoded.encode, decoded.method, _WRITTEN, content_type))
        for number, content_type, body in replies:
            found = held.pop(number, None)
            if found is not None:
                found.answer.come(Reply(content_type, body))

    def _give_up(self, number: int) -> None:
        """The client is gone, and nobody else wants the answer."""
        del self._held[number]
        if self._calls.pop(number, None) is None:
            self._link().send("gone", number)
