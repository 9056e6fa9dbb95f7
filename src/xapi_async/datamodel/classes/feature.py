"""Feature: an optional, often experimental, product feature on one host and whether it is available there."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field
from xapi_async.datamodel.types import BOOL, STRING, Ref


class Feature(ApiClass):
    """An optional, often experimental, product feature on one host and whether it is available there."""

    FACTS = ClassFacts("Feature", released="published falcon")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this feature record.", released="published falcon")
    name_label = Field(STRING, RO_CONSTRUCTOR, "Name of the feature this record describes.", default="")
    name_description = Field(STRING, RO_CONSTRUCTOR, "Longer free text about the feature; normally empty.", default="")
    enabled = Field(
        BOOL,
        RO_RUNTIME,
        "True if the feature can be used on this host under its edition.",
        default=False,
        released="published falcon",
    )
    experimental = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "True if the feature is offered for trial and not yet fully supported.",
        default=False,
        released="published falcon",
    )
    version = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Version of the feature, as text, such as 1.0.",
        default="1.0",
        released="published falcon",
    )
    host = Field(Ref("host"), RO_RUNTIME, "Host that the record is about.", released="published falcon")
