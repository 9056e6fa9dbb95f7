"""task: a piece of work that the server is doing or has done, with its progress and outcome."""

from __future__ import annotations

from xapi_async.datamodel.enums import TASK_ALLOWED_OPERATIONS, TASK_STATUS_TYPE
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR, VM_OPERATOR
from xapi_async.datamodel.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    NULL_REF,
    STRING,
    STRING_MAP,
    STRING_SET,
    Map,
    Ref,
    Set,
)


class Task(ApiClass):
    """A piece of work that the server is doing or has done, with its progress and outcome."""

    FACTS = ClassFacts("task", persist=False, has_async=False)
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the task.")
    name_label = Field(STRING, RO_RUNTIME, "Name of the call as it was sent, or the label the client gave.", default="")
    name_description = Field(STRING, RO_RUNTIME, "Longer text about the task; empty for calls.", default="")
    allowed_operations = Field(
        Set(TASK_ALLOWED_OPERATIONS),
        RO_RUNTIME,
        "Holds cancel while the work can be stopped; a hint only.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, TASK_ALLOWED_OPERATIONS),
        RO_RUNTIME,
        "Requests made on the task, to cancel it or to remove it.",
        default={},
        persist=False,
    )
    created = Field(DATETIME, RO_RUNTIME, "Time when the task was made.")
    finished = Field(DATETIME, RO_RUNTIME, "Time when it ended; 1 January 1970 until then.")
    status = Field(TASK_STATUS_TYPE, RO_RUNTIME, "Whether it is under way or how it ended.")
    session = Field(Ref("session"), RO_RUNTIME, "Session that started the task; not sent to clients.", internal=True)
    resident_on = Field(Ref("host"), RO_RUNTIME, "Host that made the task, as a rule the master.")
    progress = Field(FLOAT, RO_RUNTIME, "Part done, from 0 to 1; 1 once it has ended.")
    externalpid = Field(
        INT, RO_RUNTIME, "Process id of a helper program doing the work; not sent to clients.", internal=True
    )
    stunnelpid = Field(
        INT,
        RO_RUNTIME,
        "Process id of the encrypted link to another host; not sent to clients.",
        internal=True,
        released="published rio, deprecated boston",
    )
    forwarded = Field(
        BOOL, RO_RUNTIME, "True when the work was passed to another host; not sent to clients.", internal=True
    )
    forwarded_to = Field(
        Ref("host"), RO_RUNTIME, "Host to which the work was passed, or NULL; not sent to clients.", internal=True
    )
    type = Field(STRING, RO_RUNTIME, "Obsolete, always the text <none/>.")
    result = Field(STRING, RO_RUNTIME, "Returned value as XML text once it has succeeded; otherwise empty.")
    error_info = Field(STRING_SET, RO_RUNTIME, "Error code and its parameters once it has failed; otherwise empty.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients.",
        default={},
        setter_roles=POOL_OPERATOR,
        map_key_roles={
            "applies_to": VM_OPERATOR,
            "XenCenterUUID": VM_OPERATOR,
            "XenCenterMeddlingActionTitle": VM_OPERATOR,
        },
        released="published miami",
    )
    subtask_of = Field(
        Ref("task"),
        RO_RUNTIME,
        "Task that this one is part of, or NULL.",
        default=NULL_REF,
        released="published orlando",
    )
    subtasks = Field(Set(Ref("task")), RO_RUNTIME, "Tasks that are parts of this one.", released="published orlando")
    backtrace = Field(
        STRING,
        RO_RUNTIME,
        "Where in the server the failure arose, for support; () when there is none.",
        default="()",
        released="published dundee",
    )

    MESSAGES = (
        Message(
            "create",
            "Create a pending task that the client itself manages, say for a transfer over HTTP.",
            (
                Param("label", STRING),
                Param("description", STRING),
            ),
            result=Ref("task"),
            has_async=False,
        ),
        Message(
            "destroy",
            "Remove a finished task, or have a running one removed once it has ended.",
            (Param("self", Ref("task")),),
            has_async=False,
        ),
        Message(
            "cancel",
            "Ask the work to stop and return at once; it may still end normally.",
            (Param("task", Ref("task")),),
            errors=("OPERATION_NOT_ALLOWED",),
            has_async=False,
        ),
        Message(
            "set_status",
            "Store a status in the task, after which the server will not overwrite its outcome.",
            (
                Param("self", Ref("task")),
                Param("value", TASK_STATUS_TYPE),
            ),
            has_async=False,
            released="published falcon",
        ),
    )
