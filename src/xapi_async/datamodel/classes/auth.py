"""auth: questions to the external directory with which the pool authenticates its users."""

from __future__ import annotations

from xapi_async.datamodel.language import ApiClass, ClassFacts, Message, Param
from xapi_async.datamodel.types import STRING, STRING_MAP, STRING_SET


class Auth(ApiClass):
    """Questions to the external directory with which the pool authenticates its users."""

    FACTS = ClassFacts(
        "auth", released="published george", in_database=False, persist=False, events=False, get_all=False
    )

    MESSAGES = (
        Message(
            "get_subject_identifier",
            "Look a user or group up by name in the directory and return its identifier.",
            (Param("subject_name", STRING),),
            result=STRING,
            has_async=False,
            released="published george",
        ),
        Message(
            "get_subject_information_from_identifier",
            "Return what the directory knows of the user or group with this identifier.",
            (Param("subject_identifier", STRING),),
            result=STRING_MAP,
            has_async=False,
            released="published george",
        ),
        Message(
            "get_group_membership",
            "List the identifiers of all groups, nested ones included, that the identifier belongs to.",
            (Param("subject_identifier", STRING),),
            result=STRING_SET,
            has_async=False,
            released="published george",
        ),
    )
