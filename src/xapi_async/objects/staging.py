"""What transactions have written and the journal has not yet made durable.

Only later transactions see it. Each object appears as it will be once all that was staged has landed:
a new object itself, or a draft over the committed one, or None where it is to be deleted. Most staged
objects are looked at by nobody before they land, so what appears is made when somebody does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Draft, Entity, new_draft
from xapi_async.objects.step import Step

_log = logging.getLogger(__name__)


class Staged:
    """A change between its end and its landing.

    pieces: what the journal keeps of it, if anything. waiter: the future of whoever awaits it, if anybody does.
    told: called in the step in which it lands, or is refused for the reason given: for whoever has little to do then,
    and no need of a task to do it in.
    """

    __slots__ = ("_error", "_is_over", "first_generation", "pieces", "steps", "told", "waiter")

    def __init__(self, steps: Sequence[Step], first_generation: int, pieces: Sequence[bytes] | None) -> None:
        self.steps = steps
        self.first_generation = first_generation
        self.pieces = pieces
        self.waiter: asyncio.Future[None] | None = None
        self._is_over = False
        self._error: Exception | None = None
        self.told: Callable[[Exception | None], None] | None = None

    @property
    def last_generation(self) -> int:
        """The generation of its last step."""
        return self.first_generation + len(self.steps) - 1

    @property
    def done(self) -> asyncio.Future[None]:
        """Done when it has landed, with an exception where it was refused; another one after it was cancelled."""
        if self.waiter is None or self.waiter.cancelled():
            self.waiter = asyncio.get_running_loop().create_future()
            if self._is_over:
                self._settle(self.waiter)
        return self.waiter

    def end(self, error: Exception | None = None) -> None:
        """Tell that it has landed, or why it was refused."""
        if self.told is not None:
            try:
                self.told(error)
            except Exception:
                _log.exception("who was told of a change failed; the change itself has ended")
        self._is_over, self._error = True, error
        waiter = self.waiter
        if waiter is not None and not waiter.done():  # else whoever waits is cancelled, and asks anew
            self._settle(waiter)

    def _settle(self, waiter: asyncio.Future[None]) -> None:
        if self._error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(self._error)


class Staging:
    """The staged state of every object that has one, for as long as a change of it is on its way."""

    def __init__(self) -> None:
        # The steps on their way, by class and object; those that have landed stay until all of an object's have.
        self._steps: dict[type[ApiClass], dict[str, list[Step]]] = {}
        self._landed: dict[str, int] = {}
        self._looked_at: dict[str, Entity | None] = {}
        self._owners: dict[str, str] = {}
        self._uuids: dict[str, str] = {}

    def is_there(self, cls: type[ApiClass], ref: str) -> bool | None:
        """Whether an object will be there; None where no change of it is on its way."""
        steps = self._steps[cls].get(ref) if cls in self._steps else None
        return None if steps is None else steps[-1].operation != "del"

    def find(self, cls: type[ApiClass], ref: str, committed: Entity | None) -> Entity | None:
        """A staged object as it will be; None where it will be gone. committed: as it is, if it is there."""
        if ref not in self._looked_at:
            self._looked_at[ref] = committed
            for step in self._steps[cls][ref]:
                self._look(step)
        return self._looked_at[ref]

    def uuid_owner(self, uuid: str) -> str | None:
        """Who gets the uuid by a staged change."""
        return self._owners.get(uuid)

    def refs(self, cls: type[ApiClass]) -> Iterator[str]:
        """The staged objects of a class that are not to be deleted."""
        return (ref for ref, steps in self._steps.get(cls, _NOTHING).items() if steps[-1].operation != "del")

    def is_going(self, ref: str) -> bool:
        """Whether the object is to be deleted."""
        return any(ref in steps and steps[ref][-1].operation == "del" for steps in self._steps.values())

    def has(self, cls: type[ApiClass]) -> bool:
        """Whether there are any of a class, be they to be deleted."""
        return bool(self._steps.get(cls))

    def add(self, step: Step) -> None:
        """Stage a step."""
        ref = step.ref
        of_class = self._steps.get(step.cls)
        if of_class is None:
            of_class = self._steps[step.cls] = {}
        steps = of_class.get(ref)
        if steps is None:
            of_class[ref] = [step]
        else:
            steps.append(step)
        if ref in self._looked_at:
            self._look(step)
        if step.operation == "add":
            self._own(step.entity.uuid, ref)
        elif "uuid" in step.values:
            self._own(step.values["uuid"], ref)

    def remove(self, step: Step) -> None:
        """Forget a step that has landed; its object, too, when nothing more of it is on its way."""
        ref = step.ref
        of_class = self._steps[step.cls]
        on_the_way = len(of_class[ref])
        if on_the_way > 1:
            landed = self._landed.pop(ref, 0) + 1
            if landed < on_the_way:
                self._landed[ref] = landed
                return
        del of_class[ref]
        if self._looked_at:
            self._looked_at.pop(ref, None)
        if ref in self._uuids:
            self._owners.pop(self._uuids.pop(ref), None)

    def clear(self) -> None:
        """Forget everything."""
        self._steps.clear()
        self._landed.clear()
        self._looked_at.clear()
        self._owners.clear()
        self._uuids.clear()

    def _look(self, step: Step) -> None:
        """Bring an object that is looked at up to a step."""
        ref = step.ref
        if step.operation == "add":
            self._looked_at[ref] = step.entity
        elif step.operation == "del":
            self._looked_at[ref] = None
        else:
            current = self._looked_at[ref]
            if not isinstance(current, Draft):
                # A staged new object is built upon as well: later writes must not show in it before it lands.
                current = self._looked_at[ref] = new_draft(cast(Entity, current))
            for name, value in step.values.items():
                current.write(name, value)
            for field, delta in step.links.items():
                for other, is_in in delta.items():
                    current.note_link(field, other, is_in)

    def _own(self, uuid: str, ref: str) -> None:
        self._owners[uuid] = ref
        self._uuids[ref] = uuid


_NOTHING: dict[str, list[Step]] = {}
