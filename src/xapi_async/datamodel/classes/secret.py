"""secret: a confidential text, such as a password, that other objects refer to by uuid."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import STRING, STRING_MAP, Ref


class Secret(ApiClass):
    """A confidential text, such as a password, that other objects refer to by uuid."""

    FACTS = ClassFacts(
        "secret",
        released="published midnight-ride",
        events=False,
        constructor_destructor=True,
        create_roles=POOL_OPERATOR,
        read_roles=POOL_OPERATOR,
    )
    uuid = Field(
        STRING, RO_RUNTIME, "Permanent identifier, used wherever the secret is referred to.", getter_roles=POOL_OPERATOR
    )
    value = Field(
        STRING,
        RW,
        "The confidential text itself, readable by permitted callers.",
        setter_roles=POOL_OPERATOR,
        getter_roles=POOL_OPERATOR,
    )
    other_config = Field(
        STRING_MAP, RW, "Key and value pairs for clients' own use.", default={}, setter_roles=POOL_OPERATOR
    )

    MESSAGES = (
        Message(
            "introduce",
            "Store a secret under a uuid that is already decided; internal.",
            (
                Param("uuid", STRING),
                Param("value", STRING),
                Param("other_config", STRING_MAP, {}),
            ),
            result=Ref("secret"),
            roles=POOL_OPERATOR,
            has_async=False,
            documented=False,
            secret=True,
            released="published midnight-ride",
        ),
    )
