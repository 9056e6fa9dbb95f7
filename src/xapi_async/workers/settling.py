"""Which changes are not yet in all processes, and who has to wait for that.

Each process keeps this for itself: the writer learns from its readers' word that they have applied a
change, each reader from the writer's word that all others have. In between a change is *unsettled*.
An answer may be computed from it at once, but must not leave before it is settled. Then whoever asks
afterwards, wherever, sees that change or a later one: reads never go back in time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from xapi_async.datamodel.classes import Session
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.step import Step
from xapi_async.rpc.call import Call
from xapi_async.rpc.entries import Entry

ALL = 1 << 62
"""A generation that never comes: how far those are who are not there."""

log = logging.getLogger(__name__)


class Settling:
    """The unsettled changes. settled: the generation up to which all changes are everywhere. newest: the last."""

    def __init__(self) -> None:
        self.settled = 0
        self.newest = 0
        # Unsettled commits that nobody has asked about yet, with the generations of their last steps.
        self._noted: deque[tuple[int, Sequence[Step]]] = deque()
        # Of the others the generation of the last, by object and by class, the newest last.
        self._objects: dict[str, int] = {}
        self._classes: dict[type[ApiClass], int] = {}
        self._waiting: dict[int, list[Callable[[], None]]] = {}

    def note(self, steps: Sequence[Step], generation: int) -> None:
        """A commit has been applied here. generation: of its last step."""
        self._noted.append((generation, steps))
        self.newest = generation

    def settle(self, generation: int) -> None:
        """All changes up to a generation are everywhere."""
        if generation <= self.settled:
            return
        self.settled = generation
        noted = self._noted
        while noted and noted[0][0] <= generation:
            noted.popleft()
        if self._objects:
            _drop(self._objects, generation)
            _drop(self._classes, generation)
        for due in [due for due in self._waiting if due <= generation]:
            for then in self._waiting.pop(due):
                try:
                    then()
                except Exception:  # others wait as well
                    log.exception("an answer that had to wait could not be given")

    def is_there(self, generation: int, then: Callable[[], None]) -> bool:
        """Whether all changes up to a generation are everywhere; where not, a function is called once they are."""
        if generation <= self.settled:
            return True
        self._waiting.setdefault(generation, []).append(then)
        return False

    @property
    def is_settled(self) -> bool:
        """Whether all changes are everywhere."""
        return self.newest <= self.settled

    def of_object(self, ref: Any) -> int:
        """The generation of an object's last unsettled change; 0 where there is none."""
        self._look()
        return self._objects.get(ref, 0) if type(ref) is str else 0

    def of_class(self, cls: type[ApiClass]) -> int:
        """The generation of a class's last unsettled change; 0 where there is none."""
        self._look()
        return self._classes.get(cls, 0)

    def _look(self) -> None:
        """Look at what was noted, which is done when somebody asks: where all do nothing but write, nobody does."""
        objects, classes = self._objects, self._classes
        for generation, steps in self._noted:
            for step in steps:
                objects.pop(step.ref, None)
                objects[step.ref] = generation
                classes.pop(step.cls, None)
                classes[step.cls] = generation
        self._noted.clear()


def _drop(generations: dict[Any, int], upto: int) -> None:
    gone = 0
    for generation in generations.values():
        if generation > upto:
            break
        gone += 1
    if gone == len(generations):
        generations.clear()
        return
    for key in list(generations)[:gone]:
        del generations[key]


class Shown(NamedTuple):
    """What a reading message shows. is_one: only the object that its first parameter names."""

    cls: type[ApiClass]
    is_one: bool


def shown_by(entries: Iterable[Entry]) -> Mapping[str, Shown]:
    """What each reading message shows, by every spelling of its name."""
    found: dict[str, Shown] = {}
    for entry in entries:
        if entry.read is not None:
            is_one = entry.message.kind == "field getter" or entry.message.name == "get_record"
            found[entry.name] = found[entry.name.replace(".", "_", 1)] = Shown(entry.cls, is_one)
    return found


class Gate:
    """Says what an answer has to wait for, if anything; see :class:`xapi_async.wire.rpc_endpoint.Gate`."""

    def __init__(self, settling: Settling, shown: Mapping[str, Shown]) -> None:
        self._settling = settling
        self._shown = shown

    @property
    def is_open(self) -> bool:
        """Whether any answer may leave now, as all changes are everywhere."""
        return self._settling.is_settled

    def __call__(self, call: Call | None, then: Callable[[], None]) -> bool:
        """Whether the answer to a reading call may leave now, or given None, any other; else then is called later."""
        settling = self._settling
        if settling.is_settled:
            return True
        if call is None:
            return settling.is_there(settling.newest, then)
        shown = self._shown.get(call.method)
        if shown is None or not call.params:
            return settling.is_there(settling.newest, then)
        is_one = shown.is_one and len(call.params) > 1
        needed = settling.of_object(call.params[1]) if is_one else settling.of_class(shown.cls)
        # That there is such a session, or none, is shown as well.
        session = call.params[0]
        needed = max(needed, settling.of_object(session) if shown.cls is not Session else needed)
        return settling.is_there(needed, then)
