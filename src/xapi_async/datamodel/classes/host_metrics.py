"""host_metrics: memory size and liveness of a host."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, DATETIME, INT, STRING, STRING_MAP


class HostMetrics(ApiClass):
    """Memory size and liveness of a host."""

    FACTS = ClassFacts("host_metrics")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this metrics record.")
    memory_total = Field(INT, RO_RUNTIME, "Physical memory installed in the host, in bytes.")
    memory_free = Field(
        INT,
        RO_RUNTIME,
        "Memory in bytes not allocated to anything; superseded by host.compute_free_memory.",
        released="deprecated midnight-ride, removed tampa",
    )
    live = Field(BOOL, RO_RUNTIME, "True while the pool master regards the host as up and reachable.")
    last_updated = Field(DATETIME, RO_RUNTIME, "When this record was last brought up to date, in UTC.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions on this metrics record.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published orlando",
    )
