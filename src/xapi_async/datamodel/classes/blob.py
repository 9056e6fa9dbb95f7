"""blob: a binary object of any kind, stored by the server on behalf of clients."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, DATETIME, INT, STRING, Ref


class Blob(ApiClass):
    """A binary object of any kind, stored by the server on behalf of clients."""

    FACTS = ClassFacts("blob", released="published orlando", has_async=False)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this binary object.")
    name_label = Field(STRING, RW, "Display name of the binary object.", default="", setter_roles=POOL_OPERATOR)
    name_description = Field(
        STRING, RW, "Free text saying what the binary object contains.", default="", setter_roles=POOL_OPERATOR
    )
    size = Field(INT, RO_RUNTIME, "Size of the stored contents in bytes; 0 before the first upload.")
    public = Field(
        BOOL,
        RW,
        "Whether the contents can be downloaded without logging in.",
        default=False,
        setter_roles=POOL_OPERATOR,
        released="published tampa",
    )
    last_updated = Field(DATETIME, RO_CONSTRUCTOR, "When the contents were last uploaded; start of 1970 if never.")
    mime_type = Field(STRING, RO_CONSTRUCTOR, "Media type of the contents, such as image/png.")

    MESSAGES = (
        Message(
            "create",
            "Create an empty binary object; an empty media type means application/octet-stream.",
            (
                Param("mime_type", STRING),
                Param("public", BOOL, False),
            ),
            result=Ref("blob"),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "destroy",
            "Delete the binary object together with its contents.",
            (Param("self", Ref("blob")),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
    )
