"""subject: a user or group of an external directory that may log in to the pool."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN
from xapi_async.datamodel.types import STRING, STRING_MAP, STRING_SET, Ref, Set


class Subject(ApiClass):
    """A user or group of an external directory that may log in to the pool."""

    FACTS = ClassFacts("subject", released="published george", constructor_destructor=True, create_roles=POOL_ADMIN)
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the subject.")
    subject_identifier = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Identifier of the user or group in the directory, such as its SID.",
        default="",
        released="published george",
    )
    other_config = Field(
        STRING_MAP,
        RO_CONSTRUCTOR,
        "What the directory says of the user or group, refreshed every 15 minutes.",
        default={},
        released="published george",
    )
    roles = Field(
        Set(Ref("role")),
        RO_RUNTIME,
        "Roles held by the user or group; they decide which calls are permitted.",
        default=("OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba",),
        foreign_key=False,
        released="published midnight-ride",
    )

    MESSAGES = (
        Message(
            "add_to_roles",
            "Give the subject one more role, which counts from its next login.",
            (
                Param("self", Ref("subject")),
                Param("role", Ref("role")),
            ),
            roles=POOL_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "remove_from_roles",
            "Take a role away from the subject, counting from its next login.",
            (
                Param("self", Ref("subject")),
                Param("role", Ref("role")),
            ),
            roles=POOL_ADMIN,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "get_permissions_name_label",
            "List the names of all permissions that the subject's roles include, without repeats.",
            (Param("self", Ref("subject")),),
            result=STRING_SET,
            has_async=False,
            released="published midnight-ride",
        ),
    )
