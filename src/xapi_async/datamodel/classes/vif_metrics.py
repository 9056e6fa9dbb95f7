"""VIF_metrics: former traffic figures of a virtual network interface, no longer brought up to date."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import VM_ADMIN
from xapi_async.datamodel.types import DATETIME, FLOAT, STRING, STRING_MAP


class VIFMetrics(ApiClass):
    """Former traffic figures of a virtual network interface, no longer brought up to date."""

    FACTS = ClassFacts("VIF_metrics", released="published rio, removed tampa", persist=False)
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this metrics record.")
    io_read_kbs = Field(
        FLOAT,
        RO_RUNTIME,
        "Read rate in kilobytes per second; no longer kept, always 0.",
        persist=False,
        released="removed tampa",
    )
    io_write_kbs = Field(
        FLOAT,
        RO_RUNTIME,
        "Write rate in kilobytes per second; no longer kept, always 0.",
        persist=False,
        released="removed tampa",
    )
    last_updated = Field(DATETIME, RO_RUNTIME, "When the figures last changed; stays at 1970 since they never do.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions on this metrics record.",
        default={},
        setter_roles=VM_ADMIN,
        released="published orlando",
    )
