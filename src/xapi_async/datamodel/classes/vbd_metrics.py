"""VBD_metrics: throughput figures of a virtual block device; removed in favour of recorded statistics."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import VM_ADMIN
from xapi_async.datamodel.types import DATETIME, FLOAT, STRING, STRING_MAP


class VBDMetrics(ApiClass):
    """Throughput figures of a virtual block device; removed in favour of recorded statistics."""

    FACTS = ClassFacts("VBD_metrics", released="published rio, removed tampa", persist=False)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this set of figures.")
    io_read_kbs = Field(
        FLOAT, RO_RUNTIME, "Removed; read throughput in kilobytes per second.", persist=False, released="removed tampa"
    )
    io_write_kbs = Field(
        FLOAT, RO_RUNTIME, "Removed; write throughput in kilobytes per second.", persist=False, released="removed tampa"
    )
    last_updated = Field(DATETIME, RO_RUNTIME, "When these figures were last changed.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients' own use.",
        default={},
        setter_roles=VM_ADMIN,
        released="published orlando",
    )
