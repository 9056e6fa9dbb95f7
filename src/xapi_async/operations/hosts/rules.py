"""Which operation a host allows when: one table, from which the checks and allowed_operations come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.task import Task
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.marking import Rules, allowed_operations

OPERATIONS = ("provision", "evacuate", "reboot", "shutdown", "vm_start", "vm_resume", "vm_migrate", "power_on")

SHOWN_DURING_UPGRADE = frozenset({"provision", "evacuate"})
"""What allowed_operations may list while hosts are upgraded one by one."""

NAMES: Mapping[str, str] = {"vm_start": "VM.start", "vm_resume": "VM.resume", "vm_migrate": "VM.migrate"}
"""How errors name operations, where that is not how current_operations does."""

HEALTH_CHECK = "SR Recovering"
"""The label of tasks that bring a clustered SR back into order; their description is its reference."""

EMPTYING = frozenset({"evacuate", "reboot", "shutdown"})
FILLING = frozenset({"provision", "vm_resume", "vm_migrate"})


class Conflict(NamedTuple):
    """Operations that cannot begin while certain others go on. named: what the error names; else the first of all."""

    current: frozenset[str]
    forbidden: frozenset[str]
    named: str = ""


CONFLICTS: tuple[Conflict, ...] = (
    Conflict(EMPTYING, FILLING),
    Conflict(FILLING, EMPTYING),
    Conflict(frozenset({"reboot"}), frozenset({"shutdown"}), "reboot"),
    Conflict(frozenset({"shutdown"}), frozenset({"reboot"}), "shutdown"),
    Conflict(frozenset({"provision"}), frozenset({"provision"}), "provision"),
)
"""In the order in which they are looked at."""

ENDING = frozenset({"reboot", "shutdown"})
POWER_ON = frozenset({"power_on"})


def check(reader: Reader, host: Host, operation: str) -> ApiError | None:
    """The error that forbids an operation on a host now, or None.

    That the plugin for switching hosts on is installed is not looked at: it is part of the server.
    """
    current = tuple(host.current_operations.values())
    for conflict in CONFLICTS if current else ():
        if operation in conflict.forbidden and not conflict.current.isdisjoint(current):
            name = conflict.named or current[0]
            return ApiError("OTHER_OPERATION_IN_PROGRESS", "host", host.ref, NAMES.get(name, name))
    for operations, find in STATES:
        if operation in operations and (error := find(reader, host)) is not None:
            return error
    return None


def _enabled(reader: Reader, host: Host) -> ApiError | None:
    return ApiError("HOST_NOT_DISABLED") if host.enabled else None


def _live(reader: Reader, host: Host) -> ApiError | None:
    metrics = reader.find(HostMetrics, host.metrics)
    return ApiError("HOST_IS_LIVE", host.ref) if metrics is not None and metrics.live else None


def _no_power_on_mode(reader: Reader, host: Host) -> ApiError | None:
    return None if host.power_on_mode else ApiError("HOST_POWER_ON_MODE_DISABLED")


def _cluster_without_member(reader: Reader, host: Host) -> ApiError | None:
    sr = next(_clustered(reader, host), None)
    if sr is None or all(metrics.live for metrics in reader.all(HostMetrics)):
        return None
    return ApiError("CLUSTERED_SR_DEGRADED", sr.ref)


def _cluster_recovering(reader: Reader, host: Host) -> ApiError | None:
    srs = {sr.ref for sr in _clustered(reader, host)}
    for task in reader.all(Task) if srs else ():
        if task.name_label == HEALTH_CHECK and task.status == "pending" and task.name_description in srs:
            return ApiError("CLUSTERED_SR_DEGRADED", task.name_description)
    return None


def _clustered(reader: Reader, host: Host) -> Iterator[SR]:
    """The clustered SRs that the host has plugged in."""
    for pbd in (reader.find(PBD, ref) for ref in host.PBDs):
        sr = reader.find(SR, pbd.SR) if pbd is not None and pbd.currently_attached else None
        if sr is not None and sr.clustered:
            yield sr


STATES: tuple[tuple[frozenset[str], Callable[[Reader, Host], ApiError | None]], ...] = (
    (ENDING, _enabled),
    (POWER_ON, _live),
    (POWER_ON, _no_power_on_mode),
    (ENDING, _cluster_without_member),
    (ENDING, _cluster_recovering),
)
"""What about the host itself forbids which operations, in the order in which it is looked at."""


def may_show(reader: Reader, host: Host, operation: str) -> bool:
    """Whether allowed_operations may list an operation that is allowed."""
    pool = next(iter(reader.all(Pool)), None)
    return operation in SHOWN_DURING_UPGRADE or pool is None or "rolling_upgrade_in_progress" not in pool.other_config


def _refresh_cluster(tx: Transaction, host: Host) -> None:
    """Where storage is clustered, what one host may do depends on the others."""
    if not any(sr.clustered for sr in tx.view.all(SR)):
        return
    for other in tx.view.all(Host):
        if other.ref != host.ref:
            allowed = allowed_operations(tx, RULES, other)
            if allowed != other.allowed_operations:
                tx.set(other, allowed_operations=allowed)


RULES = Rules(Host, shown=OPERATIONS, check=check, may_show=may_show, also_refresh=_refresh_cluster)
