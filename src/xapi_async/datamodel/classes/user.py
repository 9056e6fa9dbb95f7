"""user: obsolete: a plain record of a user, unconnected with logins; see subject."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import POOL_ADMIN
from xapi_async.datamodel.types import STRING, STRING_MAP


class User(ApiClass):
    """Obsolete: a plain record of a user, unconnected with logins; see subject."""

    FACTS = ClassFacts(
        "user",
        released="published rio, deprecated george",
        events=False,
        constructor_destructor=True,
        get_all=False,
        create_roles=POOL_ADMIN,
    )
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the user record.")
    short_name = Field(STRING, RO_CONSTRUCTOR, "Short name of the user, fixed at creation.")
    fullname = Field(STRING, RW, "Full name of the user, for people to read.", setter_roles=POOL_ADMIN)
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients.",
        default={},
        setter_roles=POOL_ADMIN,
        released="published orlando",
    )
