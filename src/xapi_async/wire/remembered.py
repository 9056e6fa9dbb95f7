"""What was read from calls that may come again to the letter, so that they need not be read again."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from xapi_async.rpc.call import WAITING

T = TypeVar("T")

_MOST = 8192
_MOST_WAITING = 1024
"""How many calls are remembered; and how many of those that wait, whose token is another each time."""


class Remembered(Generic[T]):
    """Things by the bytes that they were read from. find: gives one; None for bytes that are not known."""

    def __init__(self) -> None:
        self._known: dict[bytes, T] = {}
        self._waiting: deque[bytes] = deque()
        self.find = self._known.get

    def add(self, data: bytes, thing: T, method: str) -> None:
        """Remember one. method: of the call."""
        if method in WAITING:
            if len(self._waiting) >= _MOST_WAITING:
                self._known.pop(self._waiting.popleft(), None)
            self._waiting.append(data)
        if len(self._known) >= _MOST:
            self.clear()
        self._known[data] = thing

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
        self._waiting.clear()
