"""message: a notice for administrators about some object in the pool."""

from __future__ import annotations

from xapi_async.datamodel.enums import CLS
from xapi_async.datamodel.language import RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import DATETIME, INT, STRING, Map, Record, Ref, Set


class PoolMessage(ApiClass):
    """A notice for administrators about some object in the pool."""

    FACTS = ClassFacts("message", released="published orlando", in_database=False, persist=False, get_all=False)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this notice.")
    name = Field(STRING, RO_RUNTIME, "Kind of notice, as a short fixed name such as VM_STARTED.")
    priority = Field(INT, RO_RUNTIME, "Urgency from 1, most severe, to 5, merely informative.")
    cls = Field(CLS, RO_RUNTIME, "Class of the object that the notice is about.")
    obj_uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of the object that the notice is about.")
    timestamp = Field(DATETIME, RO_RUNTIME, "When the notice was created.")
    body = Field(STRING, RO_RUNTIME, "Text of the notice, possibly structured for programs.")

    MESSAGES = (
        Message(
            "create",
            "Store a new notice about an existing object and return its reference.",
            (
                Param("name", STRING),
                Param("priority", INT),
                Param("cls", CLS),
                Param("obj_uuid", STRING),
                Param("body", STRING),
            ),
            result=Ref("message"),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "destroy",
            "Delete the notice from the server.",
            (Param("self", Ref("message")),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get",
            "Return the notices about one object that are later than the given time.",
            (
                Param("cls", CLS),
                Param("obj_uuid", STRING),
                Param("since", DATETIME),
            ),
            result=Map(Ref("message"), Record("message")),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get_all",
            "List the references of all stored notices.",
            result=Set(Ref("message")),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get_since",
            "Return all notices that are later than the given time.",
            (Param("since", DATETIME),),
            result=Map(Ref("message"), Record("message")),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get_record",
            "Return all fields of one notice.",
            (Param("self", Ref("message")),),
            result=Record("message"),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get_by_uuid",
            "Find the notice that has the given uuid.",
            (Param("uuid", STRING),),
            result=Ref("message"),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get_all_records",
            "Return all stored notices, by reference, with all their fields.",
            result=Map(Ref("message"), Record("message")),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get_all_records_where",
            "Return all stored notices by reference; the filter expression is ignored.",
            (Param("expr", STRING),),
            result=Map(Ref("message"), Record("message")),
            has_async=False,
            released="published orlando",
        ),
    )
