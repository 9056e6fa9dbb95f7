"""Bond: several network cards of a host combined into one interface for resilience or throughput."""

from __future__ import annotations

from xapi_async.datamodel.enums import BOND_MODE
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, NULL_REF, STRING, STRING_MAP, Ref, Set


class Bond(ApiClass):
    """Several network cards of a host combined into one interface for resilience or throughput."""

    FACTS = ClassFacts("Bond", released="published miami")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this bond.")
    master = Field(
        Ref("PIF"),
        RO_CONSTRUCTOR,
        "PIF that represents the bond as a whole.",
        default=NULL_REF,
        released="published miami",
    )
    slaves = Field(
        Set(Ref("PIF")), RO_RUNTIME, "Member PIFs that are combined in the bond.", released="published miami"
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this bond.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )
    primary_slave = Field(
        Ref("PIF"),
        RO_RUNTIME,
        "Member whose MAC address and IP settings the bond took over.",
        default=NULL_REF,
        released="published boston",
    )
    mode = Field(
        BOND_MODE,
        RO_RUNTIME,
        "How traffic is spread over the members: balance-slb, active-backup or lacp.",
        default="balance-slb",
        released="published boston",
    )
    properties = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Settings of the bond's mode; only lacp has any.",
        default={},
        released="published tampa",
    )
    links_up = Field(
        INT, RO_RUNTIME, "How many members have a working link at the moment.", default=0, released="published tampa"
    )

    MESSAGES = (
        Message(
            "create",
            "Combine PIFs of one host into a bond on a network; an empty MAC takes over a member's.",
            (
                Param("network", Ref("network")),
                Param("members", Set(Ref("PIF"))),
                Param("MAC", STRING),
                Param("mode", BOND_MODE, "balance-slb"),
                Param("properties", STRING_MAP, {}),
            ),
            result=Ref("Bond"),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "destroy",
            "Split up a bond, giving its IP settings, VLANs and local VIFs to the primary member.",
            (Param("self", Ref("Bond")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "set_mode",
            "Change the bond's mode, dropping properties that do not suit it and adding defaults.",
            (
                Param("self", Ref("Bond")),
                Param("value", BOND_MODE),
            ),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "set_property",
            "Set one property of the bond, which must be valid in its present mode.",
            (
                Param("self", Ref("Bond")),
                Param("name", STRING),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published tampa",
        ),
    )
