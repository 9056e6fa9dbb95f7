"""Names by which people tell objects apart, in place of references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.types import NULL_REF, Ref
from xapi_async.objects.contents import StoredEntity

OWNED: Mapping[str, tuple[str, ...]] = {
    "VBD": ("VM", "userdevice"),
    "VIF": ("VM", "device"),
    "VGPU": ("VM", "device"),
    "VUSB": ("VM", "USB_group"),
    "console": ("VM", "protocol"),
    "PBD": ("host", "SR"),
    "PIF": ("host", "device", "VLAN"),
    "PCI": ("host", "pci_id"),
    "PGPU": ("host", "PCI"),
    "PUSB": ("host", "path"),
    "Feature": ("host", "name_label"),
    "Bond": ("master",),
    "VLAN": ("tagged_PIF", "tag"),
    "tunnel": ("access_PIF",),
    "crashdump": ("VM",),
    "session": ("auth_user_name",),
}
"""Classes whose objects are known by others: the fields that their names are made of."""

HELD: Mapping[str, tuple[str, str]] = {
    "VM_metrics": ("VM", "metrics"),
    "VM_guest_metrics": ("VM", "guest_metrics"),
    "host_metrics": ("host", "metrics"),
    "PIF_metrics": ("PIF", "metrics"),
}
"""Classes whose objects are known by who holds them: the holder's class and field."""

_REFERENCE = "OpaqueRef:"


class Labels:
    """The names of objects: each its own within its class."""

    def __init__(self, objects: Iterable[StoredEntity]) -> None:
        self._objects = {stored.ref: stored for stored in objects}
        self._holders: dict[str, str] = {}
        fields = {(holder, field) for holder, field in HELD.values()}
        for stored in self._objects.values():
            for holder, field in fields:
                if stored.cls == holder and field in stored.values:
                    self._holders[stored.values[field]] = stored.ref
        self._labels: dict[str, str] = {}
        self._taken: set[tuple[str, str]] = set()
        for ref in self._objects:
            self.of(ref)

    def of(self, ref: str) -> str | None:
        """The name of an object; None where there is none of that reference."""
        stored = self._objects.get(ref)
        if stored is None:
            return None
        if ref not in self._labels:
            self._labels[ref] = ref  # for one that is known by itself in the end
            self._labels[ref] = self._unique(stored.cls, self._told(stored) or stored.values.get("uuid", ref)[:8])
        return self._labels[ref]

    def _told(self, stored: StoredEntity) -> str:
        if stored.cls in HELD:
            return self.of(self._holders.get(stored.ref, "")) or ""
        if stored.cls in OWNED:
            parts = [self._part(stored, field) for field in OWNED[stored.cls]]
            return "/".join(parts) if all(parts) else ""
        return str(stored.values.get("name_label", ""))

    def _part(self, stored: StoredEntity, field: str) -> str:
        value: Any = stored.values.get(field, "")
        if isinstance(BY_NAME[stored.cls].FIELDS[field].type, Ref):
            return "" if value in ("", NULL_REF) else self.of(value) or ""
        return str(value)

    def _unique(self, cls: str, label: str) -> str:
        if label.startswith(_REFERENCE):
            label = f"({label})"
        unique, number = label, 1
        while (cls, unique) in self._taken:
            number += 1
            unique = f"{label}#{number}"
        self._taken.add((cls, unique))
        return unique
