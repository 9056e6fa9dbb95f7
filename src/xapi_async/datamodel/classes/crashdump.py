"""crashdump: a dump of guest memory kept on disk after a crash; deprecated."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import STRING, STRING_MAP, Ref


class Crashdump(ApiClass):
    """A dump of guest memory kept on disk after a crash; deprecated."""

    FACTS = ClassFacts("crashdump", released="published rio, deprecated inverness")
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this crash dump.")
    VM = Field(Ref("VM"), RO_CONSTRUCTOR, "Virtual machine whose crash produced the dump.")
    VDI = Field(Ref("VDI"), RO_CONSTRUCTOR, "Disk image that holds the dump.")
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
            "destroy",
            "Delete the crash dump record, along with its disk where possible.",
            (Param("self", Ref("crashdump")),),
            roles=POOL_OPERATOR,
        ),
    )
