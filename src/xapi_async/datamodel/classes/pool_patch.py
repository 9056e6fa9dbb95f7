"""pool_patch: old-style view of an update, kept for clients that do not know pool_update."""

from __future__ import annotations

from xapi_async.datamodel.enums import AFTER_APPLY_GUIDANCE
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, INT, NULL_REF, STRING, STRING_MAP, Ref, Set


class PoolPatch(ApiClass):
    """Old-style view of an update, kept for clients that do not know pool_update."""

    FACTS = ClassFacts("pool_patch", released="published miami, deprecated ely")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the patch, derived from that of its update.")
    name_label = Field(STRING, RO_CONSTRUCTOR, "Display name of the patch.", default="")
    name_description = Field(STRING, RO_CONSTRUCTOR, "Longer free text about what the patch contains.", default="")
    version = Field(STRING, RO_CONSTRUCTOR, "Version of the patch, as text.", default="", released="published miami")
    filename = Field(
        STRING,
        RO_RUNTIME,
        "Path of the uploaded patch file on the master (internal); empty for updates.",
        default="",
        internal=True,
        released="published miami",
    )
    size = Field(
        INT, RO_RUNTIME, "Disk space needed to install the patch, in bytes.", default=0, released="published miami"
    )
    pool_applied = Field(
        BOOL,
        RO_RUNTIME,
        "True once the patch was applied to every host in one call.",
        default=False,
        released="published miami",
    )
    host_patches = Field(
        Set(Ref("host_patch")), RO_RUNTIME, "Records of this patch on individual hosts.", released="published miami"
    )
    after_apply_guidance = Field(
        Set(AFTER_APPLY_GUIDANCE),
        RO_RUNTIME,
        "What to restart after applying the patch: guests, hosts or the agent.",
        default=(),
        released="published miami",
    )
    pool_update = Field(
        Ref("pool_update"),
        RO_CONSTRUCTOR,
        "Update that this patch stands for; NULL if there is none.",
        default=NULL_REF,
        released="published ely",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this patch.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )

    MESSAGES = (
        Message(
            "apply",
            "Deprecated; install the patch on one host, as pool_update.apply does.",
            (
                Param("self", Ref("pool_patch")),
                Param("host", Ref("host")),
            ),
            result=STRING,
            roles=POOL_OPERATOR,
            released="published miami, deprecated ely",
        ),
        Message(
            "pool_apply",
            "Deprecated; install the patch on each host in turn, stopping at the first failure.",
            (Param("self", Ref("pool_patch")),),
            roles=POOL_OPERATOR,
            released="published miami, deprecated ely",
        ),
        Message(
            "precheck",
            "Deprecated; check whether the patch could be installed on a host, failing if not.",
            (
                Param("self", Ref("pool_patch")),
                Param("host", Ref("host")),
            ),
            result=STRING,
            roles=POOL_OPERATOR,
            released="published miami, deprecated ely",
        ),
        Message(
            "clean",
            "Deprecated; used to delete the patch file from the master, and now does nothing.",
            (Param("self", Ref("pool_patch")),),
            roles=POOL_OPERATOR,
            released="published miami, deprecated ely",
        ),
        Message(
            "pool_clean",
            "Deprecated; delete the disk holding the update's files, while keeping its records.",
            (Param("self", Ref("pool_patch")),),
            roles=POOL_OPERATOR,
            released="published tampa, deprecated ely",
        ),
        Message(
            "destroy",
            "Deprecated; delete the records of a patch and its update when no host has it applied.",
            (Param("self", Ref("pool_patch")),),
            roles=POOL_OPERATOR,
            released="published miami, deprecated ely",
        ),
        Message(
            "clean_on_host",
            "Deprecated; used to delete the patch file from one host, and now does nothing.",
            (
                Param("self", Ref("pool_patch")),
                Param("host", Ref("host")),
            ),
            roles=POOL_OPERATOR,
            released="published tampa, deprecated ely",
        ),
    )
