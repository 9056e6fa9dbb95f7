"""What may be done to a VM when, as data: the tables that :mod:`xapi_async.operations.vm.rules` reads."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.enums import VM_OPERATIONS

ALL_OPERATIONS = frozenset(VM_OPERATIONS.values)

SHOWN = (
    "snapshot",
    "copy",
    "clone",
    "revert",
    "checkpoint",
    "snapshot_with_quiesce",
    "start",
    "start_on",
    "pause",
    "unpause",
    "clean_shutdown",
    "clean_reboot",
    "hard_shutdown",
    "hard_reboot",
    "suspend",
    "resume",
    "resume_on",
    "export",
    "destroy",
    "provision",
    "changing_VCPUs_live",
    "pool_migrate",
    "migrate_send",
    "make_into_template",
    "changing_static_range",
    "changing_shadow_memory",
    "changing_dynamic_range",
)
"""The operations that allowed_operations can list."""

NAMES_IN_ERRORS: Mapping[str, str] = {
    "assert_operation_valid": "assertoperationvalid",
    "data_source_op": "data_sources_op",
    "changing_memory_limits": "(unknown operation)",
    "changing_VCPUs": "(unknown operation)",
    "query_services": "(unknown operation)",
    "create_template": "(unknown operation)",
}
"""Operations that errors call by another name than the enumeration does."""

# Power states. The order within a tuple is the order in which errors name them.

_HALTED = ("Halted",)
_RUNNING = ("Running",)
_HALTED_SUSPENDED = ("Halted", "Suspended")
_NOT_HALTED = ("Paused", "Suspended", "Running")
ANY_STATE = ("Halted", "Paused", "Suspended", "Running")

POWER_STATES: Mapping[str, tuple[str, ...]] = {
    "import": (),
    **dict.fromkeys(("start", "start_on", "provision", "make_into_template", "changing_shadow_memory"), _HALTED),
    **dict.fromkeys(("changing_VCPUs", "changing_static_range", "changing_memory_limits"), _HALTED),
    **dict.fromkeys(("clone", "copy"), _HALTED),
    "changing_dynamic_range": ("Halted", "Running"),
    **dict.fromkeys(("create_template", "destroy", "export"), _HALTED_SUSPENDED),
    "migrate_send": ("Halted", "Suspended", "Running"),
    "unpause": ("Paused",),
    **dict.fromkeys(("csvm", "resume", "resume_on"), ("Suspended",)),
    "hard_reboot": ("Paused", "Running"),
    **dict.fromkeys(("checkpoint", "get_boot_record", "shutdown", "hard_shutdown"), _NOT_HALTED),
    **dict.fromkeys(
        (
            "awaiting_memory_live",
            "call_plugin",
            "clean_reboot",
            "clean_shutdown",
            "changing_memory_live",
            "changing_shadow_memory_live",
            "changing_VCPUs_live",
            "data_source_op",
            "pause",
            "pool_migrate",
            "send_sysrq",
            "send_trigger",
            "snapshot_with_quiesce",
            "suspend",
        ),
        _RUNNING,
    ),
    **dict.fromkeys(
        (
            "assert_operation_valid",
            "metadata_export",
            "power_state_reset",
            "revert",
            "reverting",
            "snapshot",
            "update_allowed_operations",
            "query_services",
        ),
        ANY_STATE,
    ),
}
"""In which power states an operation is possible."""

CONTROL_DOMAIN_POWER_STATES: Mapping[str, tuple[str, ...]] = {
    **POWER_STATES,
    **dict.fromkeys(("changing_VCPUs", "changing_static_range", "changing_memory_limits"), ("Halted", "Running")),
}
"""The same for control domains."""

CLONABLE_SUSPENDED = ("clone", "copy")
"""Also possible while suspended, for snapshots and where the pool allows it."""

CLONE_STATES = _HALTED_SUSPENDED

# Operations beside others

COPIES = frozenset({"clone", "copy", "export"})
SNAPSHOTS = frozenset({"snapshot", "checkpoint"})

PARALLEL_WITHIN: tuple[frozenset[str], ...] = (COPIES, SNAPSHOTS, frozenset({"get_boot_record"}))
"""Groups whose operations may run beside each other, as long as nothing else runs."""

PREEMPTS: Mapping[str, frozenset[str]] = {
    "hard_shutdown": frozenset({"hard_shutdown"}),
    "hard_reboot": frozenset({"hard_shutdown", "hard_reboot"}),
}
"""Operations that may start beside anything but these."""

BESIDE_A_SINGLE: Mapping[str, frozenset[str]] = {
    "snapshot_with_quiesce": frozenset({"snapshot"}),
    "migrate_send": frozenset({"metadata_export", "clean_shutdown", "clean_reboot", "start", "start_on"}),
}
"""What may start while exactly one operation runs, namely the key."""

# Templates, snapshots, control domains

TEMPLATE_MAY = frozenset(
    {
        "changing_dynamic_range",
        "changing_static_range",
        "changing_memory_limits",
        "changing_shadow_memory",
        "changing_VCPUs",
        "clone",
        "copy",
        "export",
        "metadata_export",
        "provision",
    }
)
OTHER_TEMPLATES_MAY = TEMPLATE_MAY | {"destroy", "migrate_send"}
"""For templates that did not come with the product."""

SNAPSHOT_MAY = frozenset({"revert", "clone", "copy", "export", "destroy", "hard_shutdown", "metadata_export"})

CONTROL_DOMAIN_MAY = frozenset(
    {
        "data_source_op",
        "changing_memory_live",
        "awaiting_memory_live",
        "metadata_export",
        "changing_dynamic_range",
        "changing_memory_limits",
        "changing_static_range",
        "start",
        "start_on",
        "changing_VCPUs",
        "destroy",
    }
)
HOST_CONTROL_DOMAIN_MAY_NOT = frozenset({"changing_VCPUs", "destroy"})

# What guests, devices and disks have to allow

MOVES = frozenset({"suspend", "checkpoint", "pool_migrate", "migrate_send"})
"""Operations that take the guest's memory elsewhere."""

MIGRATIONS = frozenset({"pool_migrate", "migrate_send"})

ANY_GUEST_FEATURE: Mapping[str, tuple[str, ...]] = {
    "clean_shutdown": ("feature-shutdown", "feature-poweroff"),
    "clean_reboot": ("feature-shutdown", "feature-reboot"),
    "changing_VCPUs_live": ("feature-vcpu-hotplug",),
    **dict.fromkeys(MOVES, ("feature-suspend",)),
}
"""Operations that need the guest's help, and the features of which it must have one."""

NEEDS_FEATURE_ALWAYS = frozenset({"changing_VCPUs_live"})
"""Those of them that need it even when forced."""

QUIESCE_FEATURES = ("feature-quiesce", "feature-snapshot")

KEEPS_DISKS = frozenset({"checkpoint", "snapshot", "suspend", "snapshot_with_quiesce"})
"""Operations that make no sense for disks that are reset at each start."""

NOT_WITH_USB = frozenset({"suspend", "snapshot", "checkpoint", "migrate_send", "pool_migrate"})

DURING_UPGRADE = frozenset(
    {
        "assert_operation_valid",
        "changing_memory_live",
        "changing_shadow_memory_live",
        "changing_VCPUs_live",
        "clean_reboot",
        "clean_shutdown",
        "clone",
        "copy",
        "csvm",
        "destroy",
        "export",
        "get_boot_record",
        "hard_reboot",
        "hard_shutdown",
        "import",
        "make_into_template",
        "pause",
        "pool_migrate",
        "power_state_reset",
        "provision",
        "resume",
        "resume_on",
        "send_sysrq",
        "send_trigger",
        "start",
        "start_on",
        "suspend",
        "unpause",
        "update_allowed_operations",
    }
)
"""What remains possible in the middle of a rolling upgrade."""
