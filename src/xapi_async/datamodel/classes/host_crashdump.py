"""host_crashdump: a crash dump that was found on a host after the host itself crashed."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import DATETIME, INT, STRING, STRING_MAP, Ref


class HostCrashdump(ApiClass):
    """A crash dump that was found on a host after the host itself crashed."""

    FACTS = ClassFacts("host_crashdump")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this crash dump record.")
    host = Field(Ref("host"), RO_CONSTRUCTOR, "Host that crashed and keeps the dump.")
    timestamp = Field(DATETIME, RO_RUNTIME, "When the crash took place, in UTC.")
    size = Field(INT, RO_RUNTIME, "Room the crash dump takes on disk, in bytes.")
    filename = Field(
        STRING, RO_CONSTRUCTOR, "Name of the directory holding the dump on the host (internal).", internal=True
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this dump.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )

    MESSAGES = (
        Message(
            "destroy",
            "Delete the crash dump from the host's disk, together with its record.",
            (Param("self", Ref("host_crashdump")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "upload",
            "Send the crash dump to a URL, or to the default support address if that is empty.",
            (
                Param("self", Ref("host_crashdump")),
                Param("url", STRING),
                Param("options", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
        ),
    )
