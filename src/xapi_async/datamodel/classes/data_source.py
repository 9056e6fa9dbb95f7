"""data_source: a statistic that can be recorded for a host, virtual machine or storage repository."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, ApiClass, ClassFacts, Field
from xapi_async.datamodel.types import BOOL, FLOAT, STRING


class DataSource(ApiClass):
    """A statistic that can be recorded for a host, virtual machine or storage repository."""

    FACTS = ClassFacts(
        "data_source",
        released="published orlando",
        in_database=False,
        persist=False,
        events=False,
        get_all=False,
        has_async=False,
    )
    name_label = Field(STRING, RO_RUNTIME, "Name by which the statistic is recorded and queried.", default="")
    name_description = Field(STRING, RO_RUNTIME, "Free text saying what the statistic measures.", default="")
    enabled = Field(BOOL, RO_RUNTIME, "Whether history is being recorded for the statistic.")
    standard = Field(BOOL, RO_RUNTIME, "Whether the statistic is recorded without having to be asked for.")
    units = Field(STRING, RO_RUNTIME, "Unit in which the value is expressed, as text.")
    min = Field(FLOAT, RO_RUNTIME, "Smallest value that the statistic can take.")
    max = Field(FLOAT, RO_RUNTIME, "Largest value that the statistic can take.")
    value = Field(FLOAT, RO_RUNTIME, "Value of the statistic at the time of the call.")
