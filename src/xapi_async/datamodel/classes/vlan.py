"""VLAN: a tagged virtual LAN on a host interface, appearing as a further interface of its own."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, NULL_REF, STRING, STRING_MAP, Ref


class VLAN(ApiClass):
    """A tagged virtual LAN on a host interface, appearing as a further interface of its own."""

    FACTS = ClassFacts("VLAN", released="published miami")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this VLAN.")
    tagged_PIF = Field(
        Ref("PIF"),
        RO_CONSTRUCTOR,
        "Underlying interface, on which the traffic carries the tag.",
        default=NULL_REF,
        released="published miami",
    )
    untagged_PIF = Field(
        Ref("PIF"),
        RO_RUNTIME,
        "New interface that connects the VLAN's network, where the tag is stripped.",
        default=NULL_REF,
        released="published miami",
    )
    tag = Field(
        INT, RO_CONSTRUCTOR, "VLAN number from 0 to 4094; -1 if not set.", default=-1, released="published miami"
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this VLAN.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )

    MESSAGES = (
        Message(
            "pool_introduce",
            "Create a VLAN record with all its values given; for use between pool members.",
            (
                Param("tagged_PIF", Ref("PIF")),
                Param("untagged_PIF", Ref("PIF")),
                Param("tag", INT),
                Param("other_config", STRING_MAP),
            ),
            result=Ref("VLAN"),
            roles=POOL_OPERATOR,
            documented=False,
            released="published inverness",
        ),
        Message(
            "create",
            "Set up a VLAN with the given tag over an interface and connect it to a network.",
            (
                Param("tagged_PIF", Ref("PIF")),
                Param("tag", INT),
                Param("network", Ref("network")),
            ),
            result=Ref("VLAN"),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "destroy",
            "Take down a VLAN and delete it with its untagged interface; the network stays.",
            (Param("self", Ref("VLAN")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
    )
