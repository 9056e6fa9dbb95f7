"""PBD: the connection through which one host reaches one storage repository."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, STRING, STRING_MAP, Ref


class PBD(ApiClass):
    """The connection through which one host reaches one storage repository."""

    FACTS = ClassFacts("PBD", constructor_destructor=True, create_roles=POOL_OPERATOR)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this connection.")
    host = Field(Ref("host"), RO_CONSTRUCTOR, "Host that this connection belongs to.")
    SR = Field(Ref("SR"), RO_CONSTRUCTOR, "Storage repository reached through this connection.")
    device_config = Field(
        STRING_MAP, RO_CONSTRUCTOR, "Driver settings that say where the storage is and how to log in."
    )
    currently_attached = Field(BOOL, RO_RUNTIME, "Whether the host has the repository attached at present.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients' own use.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )

    MESSAGES = (
        Message(
            "plug",
            "Attach the storage repository to the connection's host.",
            (Param("self", Ref("PBD")),),
            roles=POOL_OPERATOR,
            errors=("SR_UNKNOWN_DRIVER",),
        ),
        Message(
            "unplug",
            "Detach the storage repository from the connection's host; its disks must be unused there.",
            (Param("self", Ref("PBD")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "set_device_config",
            "Replace the connection's driver settings; for storage backends only.",
            (
                Param("self", Ref("PBD")),
                Param("value", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
    )
