"""tunnel: a tunnel that links a network's hosts to one another over another interface."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import NULL_REF, STRING, STRING_MAP, Ref


class Tunnel(ApiClass):
    """A tunnel that links a network's hosts to one another over another interface."""

    FACTS = ClassFacts("tunnel", released="published cowley")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this tunnel.", released="published cowley")
    access_PIF = Field(
        Ref("PIF"),
        RO_CONSTRUCTOR,
        "Interface made for the tunnel, joining the host to the tunnel's network.",
        default=NULL_REF,
        released="published cowley",
    )
    transport_PIF = Field(
        Ref("PIF"),
        RO_CONSTRUCTOR,
        "Interface that carries the encapsulated traffic.",
        default=NULL_REF,
        released="published cowley",
    )
    status = Field(
        STRING_MAP,
        RW,
        "State written by the network controller; active is true or false, key identifies it.",
        default={"active": "false"},
        setter_roles=POOL_OPERATOR,
        released="published cowley",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this tunnel.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published cowley",
    )

    MESSAGES = (
        Message(
            "create",
            "Set up a tunnel over an interface with an address for a network; needs Open vSwitch.",
            (
                Param("transport_PIF", Ref("PIF")),
                Param("network", Ref("network")),
            ),
            result=Ref("tunnel"),
            roles=POOL_OPERATOR,
            errors=(
                "OPENVSWITCH_NOT_ACTIVE",
                "TRANSPORT_PIF_NOT_CONFIGURED",
                "IS_TUNNEL_ACCESS_PIF",
            ),
            released="published cowley",
        ),
        Message(
            "destroy",
            "Take down a tunnel and delete it with its access interface; the network stays.",
            (Param("self", Ref("tunnel")),),
            roles=POOL_OPERATOR,
            released="published cowley",
        ),
    )
