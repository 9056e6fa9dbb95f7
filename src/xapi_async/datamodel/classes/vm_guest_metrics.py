"""VM_guest_metrics: information about a virtual machine reported by the agent running inside the guest."""

from __future__ import annotations

from xapi_async.datamodel.enums import TRISTATE_TYPE
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import VM_ADMIN
from xapi_async.datamodel.types import BOOL, DATETIME, STRING, STRING_MAP


class VMGuestMetrics(ApiClass):
    """Information about a virtual machine reported by the agent running inside the guest."""

    FACTS = ClassFacts("VM_guest_metrics")
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this guest report.")
    os_version = Field(STRING_MAP, RO_RUNTIME, "Name, distribution and version numbers of the guest operating system.")
    PV_drivers_version = Field(STRING_MAP, RO_RUNTIME, "Version parts of the paravirtual drivers found in the guest.")
    PV_drivers_up_to_date = Field(
        BOOL, RO_RUNTIME, "Same value as PV_drivers_detected; deprecated.", released="published rio, deprecated dundee"
    )
    memory = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Formerly memory use seen by the guest; removed and never filled.",
        released="published rio, removed george",
    )
    disks = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Formerly disk use seen by the guest; removed and always empty.",
        released="published rio, removed orlando",
    )
    networks = Field(
        STRING_MAP, RO_RUNTIME, "Addresses of the guest's interfaces, under keys such as '0/ip' and '0/ipv6/0'."
    )
    other = Field(STRING_MAP, RO_RUNTIME, "Further guest reports, mainly the features its agent supports.")
    last_updated = Field(DATETIME, RO_RUNTIME, "When the guest's report last changed.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients' own use.",
        default={},
        setter_roles=VM_ADMIN,
        released="published orlando",
    )
    live = Field(
        BOOL,
        RO_RUNTIME,
        "True when the report comes from the guest as now running.",
        default=False,
        released="published orlando",
    )
    can_use_hotplug_vbd = Field(
        TRISTATE_TYPE,
        RO_RUNTIME,
        "Whether block devices can be plugged and unplugged while the guest runs.",
        default="unspecified",
        released="published dundee",
    )
    can_use_hotplug_vif = Field(
        TRISTATE_TYPE,
        RO_RUNTIME,
        "Whether network interfaces can be plugged and unplugged while the guest runs.",
        default="unspecified",
        released="published dundee",
    )
    PV_drivers_detected = Field(
        BOOL,
        RO_RUNTIME,
        "Whether working paravirtual drivers were seen in the guest.",
        default=False,
        released="published dundee",
    )
