"""SDN_controller: the controller, at most one in a pool, that steers the hosts' virtual switches."""

from __future__ import annotations

from xapi_async.datamodel.enums import SDN_CONTROLLER_PROTOCOL
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, STRING, Ref


class SDNController(ApiClass):
    """The controller, at most one in a pool, that steers the hosts' virtual switches."""

    FACTS = ClassFacts("SDN_controller", released="published falcon")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the controller's record.", released="published falcon")
    protocol = Field(
        SDN_CONTROLLER_PROTOCOL,
        RO_CONSTRUCTOR,
        "Way of connecting: hosts call the controller, or wait for its call.",
        default="ssl",
        released="published falcon",
    )
    address = Field(
        STRING,
        RO_CONSTRUCTOR,
        "IPv4 address of the controller; empty when hosts wait for its call.",
        default="",
        released="published falcon",
    )
    port = Field(
        INT,
        RO_CONSTRUCTOR,
        "TCP port of the controller; 0 when hosts wait for its call.",
        default=0,
        released="published falcon",
    )

    MESSAGES = (
        Message(
            "introduce",
            "Put the pool's switches under a controller; with ssl, port 0 stands for 6632.",
            (
                Param("protocol", SDN_CONTROLLER_PROTOCOL, "ssl"),
                Param("address", STRING, ""),
                Param("port", INT, 0),
            ),
            result=Ref("SDN_controller"),
            roles=POOL_OPERATOR,
            released="published falcon",
        ),
        Message(
            "forget",
            "Delete the controller's record and have the hosts' switches work without it.",
            (Param("self", Ref("SDN_controller")),),
            roles=POOL_OPERATOR,
            released="published falcon",
        ),
    )
