"""A host set aside for a VM: chosen and accounted for in one step, so that no host is promised twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context
from xapi_async.operations.devices.placement import allocate_gpus, release_schedule
from xapi_async.operations.hosts.rules import RULES as HOST_RULES
from xapi_async.operations.marking import mark, unmark
from xapi_async.operations.pools.protection import require_plan_with
from xapi_async.operations.vm.can_boot import Boot, boot_error
from xapi_async.operations.vm.placement import choose_host

Choice = Callable[[Transaction, VM], str]
"""Names the host for a VM, or raises why there is none."""


@dataclass(frozen=True)
class AnyHost:
    """The best host for the VM."""

    ctx: Context

    def __call__(self, tx: Transaction, vm: VM) -> str:
        return choose_host(tx.view, vm, self.ctx.services.rng)


@dataclass(frozen=True)
class ThisHost:
    """One host, where the VM has to be able to boot. with_storage: whether that host has to see its disks."""

    host: str
    with_storage: bool = True

    def __call__(self, tx: Transaction, vm: VM) -> str:
        boot = Boot(tx.view, tx.view.get(VM, vm.ref), tx.view.get(Host, self.host))
        error = boot_error(boot, with_storage=self.with_storage)
        if error is not None:
            raise error
        return self.host


def reserve(tx: Transaction, ref: str, choice: Choice, operation: str, key: str) -> str:
    """Set a host aside for a VM; gives it. One that is set aside already is kept.

    operation: what the host shows under ``key`` meanwhile. Raises what ``choice`` raises,
    HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [], OTHER_OPERATION_IN_PROGRESS ["host", host, operation], or why there
    are no graphics cards.
    """
    vm = tx.get(VM, ref)
    host = vm.scheduled_to_be_resident_on
    if host == NULL_REF:
        host = choice(tx, vm)
        require_plan_with(tx.view, vm, host)
    mark(tx, HOST_RULES, host, operation, key)
    allocate_gpus(tx, ref, host)
    tx.set(vm, scheduled_to_be_resident_on=host)
    return host


def release(tx: Transaction, ref: str, host: str, key: str) -> None:
    """End what :func:`reserve` began, whether the VM came to that host or not."""
    unmark(tx, HOST_RULES, host, key)
    vm = tx.find(VM, ref)
    if vm is None:
        return
    release_schedule(tx, ref)
    if vm.scheduled_to_be_resident_on != NULL_REF:
        tx.set(vm, scheduled_to_be_resident_on=NULL_REF)
