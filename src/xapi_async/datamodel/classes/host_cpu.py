"""host_cpu: one logical processor of a host."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import FLOAT, INT, STRING, STRING_MAP, Ref


class HostCpu(ApiClass):
    """One logical processor of a host."""

    FACTS = ClassFacts("host_cpu", released="published rio, deprecated midnight-ride")
    uuid = Field(
        STRING, RO_RUNTIME, "Unique identifier of this processor record; changes whenever the host's agent starts."
    )
    host = Field(Ref("host"), RO_RUNTIME, "Host that contains this processor.")
    number = Field(INT, RO_RUNTIME, "Position of the processor within its host, counting from 0.")
    vendor = Field(STRING, RO_RUNTIME, "Maker of the processor as it identifies itself, for example GenuineIntel.")
    speed = Field(INT, RO_RUNTIME, "Clock speed of the processor in megahertz.")
    modelname = Field(STRING, RO_RUNTIME, "Marketing name of the processor as it reports itself.")
    family = Field(INT, RO_RUNTIME, "Family number of the processor; 0 if not known.")
    model = Field(INT, RO_RUNTIME, "Model number of the processor within its family; 0 if not known.")
    stepping = Field(STRING, RO_RUNTIME, "Revision (stepping) of the processor, as text.")
    flags = Field(STRING, RO_RUNTIME, "Names of the processor's capabilities, separated by spaces.")
    features = Field(STRING, RO_RUNTIME, "Feature mask of the processor; left empty, see the host's cpu_info.")
    utilisation = Field(
        FLOAT,
        RO_RUNTIME,
        "Share of time the processor is busy, 0 to 1; always 0, use the performance data.",
        persist=False,
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions about this processor.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published orlando",
    )
