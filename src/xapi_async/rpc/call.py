"""A call and its outcome, as they pass between the wire and the dispatcher.

The wire hands over parameters as plain Python values: ``str``, ``int``, ``float``, ``bool``, ``None``,
``list``, ``dict`` with text keys, and :class:`DateTime`. It gets back a value with its API type, which
it encodes; the record of an object may come as the live object itself, so that its encoded form can
be kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import ApiType, Scalar
from xapi_async.objects.entity import Entity
from xapi_async.operations.context import Origin

WAITING = frozenset({"event.from", "event_from", "event.next", "event_next"})
"""The methods that wait for events, and so are slow on purpose."""


class DateTime(str):
    """A date as it came over the wire, told apart from an ordinary string."""

    __slots__ = ()


@dataclass(slots=True)
class Call:
    """A call as it arrived.

    method: the name as sent. params: all of them, the session included. origin: where it came from.
    subtask_of, task_id, task_other_config: what the request's headers ask of the task it makes.
    text_checked: whether the way it came already rules out characters that XML cannot carry.
    """

    method: str
    params: Sequence[Any]
    origin: Origin
    subtask_of: str | None = None
    task_id: str | None = None
    task_other_config: Mapping[str, str] = field(default_factory=dict)
    text_checked: bool = False


class Success(NamedTuple):
    """The value of a call. bare: XML-RPC sends it without the usual envelope."""

    type: ApiType[Any]
    value: Any
    bare: bool = False


class Failure(NamedTuple):
    """The error of a call."""

    error: ApiError


Outcome = Success | Failure


class Writing:
    """The outcome of a write, which is there in the step in which its change lands.

    tell: what is called once with it. Whoever takes it over sets that, before the next turn of the event loop.
    No task waits, no future is made, and the event loop need not turn.
    """

    __slots__ = ("tell",)

    tell: Callable[[Outcome], None]


class Waiting:
    """A value that is not there yet. Thousands may be waited for, so this one object is all that it takes.

    finish: makes the outcome for some who are told the same: a value, or the ApiError that comes instead.
    method, began: for the counts of calls. tell: what is called with them and the value, once for each, and never
    before the next turn of the event loop. held: for whoever is told. Whoever takes it over sets them.
    """

    __slots__ = ("began", "finish", "held", "method", "tell")

    began: float
    finish: Callable[[Sequence[Waiting], Any], Outcome]
    held: Any
    method: str

    def __init__(self) -> None:
        self.tell: Callable[[Sequence[Any], Any], None] = _nobody

    def give_up(self) -> None:
        """Nobody wants to be told any more; nothing happens where that has been done."""
        raise NotImplementedError


def _nobody(waiting: Sequence[Waiting], value: object) -> None:
    return None


Wait = Callable[..., Any]
"""A message that waits without a task: of the caller and the parameters, it gives a value or a :class:`Waiting`."""


class Event(NamedTuple):
    """One event of event.from or event.next. snapshot: the object; None where the event has none."""

    id: int
    timestamp: str
    cls: type[ApiClass]
    operation: str
    ref: str
    snapshot: Entity | Mapping[str, Any] | None


class EventBatch(NamedTuple):
    """The result of event.from. valid_ref_counts: lower-case class names and how many objects each has."""

    events: Sequence[Event]
    valid_ref_counts: Mapping[str, int]
    token: str


EVENT_BATCH: Scalar[Any] = Scalar("event batch")
"""The type of an :class:`EventBatch`: {events, valid_ref_counts, token}; its counts are typed integers (<i4>)."""

EVENT_LIST: Scalar[Any] = Scalar("event list")
"""The type of a list of :class:`Event`, the result of event.next."""

ANY: Scalar[Any] = Scalar("any")
"""A plain value sent by the type Python gives it, as system.isAlive answers."""
