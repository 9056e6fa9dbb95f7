"""PIF_metrics: link state and hardware details of a host's network interface."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, DATETIME, FLOAT, INT, STRING, STRING_MAP


class PIFMetrics(ApiClass):
    """Link state and hardware details of a host's network interface."""

    FACTS = ClassFacts("PIF_metrics")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this metrics record.")
    io_read_kbs = Field(
        FLOAT,
        RO_RUNTIME,
        "Receive rate in kilobytes per second; no longer kept, always 0.",
        persist=False,
        released="removed tampa",
    )
    io_write_kbs = Field(
        FLOAT,
        RO_RUNTIME,
        "Send rate in kilobytes per second; no longer kept, always 0.",
        persist=False,
        released="removed tampa",
    )
    carrier = Field(BOOL, RO_RUNTIME, "True if the network card senses a link.")
    vendor_id = Field(STRING, RO_RUNTIME, "PCI vendor number of the network card; empty if not known.")
    vendor_name = Field(STRING, RO_RUNTIME, "Name of the network card's maker; empty if not known.")
    device_id = Field(STRING, RO_RUNTIME, "PCI device number of the network card; empty if not known.")
    device_name = Field(STRING, RO_RUNTIME, "Model name of the network card; empty if not known.")
    speed = Field(INT, RO_RUNTIME, "Link speed in megabits per second; 0 if not known.")
    duplex = Field(BOOL, RO_RUNTIME, "True if the link is full duplex; false if half or unknown.")
    pci_bus_path = Field(STRING, RO_RUNTIME, "PCI location of the network card; empty if not known.")
    last_updated = Field(DATETIME, RO_RUNTIME, "When this record was last changed, in UTC; 1970 if never.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions on this metrics record.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published orlando",
    )
