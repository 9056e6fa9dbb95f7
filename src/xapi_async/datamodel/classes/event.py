"""event: news of an object that was created, changed or removed."""

from __future__ import annotations

from xapi_async.datamodel.enums import EVENT_OPERATION
from xapi_async.datamodel.language import RO_CONSTRUCTOR, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.types import DATETIME, FLOAT, INT, STRING, STRING_SET, Record, Set


class Event(ApiClass):
    """News of an object that was created, changed or removed."""

    FACTS = ClassFacts(
        "event", released="", in_database=False, persist=False, events=False, get_all=False, has_async=False
    )
    id = Field(INT, RO_CONSTRUCTOR, "Number of the event, rising with each change.")
    timestamp = Field(
        DATETIME, RO_CONSTRUCTOR, "Seconds since 1970 as text from event.next; always 0.0 from event.from."
    )
    class_ = Field(STRING, RO_CONSTRUCTOR, "Class of the object, in lower case.")
    operation = Field(EVENT_OPERATION, RO_CONSTRUCTOR, "Whether the object was created, changed or removed.")
    ref = Field(STRING, RO_CONSTRUCTOR, "Reference of the object concerned.")
    obj_uuid = Field(STRING, RO_CONSTRUCTOR, "Identifier of the object; declared but never sent.")

    MESSAGES = (
        Message(
            "register",
            "Add classes to what event.next reports on this session; * stands for all.",
            (Param("classes", STRING_SET),),
            has_async=False,
        ),
        Message(
            "unregister",
            "Take classes off what event.next reports on this session.",
            (Param("classes", STRING_SET),),
            has_async=False,
        ),
        Message(
            "next",
            "Wait for events of the registered classes and return them all in order; superseded by event.from.",
            result=Set(Record("event")),
            errors=(
                "SESSION_NOT_REGISTERED",
                "EVENTS_LOST",
            ),
            has_async=False,
        ),
        Message(
            "from",
            "Return changes since a token, waiting up to the timeout in seconds; an empty token lists all objects.",
            (
                Param("classes", STRING_SET),
                Param("token", STRING),
                Param("timeout", FLOAT),
            ),
            result=Set(Record("event")),
            errors=(
                "SESSION_NOT_REGISTERED",
                "EVENTS_LOST",
            ),
            has_async=False,
            released="published boston",
        ),
        Message(
            "get_current_id", "Return the number that the next queued event will get.", result=INT, has_async=False
        ),
        Message(
            "inject",
            "Report an object as changed though it is not, and return a token from before that.",
            (
                Param("class", STRING),
                Param("ref", STRING),
            ),
            result=STRING,
            has_async=False,
            released="published tampa",
        ),
    )
