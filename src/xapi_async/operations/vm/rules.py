"""When which operation is allowed on a VM: the one check behind both the operations and allowed_operations.

The checks below are tried in the order of :data:`CHECKS`; the first that objects gives the error. Each names the
operations it is about, and only those are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_appliance import VMAppliance
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.classes.vmpp import VMPP
from xapi_async.datamodel.classes.vmss import VMSS
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations import marking
from xapi_async.operations.marking import Rules
from xapi_async.operations.vm import rule_tables as tables
from xapi_async.operations.vm.facts import (
    guest_metrics,
    has_pv_drivers,
    is_default_template,
    is_host_control_domain,
    is_immobile,
    says_true,
    uses_nested_virt,
    vdis_of,
)
from xapi_async.operations.vm.features import can_migrate_vgpus, is_upgrading, may_clone_suspended
from xapi_async.operations.vm_appliance_rules import refresh_of_member

NEWEST_WITHOUT_VGPU_MIGRATION = (2, 4, 0)
"""The last platform version whose hosts cannot move virtual GPUs."""


class Question(NamedTuple):
    """May this operation run on this VM now? strict: not forced, so guest and VM must really support it."""

    reader: Reader
    vm: VM
    operation: str
    strict: bool


def check(reader: Reader, vm: VM, operation: str) -> ApiError | None:
    """The error that forbids an operation on a VM now; None where it is allowed."""
    return _answer(Question(reader, vm, operation, strict=True))


def check_forced(reader: Reader, vm: VM, operation: str) -> ApiError | None:
    """As :func:`check`, without regard to what keeps the VM from moving; for migrations with ``force``."""
    return _answer(Question(reader, vm, operation, strict=False))


def refresh(tx: Transaction, vm: str) -> None:
    """Compute a VM's allowed_operations anew; no error where it is gone."""
    marking.refresh(tx, RULES, vm)


def bad_power_state(vm: VM, *expected: str, join: str = ", ") -> ApiError:
    """VM_BAD_POWER_STATE [VM, expected states, actual state], all in lower case."""
    return ApiError("VM_BAD_POWER_STATE", vm.ref, join.join(expected).lower(), vm.power_state.lower())


def operation_text(operation: str) -> str:
    """What errors call an operation."""
    return tables.NAMES_IN_ERRORS.get(operation, operation)


def _answer(question: Question) -> ApiError | None:
    for objection in _CHECKS_OF[question.operation]:
        error = objection(question)
        if error is not None:
            return error
    return None


# The checks


def _blocked(q: Question) -> ApiError | None:
    reason = q.vm.blocked_operations.get(q.operation)
    return None if reason is None else ApiError("OPERATION_BLOCKED", q.vm.ref, reason)


def _power_state(q: Question) -> ApiError | None:
    by_operation = tables.CONTROL_DOMAIN_POWER_STATES if q.vm.is_control_domain else tables.POWER_STATES
    expected = by_operation[q.operation]
    if q.operation in tables.CLONABLE_SUSPENDED and (q.vm.is_a_snapshot or may_clone_suspended(q.reader)):
        expected = tables.CLONE_STATES
    return None if q.vm.power_state in expected else bad_power_state(q.vm, *expected)


def _beside_others(q: Question) -> ApiError | None:
    if not q.vm.current_operations or may_run_beside(q.operation, tuple(q.vm.current_operations.values())):
        return None
    names = [operation_text(operation) for operation in q.vm.current_operations.values()]
    shown = names[0] if len(names) == 1 else "{" + ",".join(names) + "}"
    return ApiError("OTHER_OPERATION_IN_PROGRESS", f"VM.{shown}", q.vm.ref)


def may_run_beside(operation: str, current: tuple[str, ...]) -> bool:
    """Whether an operation may start while others, at least one, run on the same VM."""
    if any(operation in group and group.issuperset(current) for group in tables.PARALLEL_WITHIN):
        return True
    if operation in tables.PREEMPTS:
        return tables.PREEMPTS[operation].isdisjoint(current)
    return len(current) == 1 and operation in tables.BESIDE_A_SINGLE.get(current[0], ())


def _template(q: Question) -> ApiError | None:
    if not q.vm.is_a_template or q.vm.is_a_snapshot:
        return None
    may = tables.TEMPLATE_MAY if is_default_template(q.vm) else tables.OTHER_TEMPLATES_MAY
    return None if q.operation in may else ApiError("VM_IS_TEMPLATE", q.vm.ref, operation_text(q.operation))


def _snapshot(q: Question) -> ApiError | None:
    if not q.vm.is_a_snapshot or q.operation in tables.SNAPSHOT_MAY:
        return None
    return ApiError("VM_IS_SNAPSHOT", q.vm.ref, operation_text(q.operation))


def _provision(q: Question) -> ApiError | None:
    return None if q.vm.is_a_template else ApiError("PROVISION_ONLY_ALLOWED_ON_TEMPLATE")


def _revert(q: Question) -> ApiError | None:
    return None if q.vm.is_a_snapshot else ApiError("REVERT_ONLY_ALLOWED_ON_SNAPSHOT")


def _immobile(q: Question) -> ApiError | None:
    return ApiError("VM_IS_IMMOBILE", q.vm.ref) if q.strict and is_immobile(q.reader, q.vm) else None


def _nested_virt(q: Question) -> ApiError | None:
    return ApiError("VM_IS_USING_NESTED_VIRT", q.vm.ref) if q.strict and uses_nested_virt(q.reader, q.vm) else None


def _host_control_domain(q: Question) -> ApiError | None:
    if not is_host_control_domain(q.reader, q.vm):
        return None
    return ApiError("OPERATION_NOT_ALLOWED", "this cannot be done to the control domain of a host")


def _control_domain(q: Question) -> ApiError | None:
    if not q.vm.is_control_domain:
        return None
    return ApiError("OPERATION_NOT_ALLOWED", "this cannot be done to a control domain")


def _guest_feature(q: Question) -> ApiError | None:
    vm = q.vm
    if vm.power_state != "Running" or not (q.strict or q.operation in tables.NEEDS_FEATURE_ALWAYS):
        return None
    metrics, guest = q.reader.find(VMMetrics, vm.metrics), guest_metrics(q.reader, vm)
    if (metrics is not None and not metrics.hvm) or has_pv_drivers(guest):
        return None
    features = guest.other if guest is not None else {}
    if any(features.get(feature) == "1" for feature in tables.ANY_GUEST_FEATURE[q.operation]):
        return None
    return ApiError("VM_LACKS_FEATURE", vm.ref)


def _quiesce(q: Question) -> ApiError | None:
    guest = guest_metrics(q.reader, q.vm)
    if guest is not None and any(feature in guest.other for feature in tables.QUIESCE_FEATURES):
        return None
    return ApiError("VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", q.vm.ref)


def _reset_disks(q: Question) -> ApiError | None:
    cached_only = q.operation == "pool_migrate"
    for vdi in vdis_of(q.reader, q.vm):
        if vdi.sm_config.get("on_boot") == "reset" and not (cached_only and not says_true(vdi.sm_config, "caching")):
            return ApiError("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    return None


def _pci(q: Question) -> ApiError | None:
    return ApiError("VM_HAS_PCI_ATTACHED", q.vm.ref) if q.vm.attached_PCIs else None


def _vgpu(q: Question) -> ApiError | None:
    if not q.vm.VGPUs or (q.operation != "checkpoint" and _vgpus_can_move(q)):
        return None
    return ApiError("VM_HAS_VGPU", q.vm.ref)


def _vgpus_can_move(q: Question) -> bool:
    return (
        can_migrate_vgpus(q.reader)
        and all(_is_suspendable(q.reader, ref) for ref in q.vm.VGPUs)
        and (q.operation not in tables.MIGRATIONS or _host_moves_vgpus(q.reader, q.vm.resident_on))
    )


def _is_suspendable(reader: Reader, ref: str) -> bool:
    vgpu = reader.find(VGPU, ref)
    kind = reader.find(VGPUType, vgpu.type) if vgpu else None
    card = reader.find(PGPU, vgpu.resident_on) if vgpu else None
    return (
        kind is not None
        and kind.implementation == "nvidia"
        and card is not None
        and "nvidia" in card.compatibility_metadata
    )


def _host_moves_vgpus(reader: Reader, ref: str) -> bool:
    host = reader.find(Host, ref)
    version = host.software_version.get("platform_version", "") if host else ""
    try:
        return tuple(int(part) for part in version.split(".")) > NEWEST_WITHOUT_VGPU_MIGRATION
    except ValueError:
        return True  # cannot be told


def _vusb(q: Question) -> ApiError | None:
    return ApiError("VM_HAS_VUSBS", q.vm.ref) if q.vm.VUSBs else None


def _appliance(q: Question) -> ApiError | None:
    if q.reader.find(VMAppliance, q.vm.appliance) is None:
        return None
    return ApiError("VM_IS_PART_OF_AN_APPLIANCE", q.vm.ref, q.vm.appliance)


def _protection_policy(q: Question) -> ApiError | None:
    if q.reader.find(VMPP, q.vm.protection_policy) is None:
        return None
    return ApiError("VM_ASSIGNED_TO_PROTECTION_POLICY", q.vm.ref, q.vm.protection_policy)


def _schedule(q: Question) -> ApiError | None:
    if q.reader.find(VMSS, q.vm.snapshot_schedule) is None:
        return None
    return ApiError("VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE", q.vm.ref, q.vm.snapshot_schedule)


def _system_domain(q: Question) -> ApiError | None:
    return None if says_true(q.vm.other_config, "is_system_domain") else ApiError("NOT_SYSTEM_DOMAIN", q.vm.ref)


def _upgrade(q: Question) -> ApiError | None:
    return ApiError("NOT_SUPPORTED_DURING_UPGRADE") if is_upgrading(q.reader) else None


Objection = Callable[[Question], ApiError | None]

_EVERY = tables.ALL_OPERATIONS

CHECKS: tuple[tuple[Objection, frozenset[str]], ...] = (
    (_blocked, _EVERY),
    (_power_state, _EVERY),
    (_beside_others, _EVERY),
    (_template, _EVERY),
    (_snapshot, _EVERY),
    (_provision, frozenset({"provision"})),
    (_revert, frozenset({"revert"})),
    (_immobile, tables.MOVES),
    (_nested_virt, frozenset({"changing_dynamic_range"})),
    (_host_control_domain, tables.HOST_CONTROL_DOMAIN_MAY_NOT),
    (_control_domain, _EVERY - tables.CONTROL_DOMAIN_MAY),
    (_guest_feature, frozenset(tables.ANY_GUEST_FEATURE)),
    (_quiesce, frozenset({"snapshot_with_quiesce"})),
    (_reset_disks, tables.KEEPS_DISKS | {"pool_migrate"}),
    (_pci, tables.MOVES),
    (_vgpu, tables.MOVES),
    (_vusb, tables.NOT_WITH_USB),
    (_appliance, frozenset({"make_into_template"})),
    (_protection_policy, frozenset({"make_into_template"})),
    (_schedule, frozenset({"make_into_template"})),
    (_system_domain, frozenset({"query_services"})),
    (_upgrade, _EVERY - tables.DURING_UPGRADE),
)
"""Every check in the order in which they are tried, with the operations it is about."""

_CHECKS_OF: Mapping[str, tuple[Objection, ...]] = {
    operation: tuple(objection for objection, about in CHECKS if operation in about)
    for operation in tables.ALL_OPERATIONS
}


@lru_cache(maxsize=4096)
def _candidates(state: str, current: tuple[str, ...]) -> tuple[str, ...]:
    """The shown operations that a power state and what runs already do not rule out."""
    return tuple(
        operation
        for operation in tables.SHOWN
        if (
            state in tables.CONTROL_DOMAIN_POWER_STATES[operation]
            or (operation in tables.CLONABLE_SUSPENDED and state in tables.CLONE_STATES)
        )
        and (not current or may_run_beside(operation, current))
    )


def candidates(reader: Reader, vm: VM) -> tuple[str, ...]:
    """The operations that allowed_operations could list, judged by the fields that rule out most."""
    return _candidates(vm.power_state, tuple(vm.current_operations.values()))


RULES = Rules(VM, shown=tables.SHOWN, check=check, also_refresh=refresh_of_member, candidates=candidates)

FORCED_RULES = Rules(VM, shown=tables.SHOWN, check=check_forced, also_refresh=refresh_of_member, candidates=candidates)
"""For marking a forced migration; call :func:`refresh` once it is over, as these show too much."""
