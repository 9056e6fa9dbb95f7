"""The names that fields are stored under, where these differ from the names on the wire.

Some fields share a prefix that stands for a namespace. On the wire it is joined to the rest by one
underscore, in what the API calls stored names by two: ``name_label`` and ``name__label``. Queries and
a few errors speak of fields by their stored names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.language import ApiClass

_NAMESPACES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "memory": {
        "VM": ("overhead", "target", "static_max", "dynamic_max", "dynamic_min", "static_min"),
        "host": ("overhead",),
        "host_metrics": ("total", "free"),
        "VM_metrics": ("actual",),
    },
    "VCPUs": {
        "VM": ("params", "max", "at_startup"),
        "VM_metrics": ("number", "utilisation", "CPU", "params", "flags"),
    },
    "actions": {"VM": ("after_shutdown", "after_reboot", "after_crash")},
    "PV": {"VM": ("bootloader", "kernel", "ramdisk", "args", "bootloader_args", "legacy_args")},
    "HVM": {"VM": ("boot_policy", "boot_params", "shadow_multiplier")},
    "qos": {
        "VBD": ("algorithm_type", "algorithm_params", "supported_algorithms"),
        "VIF": ("algorithm_type", "algorithm_params", "supported_algorithms"),
    },
    "io": {
        "VBD_metrics": ("read_kbs", "write_kbs"),
        "VIF_metrics": ("read_kbs", "write_kbs"),
        "PIF_metrics": ("read_kbs", "write_kbs"),
    },
    "API_version": {"host": ("major", "minor", "vendor", "vendor_implementation")},
}
"""Namespace, class, and what follows the namespace; ``name`` is not here, as most classes have it."""


def stored_name(cls: type[ApiClass], field: str) -> str:
    """The stored name of a field of a class, both by their wire names; most are the same."""
    return _STORED[cls].get(field, field)


def wire_names(cls: type[ApiClass]) -> Mapping[str, str]:
    """The wire names of a class's fields by stored name, for those that differ."""
    return {stored: wire for wire, stored in _STORED[cls].items()}


def _names(cls: type[ApiClass]) -> dict[str, str]:
    found = {
        f"{space}_{rest}": f"{space}__{rest}"
        for space, classes in _NAMESPACES.items()
        for rest in classes.get(cls.FACTS.name, ())
    }
    # Only where objects can be found by name does the name make a namespace.
    if any(message.name == "get_by_name_label" for message in derive.messages(cls)):
        found |= {"name_label": "name__label", "name_description": "name__description"}
    return {wire: stored for wire, stored in found.items() if wire in cls.FIELDS}


_STORED: Final = {cls: _names(cls) for cls in CLASSES}
