"""VMs out of exports: what becomes of a VM's record when it is imported.

The functions here are steps that an import calls within its transactions: :func:`decide` what is to be
done with a record, :func:`enter` it, and when all objects are there :func:`link` the snapshots and
:func:`finish`. A record maps the names of fields to values as objects hold them, its references being
those of the export; ``refs`` maps these to references here.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.host_memory import free_memory
from xapi_async.operations.vm.creating import NOT_TAKEN, new_vm
from xapi_async.operations.vm.facts import will_boot_hvm
from xapi_async.operations.vm.rules import refresh
from xapi_async.operations.vm.sizes import overhead, round_up
from xapi_async.operations.vm_copies.destroying import delete_vm
from xapi_async.operations.vm_copies.fields import MAC_SEED, fresh_generation_id

GRANT = "grant_api_access"
TASK_KEY = "import_task"
OLD_PRIORITIES = frozenset("0123")
"""Restart priorities of old releases; they were also the order of start."""

OWN_ANSWERS: Mapping[str, Any] = {
    **NOT_TAKEN,
    "appliance": NULL_REF,
    "suspend_SR": NULL_REF,
}
"""What no imported VM brings along."""

RESTORED = (
    "last_booted_record",
    "last_boot_CPU_flags",
    "is_control_domain",
    "is_a_snapshot",
    "snapshot_info",
    "snapshot_time",
    "transportable_snapshot_id",
    "bios_strings",
)
"""Fields that nobody can give at creation and that an import puts back."""

_GIVEN = tuple(
    name for name, field in VM.FIELDS.items() if field.qualifier != "RO/runtime" and name not in ("affinity",)
)

Record = Mapping[str, Any]
Refs = Mapping[str, str]


@dataclass(frozen=True)
class ImportOptions:
    """How an import is done. full_restore: VMs are to be what they were, identity and all.

    force: what can be got is better than nothing. live: the guest comes along running, to ``host``.
    task: the reference of the import's task.
    """

    task: str
    full_restore: bool = False
    force: bool = False
    live: bool = False
    host: str = NULL_REF


class Step(Enum):
    """What is to be done with a record."""

    CREATE = auto()
    REPLACE = auto()
    KEEP = auto()


class Decision(NamedTuple):
    """What is to be done, and the VM here that it is about, or NULL."""

    step: Step
    vm: str = NULL_REF


def decide(reader: Reader, record: Record, options: ImportOptions, original: str = "") -> Decision:
    """What is to be done with a VM's record. original: the uuid of the VM that it is a snapshot of, if it is one.

    Raises VM_BAD_POWER_STATE [VM, "Halted", actual], VM_TO_IMPORT_IS_NOT_NEWER_VERSION [VM, here, imported],
    HOST_NOT_ENOUGH_FREE_MEMORY [needed, available] or DUPLICATE_VM [uuid].
    """
    if _is_default_template(record):
        same = (vm.ref for vm in reader.all(VM) if vm.name_label == record["name_label"])
        return Decision(Step.KEEP, next(same, NULL_REF))
    present = _present(reader, record["uuid"]) if options.full_restore else None
    if present is not None:
        return _about_present(present, record, options)
    if options.full_restore:
        _require_unrelated(reader, record, original)
    if options.live and record.get("power_state") in ("Running", "Paused"):
        _require_memory(reader, record, options)
    return Decision(Step.CREATE)


def enter(
    tx: Transaction, record: Record, decision: Decision, refs: Refs, options: ImportOptions, rng: random.Random
) -> str:
    """Make the VM of a record, in the place of one that is there if so decided; gives it.

    Raises IMPORT_ERROR_FAILED_TO_FIND_OBJECT [reference] where saved memory is missing.
    """
    if decision.step is Step.KEEP:
        return decision.vm
    image = _image(record, refs, options)
    if decision.step is Step.REPLACE:
        delete_vm(tx, tx.get(VM, decision.vm))
    vm = new_vm(tx, **_values(record, refs, options, rng))
    tx.set(
        vm,
        **{name: record[name] for name in RESTORED if name in record},
        resident_on=_mapped(refs, record.get("resident_on")),
        guest_metrics=_mapped(refs, record.get("guest_metrics")),
        suspend_VDI=image,
        power_state="Suspended" if image != NULL_REF else "Halted",
        memory_overhead=_overhead(vm),
    )
    if not options.force:
        tx.set(vm, current_operations={options.task: "import"})
    refresh(tx, vm.ref)
    return vm.ref


def link(tx: Transaction, records: Mapping[str, Record], refs: Refs) -> None:
    """Have imported snapshots name the VMs they are of, and each VM its parent. records: by reference of the export.

    Raises IMPORT_ERROR_FAILED_TO_FIND_OBJECT [reference] for a snapshot whose VM did not come along.
    """
    for exported, record in records.items():
        vm = tx.find(VM, refs.get(exported, NULL_REF))
        if vm is None:
            continue
        original = record.get("snapshot_of", NULL_REF)
        if record.get("is_a_snapshot") and original not in refs:
            raise ApiError("IMPORT_ERROR_FAILED_TO_FIND_OBJECT", original)
        tx.set(vm, snapshot_of=_mapped(refs, original), parent=_mapped(refs, record.get("parent")))


def finish(tx: Transaction, vms: Iterable[str], task: str) -> None:
    """Show no import under way any more on these VMs."""
    for ref in vms:
        vm = tx.find(VM, ref)
        if vm is not None and task in vm.current_operations:
            rest = {key: operation for key, operation in vm.current_operations.items() if key != task}
            tx.set(vm, current_operations=rest)
            refresh(tx, ref)


# What is decided


def _is_default_template(record: Record) -> bool:
    marked = record.get("other_config", {}).get("default_template") == "true"
    return bool(record.get("is_default_template")) or (bool(record.get("is_a_template")) and marked)


def _present(reader: Reader, uuid: str) -> VM | None:
    try:
        return reader.by_uuid(VM, uuid)
    except ApiError:
        return None


def _about_present(present: VM, record: Record, options: ImportOptions) -> Decision:
    if present.power_state != "Halted":
        if options.force:
            return Decision(Step.KEEP, present.ref)
        raise ApiError("VM_BAD_POWER_STATE", present.ref, "Halted", present.power_state)
    version = record.get("version", 0)
    if present.version >= version and not options.force:
        raise ApiError("VM_TO_IMPORT_IS_NOT_NEWER_VERSION", present.ref, present.version, version)
    return Decision(Step.REPLACE, present.ref)


def _require_unrelated(reader: Reader, record: Record, original: str) -> None:
    """Raise DUPLICATE_VM [uuid] for a VM of the same seed, unless one is a snapshot of the other, or both of one."""
    seed = record.get("other_config", {}).get(MAC_SEED)
    if seed is None:
        return
    family = {record["uuid"], original}
    for vm in reader.all(VM):
        if vm.other_config.get(MAC_SEED) != seed or vm.uuid in family:
            continue
        its_original = reader.find(VM, vm.snapshot_of)
        if its_original is None or its_original.uuid not in family:
            raise ApiError("DUPLICATE_VM", vm.uuid)


def _require_memory(reader: Reader, record: Record, options: ImportOptions) -> None:
    hvm = record.get("HVM_boot_policy", "") != ""
    multiplier = record.get("HVM_shadow_multiplier", 1.0) if hvm else 1.0
    extra = overhead(record["memory_static_max"], record["VCPUs_max"], multiplier, hvm=hvm)
    needed = round_up(record["memory_dynamic_min"]) + extra
    available = free_memory(reader, reader.get(Host, options.host))
    if available < needed:
        raise ApiError("HOST_NOT_ENOUGH_FREE_MEMORY", needed, available)


# What a new VM is like


def _values(record: Record, refs: Refs, options: ImportOptions, rng: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {name: record[name] for name in _GIVEN if name in record}
    values.update(OWN_ANSWERS)
    values["uuid"] = record["uuid"] if options.full_restore else new_uuid()
    values["version"] = record.get("version", 0) + 1 if options.full_restore else 0
    values["affinity"] = _mapped(refs, record.get("affinity"))
    values["other_config"] = _other_config(record, options)
    values["has_vendor_device"] = record.get("has_vendor_device", False)
    if not (options.live or record.get("is_a_template")):
        values["generation_id"] = fresh_generation_id(record.get("generation_id", ""), rng)
    if "parent" not in record:  # made before memory could be dynamic
        most = record["memory_static_max"]
        values.update(memory_dynamic_min=most, memory_dynamic_max=most, memory_target=most)
    priority = record.get("ha_restart_priority", "")
    if priority in OLD_PRIORITIES and priority:
        values.update(ha_restart_priority="restart", order=int(priority))
    return values


def _other_config(record: Record, options: ImportOptions) -> dict[str, str]:
    values = {key: value for key, value in record.get("other_config", {}).items() if key != GRANT}
    if not options.full_restore:
        values[MAC_SEED] = new_uuid()
    values[TASK_KEY] = options.task
    return values


def _overhead(vm: VM) -> int:
    hvm = will_boot_hvm(vm)
    return overhead(vm.memory_static_max, vm.VCPUs_max, vm.HVM_shadow_multiplier, hvm=hvm)


def _image(record: Record, refs: Refs, options: ImportOptions) -> str:
    """The saved memory of a suspended VM; NULL for others, and where none is to be had but that is no matter."""
    if record.get("power_state") != "Suspended":
        return NULL_REF
    exported = record.get("suspend_VDI", NULL_REF)
    image = _mapped(refs, exported)
    if image == NULL_REF and not options.force:
        raise ApiError("IMPORT_ERROR_FAILED_TO_FIND_OBJECT", exported)
    return image


def _mapped(refs: Refs, exported: str | None) -> str:
    return refs.get(exported or NULL_REF, NULL_REF)
