"""DR_task: a disaster recovery session that keeps track of the replicated storage attached for it."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import STRING, STRING_MAP, STRING_SET, Ref, Set


class DRTask(ApiClass):
    """A disaster recovery session that keeps track of the replicated storage attached for it."""

    FACTS = ClassFacts("DR_task", released="published boston")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this disaster recovery session.")
    introduced_SRs = Field(
        Set(Ref("SR")), RO_RUNTIME, "SRs attached for this session and detached again when it is destroyed."
    )

    MESSAGES = (
        Message(
            "create",
            "Find SRs on the described storage and attach to all hosts those whose uuids are whitelisted.",
            (
                Param("type", STRING),
                Param("device_config", STRING_MAP),
                Param("whitelist", STRING_SET),
            ),
            result=Ref("DR_task"),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "destroy",
            "Detach and forget the SRs still belonging to the session, then delete it.",
            (Param("self", Ref("DR_task")),),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
    )
