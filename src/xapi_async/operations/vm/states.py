"""What a change of a VM's power state does to its records and those of its devices.

Every function works within the transaction of whoever changes the state, so that nobody sees half of it.
"""

from __future__ import annotations

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import Domain
from xapi_async.objects.clock import api_time, from_api_time
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.devices.console import delete_consoles, set_consoles
from xapi_async.operations.devices.placement import (
    note_devices_halted,
    note_gpus_plugged,
    note_gpus_suspended,
    note_pcis_plugged,
    note_usbs_plugged,
)
from xapi_async.operations.vm import attachments
from xapi_async.operations.vm.rules import refresh

UNSEEN_DRIVERS = {"micro": "-1"}
"""The version of drivers in a guest that reported none."""


def force_reset(tx: Transaction, ref: str, state: str) -> None:
    """Have a VM be ``Halted`` or ``Suspended`` at once, with nothing under way on it."""
    tx.set(tx.get(VM, ref), current_operations={})
    become_halted(tx, ref) if state == "Halted" else become_suspended(tx, ref, tx.get(VM, ref).last_booted_record)


def become_halted(tx: Transaction, ref: str) -> None:
    """What becomes of a VM without a domain and without saved memory."""
    vm = tx.get(VM, ref)
    attachments.note_detached(tx, vm)
    note_devices_halted(tx, ref)
    _leave_host(tx, vm)
    tx.set(vm, power_state="Halted", requires_reboot=False)
    attachments.refresh(tx, ref)
    refresh(tx, ref)


def become_suspended(tx: Transaction, ref: str, saved: str) -> None:
    """What becomes of a VM whose memory was saved; its devices stay attached. saved: what resuming needs."""
    vm = tx.get(VM, ref)
    note_gpus_suspended(tx, ref)
    _leave_host(tx, vm)
    tx.set(vm, power_state="Suspended", last_booted_record=saved)
    attachments.refresh(tx, ref)
    refresh(tx, ref)


def become_live(tx: Transaction, ref: str, host: str, domain: Domain, now: float, *, is_new_start: bool) -> None:
    """What becomes of a VM that has a new domain on a host.

    now: seconds since 1970. is_new_start: the guest was booted, not resumed or moved.
    """
    vm = tx.get(VM, ref)
    tx.set(
        vm,
        power_state="Paused" if domain.is_paused else "Running",
        domid=domain.domid,
        resident_on=host,
        scheduled_to_be_resident_on=NULL_REF,
        memory_target=domain.config.memory,
    )
    _note_metrics(tx, vm, domain, now, is_new_start=is_new_start)
    set_consoles(tx, ref, {console.protocol: console.port for console in domain.consoles})
    note_gpus_plugged(tx, ref)
    if is_new_start:
        note_pcis_plugged(tx, ref)
    note_usbs_plugged(tx, ref)
    note_guest(tx, ref, now)
    attachments.refresh(tx, ref)
    refresh(tx, ref)


def note_paused(tx: Transaction, ref: str, *, is_paused: bool, now: float) -> None:
    """What becomes of a VM whose processors were stopped or set going again."""
    tx.set(tx.get(VM, ref), power_state="Paused" if is_paused else "Running")
    note_guest(tx, ref, now)
    attachments.refresh(tx, ref)
    refresh(tx, ref)


def note_guest(tx: Transaction, ref: str, now: float) -> None:
    """See to it that a running VM has guest metrics, and none from before its start."""
    vm = tx.get(VM, ref)
    if vm.power_state != "Running":
        return
    guest, metrics = tx.find(VMGuestMetrics, vm.guest_metrics), tx.find(VMMetrics, vm.metrics)
    if guest is not None:
        if metrics is None or from_api_time(metrics.start_time) <= from_api_time(guest.last_updated):
            return
        drop_guest_metrics(tx, vm)
    fresh = tx.create(VMGuestMetrics, live=True, PV_drivers_version=UNSEEN_DRIVERS, last_updated=api_time(now))
    tx.set(vm, guest_metrics=fresh.ref)


def drop_guest_metrics(tx: Transaction, vm: VM) -> None:
    """Forget what the guest reported."""
    guest = tx.find(VMGuestMetrics, vm.guest_metrics)
    if guest is not None:
        tx.delete(guest)
    if vm.guest_metrics != NULL_REF:
        tx.set(vm, guest_metrics=NULL_REF)


def _leave_host(tx: Transaction, vm: VM) -> None:
    tx.set(vm, resident_on=NULL_REF, scheduled_to_be_resident_on=NULL_REF, domid=-1)
    delete_consoles(tx, vm.ref)


def _note_metrics(tx: Transaction, vm: VM, domain: Domain, now: float, *, is_new_start: bool) -> None:
    metrics = tx.find(VMMetrics, vm.metrics)
    if metrics is None:
        return
    config = domain.config
    started = {"start_time": api_time(domain.started)} if is_new_start else {}
    tx.set(
        metrics,
        hvm=config.is_hvm,
        nomigrate=config.nomigrate,
        nested_virt=config.nested_virt,
        VCPUs_number=config.vcpus,
        memory_actual=config.memory,
        last_updated=api_time(now),
        **started,
    )
