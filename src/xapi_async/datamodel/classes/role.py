"""role: a named set of permissions, or a single permission; all are fixed."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.types import STRING, STRING_SET, Ref, Set


class Role(ApiClass):
    """A named set of permissions, or a single permission; all are fixed."""

    FACTS = ClassFacts("role", released="published midnight-ride")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier, the same on every server.")
    name_label = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Name of the role, or the call that a permission opens, in lower case.",
        default="",
        released="published midnight-ride",
    )
    name_description = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Longer text about the role, for people to read.",
        default="",
        released="published midnight-ride",
    )
    subroles = Field(
        Set(Ref("role")),
        RO_CONSTRUCTOR,
        "Permissions that the role includes; empty for a permission.",
        default=(),
        foreign_key=False,
        released="published midnight-ride",
    )

    MESSAGES = (
        Message(
            "get_permissions",
            "Return the permissions included in a role; a permission returns itself.",
            (Param("self", Ref("role")),),
            result=Set(Ref("role")),
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "get_permissions_name_label",
            "List the names of the permissions included in a role; a permission gives its own.",
            (Param("self", Ref("role")),),
            result=STRING_SET,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "get_by_permission",
            "Return the roles that include the given permission; none for a role.",
            (Param("permission", Ref("role")),),
            result=Set(Ref("role")),
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "get_by_permission_name_label",
            "Return the roles that include the permission of the given name, none if unknown.",
            (Param("label", STRING),),
            result=Set(Ref("role")),
            has_async=False,
            released="published midnight-ride",
        ),
    )
