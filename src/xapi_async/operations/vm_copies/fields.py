"""Which fields of a VM its copies take over, and which start afresh."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NEVER, NULL_REF, Map, Set
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.relations import COMPUTED
from xapi_async.operations.vm.facts import will_boot_hvm

MAC_SEED = "mac_seed"
BASE_TEMPLATE = "base_template_name"
OF_TEMPLATES_ONLY = ("default_template", "xensource_internal")
"""Keys of other_config that mark a template as the product's own; copies are their owner's."""

RESET: Mapping[str, Any] = {
    "allowed_operations": (),
    "current_operations": {},
    "power_state": "Halted",
    "is_default_template": False,
    "blocked_operations": {},
    "ha_always_run": False,
    "blobs": {},
    "protection_policy": NULL_REF,
    "is_snapshot_from_vmpp": False,
    "snapshot_schedule": NULL_REF,
    "is_vmss_snapshot": False,
    "appliance": NULL_REF,
    "suspend_SR": NULL_REF,
    "suspend_VDI": NULL_REF,
    "start_delay": 0,
    "shutdown_delay": 0,
    "order": 0,
    "version": 0,
    "transportable_snapshot_id": "",
    "resident_on": NULL_REF,
    "scheduled_to_be_resident_on": NULL_REF,
    "domid": -1,
    "domarch": "",
    "requires_reboot": False,
    "is_a_snapshot": False,
    "snapshot_of": NULL_REF,
    "snapshot_time": NEVER,
    "snapshot_info": {},
    "snapshot_metadata": "",
    "parent": NULL_REF,
    "metrics": NULL_REF,
    "guest_metrics": NULL_REF,
    "attached_PCIs": (),
}
"""What no copy has of its source, and what it starts with instead."""

STORED = tuple(name for name in VM.FIELDS if name not in COMPUTED[VM])
"""The fields that a VM's record holds itself, rather than following from other objects."""

_KEPT = tuple(name for name in STORED if name not in RESET and name != "uuid")


def copied_values(vm: VM, new_name: str, rng: random.Random, *, is_snapshot: bool) -> dict[str, Any]:
    """What a copy of a VM starts with, but for what depends on devices and disks."""
    values: dict[str, Any] = {**{name: getattr(vm, name) for name in _KEPT}, **RESET}
    values["name_label"] = new_name
    values["is_a_template"] = is_snapshot or vm.is_a_template
    values["other_config"] = _other_config(vm, is_snapshot=is_snapshot)
    values["generation_id"] = fresh_generation_id(vm.generation_id, rng)
    if will_boot_hvm(vm) and "device-model" not in vm.platform:
        values["platform"] = {**vm.platform, "device-model": "qemu-trad"}
    return values


def fresh_generation_id(before: str, rng: random.Random) -> str:
    """A new identifier of what a guest remembers; VMs that do not use one stay without."""
    return f"{rng.getrandbits(63)}:{rng.getrandbits(63)}" if before else ""


def pack(vm: VM) -> str:
    """Everything a VM's record holds, as the text that its snapshots keep."""
    return json.dumps({name: getattr(vm, name) for name in STORED}, separators=(",", ":"))


def unpack(text: str) -> dict[str, Any] | None:
    """What :func:`pack` made, without fields that this server does not know; None where it did not make it."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    known = {name: value for name, value in found.items() if name in STORED}
    return {name: _reader_of(name)(value) for name, value in known.items()}


def _reader_of(name: str) -> Callable[[Any], Any]:
    kind = VM.FIELDS[name].type
    return tuple if isinstance(kind, Set) else dict if isinstance(kind, Map) else _unchanged


def _unchanged(value: Any) -> Any:
    return value


def _other_config(vm: VM, *, is_snapshot: bool) -> dict[str, str]:
    values = {key: value for key, value in vm.other_config.items() if key not in OF_TEMPLATES_ONLY}
    if vm.is_a_template:
        values.setdefault(BASE_TEMPLATE, vm.name_label)
    if not is_snapshot:
        values[MAC_SEED] = new_uuid()
    return values
