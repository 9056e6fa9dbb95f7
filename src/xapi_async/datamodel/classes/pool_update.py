"""pool_update: a software update made known to the pool, together with the hosts it is applied to."""

from __future__ import annotations

from xapi_async.datamodel.enums import LIVEPATCH_STATUS, UPDATE_AFTER_APPLY_GUIDANCE
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, INT, STRING, STRING_MAP, Ref, Set


class PoolUpdate(ApiClass):
    """A software update made known to the pool, together with the hosts it is applied to."""

    FACTS = ClassFacts("pool_update", released="published ely")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the update, taken from the update package itself.")
    name_label = Field(STRING, RO_CONSTRUCTOR, "Name of the update, taken from its package.", default="")
    name_description = Field(STRING, RO_CONSTRUCTOR, "Longer free text about what the update contains.", default="")
    version = Field(STRING, RO_CONSTRUCTOR, "Version of the update, as text.", default="", released="published ely")
    installation_size = Field(
        INT, RO_CONSTRUCTOR, "Disk space the update needs on each host, in bytes.", default=0, released="published ely"
    )
    key = Field(
        STRING,
        RO_CONSTRUCTOR,
        "File name of the key used to verify the update's signature.",
        default="",
        released="published ely",
    )
    after_apply_guidance = Field(
        Set(UPDATE_AFTER_APPLY_GUIDANCE),
        RO_CONSTRUCTOR,
        "What to restart after applying the update: guests, hosts or the agent; advice only.",
        default=(),
        released="published ely",
    )
    vdi = Field(Ref("VDI"), RO_CONSTRUCTOR, "Disk holding the update's files; NULL once they have been cleaned away.")
    hosts = Field(Set(Ref("host")), RO_RUNTIME, "Hosts on which the update is installed.", released="published ely")
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this update.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published inverness",
    )
    enforce_homogeneity = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "True if all hosts of a pool must agree on having this update.",
        default=False,
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "introduce",
            "Read the update package on a disk, verify its signature and register it in the pool.",
            (Param("vdi", Ref("VDI")),),
            result=Ref("pool_update"),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
        Message(
            "precheck",
            "Check whether the update could be installed on a host, and say how far live patching covers it.",
            (
                Param("self", Ref("pool_update")),
                Param("host", Ref("host")),
            ),
            result=LIVEPATCH_STATUS,
            roles=POOL_OPERATOR,
            forwarded_to="host extension pool_update.precheck",
            released="published ely",
        ),
        Message(
            "apply",
            "Install the update on one host; restarts it recommends are left to the caller.",
            (
                Param("self", Ref("pool_update")),
                Param("host", Ref("host")),
            ),
            roles=POOL_OPERATOR,
            forwarded_to="host extension pool_update.apply",
            released="published ely",
        ),
        Message(
            "pool_apply",
            "Install the update on every host that lacks it, carrying on past hosts that fail.",
            (Param("self", Ref("pool_update")),),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
        Message(
            "pool_clean",
            "Delete the disk holding the update's files, whether the update is applied or not.",
            (Param("self", Ref("pool_update")),),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
        Message(
            "destroy",
            "Delete the records of an update that no host has applied; its disk is kept.",
            (Param("self", Ref("pool_update")),),
            roles=POOL_OPERATOR,
            released="published ely",
        ),
        Message(
            "attach",
            "Make the update's files available to hosts and return where to find them; internal use.",
            (Param("self", Ref("pool_update")),),
            result=STRING,
            roles=POOL_OPERATOR,
            documented=False,
            released="published ely",
        ),
        Message(
            "detach",
            "Undo attach, so that the update's files are no longer available; internal use.",
            (Param("self", Ref("pool_update")),),
            roles=POOL_OPERATOR,
            documented=False,
            released="published ely",
        ),
        Message(
            "resync_host",
            "Correct the records of updates on a host to match what is really installed there.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            documented=False,
            released="published ely",
        ),
    )
