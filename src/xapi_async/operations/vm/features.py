"""What the pool's licence and its settings mean for VMs."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader

FEATURES: Mapping[str, str] = {
    "Checkpoint": "restrict_checkpoint",
    "DMC": "restrict_dmc",
    "VSS": "restrict_vss",
    "VMSS": "restrict_vmss",
    "Storage_motion": "restrict_storage_xen_motion",
    "Xen_motion": "restrict_xen_motion",
    "Live_set_vcpus": "restrict_set_vcpus_number_live",
    "PCI_device_for_auto_update": "restrict_pci_device_for_auto_update",
    "Nested_virt": "restrict_nested_virt",
}
"""Licensed features of VMs, and the restriction that takes each away."""

ON_UNLESS_RESTRICTED = frozenset({"Xen_motion"})
"""Features that are there where the licence says nothing of them."""


def find_pool(reader: Reader) -> Pool | None:
    """The pool; None only in a store that is not set up yet."""
    return next(iter(reader.all(Pool)), None)


def the_pool(reader: Reader) -> Pool:
    """The pool. Raises INTERNAL_ERROR in a store that is not set up yet."""
    pool = find_pool(reader)
    if pool is None:
        raise ApiError("INTERNAL_ERROR", "there is no pool yet")
    return pool


def has_feature(reader: Reader, feature: str) -> bool:
    """Whether the licence has a feature of :data:`FEATURES`."""
    pool = find_pool(reader)
    stated = pool.restrictions.get(FEATURES[feature]) if pool else None
    return feature in ON_UNLESS_RESTRICTED if stated is None else stated == "false"


def require_feature(reader: Reader, feature: str) -> None:
    """Raise LICENCE_RESTRICTION [feature] where the licence lacks it."""
    if not has_feature(reader, feature):
        raise ApiError("LICENCE_RESTRICTION", feature)


def can_migrate_vgpus(reader: Reader) -> bool:
    """Whether VMs with virtual GPUs may be moved at all."""
    pool = find_pool(reader)
    return pool is not None and pool.restrictions.get("restrict_vgpu_migration") == "false"


def is_upgrading(reader: Reader) -> bool:
    """Whether the pool is in the middle of a rolling upgrade."""
    pool = find_pool(reader)
    return pool is not None and "rolling_upgrade_in_progress" in pool.other_config


def may_clone_suspended(reader: Reader) -> bool:
    """Whether suspended VMs may be cloned, which is off unless the pool says so."""
    pool = find_pool(reader)
    return pool is not None and pool.other_config.get("allow_clone_suspended_vm") == "true"
