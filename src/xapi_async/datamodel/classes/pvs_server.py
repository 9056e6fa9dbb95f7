"""PVS_server: a Citrix Provisioning server, from which VMs stream their disks."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, NULL_REF, STRING, STRING_SET, Ref


class PVSServer(ApiClass):
    """A Citrix Provisioning server, from which VMs stream their disks."""

    FACTS = ClassFacts("PVS_server", released="published ely")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the server's record.", released="published ely")
    addresses = Field(
        STRING_SET,
        RO_CONSTRUCTOR,
        "IPv4 addresses under which the server is reached, without duplicates.",
        default=(),
        released="published ely",
    )
    first_port = Field(
        INT, RO_CONSTRUCTOR, "Lowest UDP port on which the server listens.", default=0, released="published ely"
    )
    last_port = Field(
        INT, RO_CONSTRUCTOR, "Highest UDP port on which the server listens.", default=0, released="published ely"
    )
    site = Field(
        Ref("PVS_site"),
        RO_CONSTRUCTOR,
        "Provisioning site that the server belongs to.",
        default=NULL_REF,
        released="published ely",
    )

    MESSAGES = (
        Message(
            "introduce",
            "Tell the pool of a provisioning server and its ports, and return its record.",
            (
                Param("addresses", STRING_SET),
                Param("first_port", INT),
                Param("last_port", INT),
                Param("site", Ref("PVS_site")),
            ),
            result=Ref("PVS_server"),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
        Message(
            "forget",
            "Delete the record of a provisioning server; the server itself is not touched.",
            (Param("self", Ref("PVS_server")),),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
    )
