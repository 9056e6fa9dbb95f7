"""host_patch: old-style record that a patch is present on one particular host."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, DATETIME, INT, NULL_REF, STRING, STRING_MAP, Ref


class HostPatch(ApiClass):
    """Old-style record that a patch is present on one particular host."""

    FACTS = ClassFacts("host_patch", released="published rio, deprecated ely")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this host patch record.")
    name_label = Field(STRING, RO_CONSTRUCTOR, "Display name of the patch; empty for present-day updates.", default="")
    name_description = Field(
        STRING, RO_CONSTRUCTOR, "Longer free text about the patch; empty for present-day updates.", default=""
    )
    version = Field(STRING, RO_CONSTRUCTOR, "Version of the patch, as text.")
    host = Field(Ref("host"), RO_CONSTRUCTOR, "Host the record is about.")
    filename = Field(STRING, RO_RUNTIME, "Path of the patch file on the host (internal).", internal=True)
    applied = Field(BOOL, RO_RUNTIME, "True if the patch is installed on the host.")
    timestamp_applied = Field(DATETIME, RO_RUNTIME, "When the patch was installed on the host, in UTC.")
    size = Field(INT, RO_RUNTIME, "Size of the patch in bytes; 0 for present-day updates.")
    pool_patch = Field(
        Ref("pool_patch"),
        RO_CONSTRUCTOR,
        "Patch that this record is an instance of; NULL if there is none.",
        default=NULL_REF,
        released="published miami",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this patch on this host.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )

    MESSAGES = (
        Message(
            "destroy",
            "Deprecated; delete the record alone, leaving the installed patch as it is.",
            (Param("self", Ref("host_patch")),),
            roles=POOL_OPERATOR,
            released="published rio, deprecated miami",
        ),
        Message(
            "apply",
            "Deprecated and always failing; it used to install the patch on its host.",
            (Param("self", Ref("host_patch")),),
            result=STRING,
            roles=POOL_OPERATOR,
            released="published rio, deprecated miami",
        ),
    )
