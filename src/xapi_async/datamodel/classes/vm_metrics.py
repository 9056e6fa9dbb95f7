"""VM_metrics: measurements of a virtual machine that the host makes from outside the guest."""

from __future__ import annotations

from xapi_async.datamodel.enums import DOMAIN_TYPE
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import VM_ADMIN
from xapi_async.datamodel.types import BOOL, DATETIME, FLOAT, INT, STRING, STRING_MAP, STRING_SET, Map


class VMMetrics(ApiClass):
    """Measurements of a virtual machine that the host makes from outside the guest."""

    FACTS = ClassFacts("VM_metrics")
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this set of measurements.")
    memory_actual = Field(INT, RO_RUNTIME, "Memory in bytes that the guest has at present.", persist=False)
    VCPUs_number = Field(INT, RO_RUNTIME, "Number of virtual CPUs the VM has at present.")
    VCPUs_utilisation = Field(
        Map(INT, FLOAT),
        RO_RUNTIME,
        "Formerly the load of each virtual CPU, as a fraction from 0 to 1.",
        persist=False,
        released="removed tampa",
    )
    VCPUs_CPU = Field(
        Map(INT, INT), RO_RUNTIME, "Physical CPU on which each virtual CPU runs, by number.", persist=False
    )
    VCPUs_params = Field(
        STRING_MAP, RO_RUNTIME, "Scheduling settings currently in force for the virtual CPUs.", persist=False
    )
    VCPUs_flags = Field(
        Map(INT, STRING_SET),
        RO_RUNTIME,
        "State flags of each virtual CPU, for instance whether it is blocked.",
        persist=False,
    )
    state = Field(STRING_SET, RO_RUNTIME, "State flags that the hypervisor shows for the whole domain.", persist=False)
    start_time = Field(DATETIME, RO_RUNTIME, "When the VM last booted; start of 1970 if never.")
    install_time = Field(DATETIME, RO_RUNTIME, "When the VM was made out of a template; start of 1970 if never.")
    last_updated = Field(DATETIME, RO_RUNTIME, "When these measurements were last changed.", persist=False)
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients' own use.",
        default={},
        setter_roles=VM_ADMIN,
        persist=False,
        released="published orlando",
    )
    hvm = Field(
        BOOL,
        RO_RUNTIME,
        "Whether the VM's current domain uses full hardware virtualisation.",
        default=False,
        persist=False,
        released="published ely",
    )
    nested_virt = Field(
        BOOL,
        RO_RUNTIME,
        "Whether the current domain may run virtual machines of its own.",
        default=False,
        persist=False,
        released="published ely",
    )
    nomigrate = Field(
        BOOL,
        RO_RUNTIME,
        "Whether the current domain must not be migrated or suspended.",
        default=False,
        persist=False,
        released="published ely",
    )
    current_domain_type = Field(
        DOMAIN_TYPE,
        RO_RUNTIME,
        "Kind of virtualisation of the present domain; unspecified if not known.",
        default="unspecified",
        persist=False,
        released="published jura",
    )
