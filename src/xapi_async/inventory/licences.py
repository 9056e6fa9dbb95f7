"""Licence editions: which features each has, and how hosts and pools show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FEATURES: dict[str, str] = {
    "VLAN": "restrict_vlan",
    "QoS": "restrict_qos",
    "Shared_storage": "restrict_pool_attached_storage",
    "Netapp": "restrict_netapp",
    "Equalogic": "restrict_equalogic",
    "Pooling": "restrict_pooling",
    "HA": "enable_xha",
    "Marathon": "restrict_marathon",
    "Email": "restrict_email_alerting",
    "Performance": "restrict_historical_performance",
    "WLB": "restrict_wlb",
    "RBAC": "restrict_rbac",
    "DMC": "restrict_dmc",
    "Checkpoint": "restrict_checkpoint",
    "CPU_masking": "restrict_cpu_masking",
    "Connection": "restrict_connection",
    "No_platform_filter": "platform_filter",
    "No_nag_dialog": "regular_nag_dialog",
    "VMPR": "restrict_vmpr",
    "VMSS": "restrict_vmss",
    "IntelliCache": "restrict_intellicache",
    "GPU": "restrict_gpu",
    "DR": "restrict_dr",
    "VIF_locking": "restrict_vif_locking",
    "Storage_motion": "restrict_storage_xen_motion",
    "VGPU": "restrict_vgpu",
    "Integrated_GPU": "restrict_integrated_gpu_passthrough",
    "VSS": "restrict_vss",
    "Guest_agent_auto_update": "restrict_guest_agent_auto_update",
    "PCI_device_for_auto_update": "restrict_pci_device_for_auto_update",
    "Xen_motion": "restrict_xen_motion",
    "Guest_ip_setting": "restrict_guest_ip_setting",
    "AD": "restrict_ad",
    "Ssl_legacy_switch": "restrict_ssl_legacy_switch",
    "Nested_virt": "restrict_nested_virt",
    "Live_patching": "restrict_live_patching",
    "Live_set_vcpus": "restrict_set_vcpus_number_live",
    "PVS_proxy": "restrict_pvs_proxy",
    "IGMP_snooping": "restrict_igmp_snooping",
    "RPU": "restrict_rpu",
    "Pool_size": "restrict_pool_size",
    "CBT": "restrict_cbt",
    "USB_passthrough": "restrict_usb_passthrough",
}
"""Features, by the name errors give them, and the key each is shown under."""

_POSITIVE = {"enable_xha"}
"""Keys that say ``true`` where the feature is on; all others say so where it is off."""

_ON_WHEN_UNSAID = {"Xen_motion", "AD"}

_FREE_LACKS = frozenset(
    {
        "WLB", "RBAC", "DMC", "HA", "VMSS", "IntelliCache", "GPU", "DR", "Storage_motion", "VGPU", "Integrated_GPU",
        "Guest_agent_auto_update", "PCI_device_for_auto_update", "Live_patching", "Live_set_vcpus", "PVS_proxy",
        "IGMP_snooping", "RPU", "Pool_size", "CBT", "USB_passthrough", "AD", "No_nag_dialog", "No_platform_filter",
        "Guest_ip_setting", "Nested_virt", "VSS", "Email",
    }
)  # fmt: skip
_STANDARD_LACKS = frozenset(
    {
        "WLB", "IntelliCache", "VGPU", "GPU", "Integrated_GPU", "Guest_agent_auto_update", "PCI_device_for_auto_update",
        "Live_patching", "PVS_proxy", "IGMP_snooping", "RPU", "CBT", "USB_passthrough", "Nested_virt", "DMC", "DR",
        "Live_set_vcpus",
    }
)  # fmt: skip

LACKING: dict[str, frozenset[str]] = {
    "free/libre": frozenset(),
    "free": _FREE_LACKS,
    "standard-per-socket": _STANDARD_LACKS,
    "enterprise-per-socket": frozenset(),
    "desktop": frozenset(),
    "desktop-plus": frozenset(),
    "desktop-cloud": frozenset(),
    "enterprise-per-user": frozenset(),
}
"""What each edition lacks, the lowest edition first."""


def feature_params(edition: str) -> dict[str, str]:
    """The keys of license_params that say which features an edition has. Raises KeyError for unknown ones."""
    lacking = LACKING[edition]
    return {key: _shown(key, on=feature not in lacking) for feature, key in FEATURES.items()}


def is_on(feature: str, params: Mapping[str, str]) -> bool:
    """Whether license_params or restrictions have a feature on."""
    key = FEATURES[feature]
    said = params.get(key, "").lower()
    if said not in ("true", "false"):
        return feature in _ON_WHEN_UNSAID
    return (said == "true") == (key in _POSITIVE)


def restrictions(master: Mapping[str, str], hosts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """pool.restrictions: a feature is on where every host has it.

    master: the master's license_params. hosts: those of all hosts, the master included.
    """
    hosts = tuple(hosts)
    shown = {key: _shown(key, on=all(is_on(feature, p) for p in hosts)) for feature, key in FEATURES.items()}
    further = (key for key in master if key.startswith("restrict_") and key not in shown)
    return shown | {key: str(any(p.get(key) != "false" for p in hosts)).lower() for key in further}


def _shown(key: str, *, on: bool) -> str:
    return "true" if on == (key in _POSITIVE) else "false"
