"""How a reader knows that it has every change that anybody may have been told of: one number that all processes see.

The writer sets it to a change's generation in the step in which that lands, before it tells anybody. Whoever is
asked to read looks at it: a reader that has all changes up to there answers at once, and any other as soon as it
has, which takes the moment that they are on their way. So nobody, on whatever connection, sees a state older
than one that somebody has been told of; and the writer waits for nobody.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections import deque
from collections.abc import Callable

_BYTES = 8
_EVERYTHING = 1 << 63

log = logging.getLogger(__name__)


def shared_number() -> int:
    """The descriptor of memory for the number, for this process and those that it starts."""
    descriptor = os.memfd_create("xapi-async")
    os.ftruncate(descriptor, _BYTES)
    return descriptor


def mapped(descriptor: int) -> memoryview:
    """The number, as the one item of what is returned. It is written and read in one piece."""
    return memoryview(mmap.mmap(descriptor, _BYTES)).cast("Q")


class Freshness:
    """How far a reader is. newest: the number that all processes see."""

    def __init__(self, newest: memoryview) -> None:
        self._newest = newest
        self._applied = 0
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    @property
    def is_behind(self) -> bool:
        """Whether there are changes that others may know of and this process has yet to apply."""
        return bool(self._newest[0] > self._applied)

    def wait(self, then: Callable[[], None]) -> None:
        """Have a function called once everything that has landed until now is applied; it may read at once."""
        self._waiting.append((self._newest[0], then))

    def applied(self, generation: int) -> None:
        """All changes up to a generation are applied."""
        waiting = self._waiting
        # Those whose time has come may answer, whatever has landed since they were asked; else some might never.
        self._applied = _EVERYTHING
        while waiting and waiting[0][0] <= generation:
            _, then = waiting.popleft()
            try:
                then()
            except Exception:  # others wait as well
                log.exception("an answer that had to wait could not be given")
        self._applied = generation
