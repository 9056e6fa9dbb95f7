"""What happens to guests by themselves: they report, end, crash. Shown as it happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import (
    DomainEvent,
    EndReason,
    GuestEnded,
    GuestReport,
    GuestReported,
    HypervisorError,
)
from xapi_async.objects.clock import api_time
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Background, Services
from xapi_async.operations.hosts.life import note_host
from xapi_async.operations.vm import attachments, states
from xapi_async.operations.vm.domains import config_of
from xapi_async.operations.vm.facts import has_pv_drivers
from xapi_async.operations.vm.rules import refresh
from xapi_async.operations.vm.starting import show_live
from xapi_async.operations.vm.stopping import end_domain
from xapi_async.operations.vm.waiting import until_free

ENDING = frozenset(
    {"clean_shutdown", "clean_reboot", "hard_shutdown", "hard_reboot", "shutdown", "suspend", "checkpoint"}
    | {"start", "start_on", "resume", "resume_on", "pool_migrate", "migrate_send", "revert", "reverting"}
)
"""Operations that see to the domain's end themselves, or must be over before anything is done about it."""

ACTION_FIELDS: Mapping[EndReason, str] = {
    "shutdown": "actions_after_shutdown",
    "reboot": "actions_after_reboot",
    "crash": "actions_after_crash",
}

HALT, RESTART, KEEP = "halt", "restart", "keep"

EFFECTS: Mapping[str, str] = {
    "destroy": HALT,
    "restart": RESTART,
    "rename_restart": RESTART,
    "coredump_and_destroy": HALT,
    "coredump_and_restart": RESTART,
    "preserve": KEEP,
}
"""What follows from each value of these fields."""

_log = logging.getLogger(__name__)


async def watch_guests(services: Services) -> None:
    """Background work: follow what guests and hosts do. It expects :func:`~.recovery.recover` to have been done."""
    async with asyncio.TaskGroup() as handling:
        async for event in services.hypervisor.events():
            handling.create_task(_handle(services, event))


async def _handle(services: Services, event: DomainEvent) -> None:
    try:
        if isinstance(event, GuestReported):
            await note_report(services, event.vm, event.domid, event.report)
        elif isinstance(event, GuestEnded):
            await note_end(services, event)
        else:
            await note_host(services, event)
    except Exception:
        # One guest's trouble must not keep the others' events from being seen.
        _log.exception("an event could not be dealt with: %r", event)


# Reports


async def note_report(services: Services, uuid: str, domid: int, report: GuestReport) -> None:
    """Write what a guest's agent tells into its guest metrics."""
    ref = _ref_of(services, uuid)
    if ref is None:
        return
    domain = services.hypervisor.domain(uuid)
    if domain is None or domain.domid != domid:
        return
    # A report may come before the start that it belongs to is shown.
    await until_free(services.store, ref, frozenset({"start", "start_on", "resume", "resume_on", "clean_reboot"}))
    async with services.store.transaction() as tx:
        vm = tx.find(VM, ref)
        if vm is None or vm.domid != domid:
            return
        _write_report(tx, vm, report, services.clock.now())


def _write_report(tx: Transaction, vm: VM, report: GuestReport, now: float) -> None:
    guest = tx.find(VMGuestMetrics, vm.guest_metrics)
    values = _values(report, now)
    if guest is None:
        guest = tx.create(VMGuestMetrics, live=True)
        tx.set(vm, guest_metrics=guest.ref)
    elif all(_same(getattr(guest, name), value) for name, value in values.items()):
        return
    tx.set(guest, **values, last_updated=api_time(now))
    detected = has_pv_drivers(guest)
    tx.set(guest, PV_drivers_detected=detected, PV_drivers_up_to_date=detected)
    platform = dict(vm.platform)
    if report.os_version.get("distro") == "windows" and "build" in report.drivers:
        platform.setdefault("viridian", "true")
    if report.device_id:
        platform["device_id"] = report.device_id
    if platform != vm.platform:
        tx.set(vm, platform=platform)
    attachments.refresh(tx, vm.ref)
    refresh(tx, vm.ref)


def _values(report: GuestReport, now: float) -> dict[str, Any]:
    return {
        "os_version": dict(report.os_version),
        "PV_drivers_version": {"micro": "-1", **report.drivers},
        "other": {**report.other, "data-ts": f"{now:.0f}"},
        "networks": dict(report.networks),
        "can_use_hotplug_vbd": report.hotplug_vbd,
        "can_use_hotplug_vif": report.hotplug_vif,
    }


def _same(old: Any, new: Any) -> bool:
    """Whether nothing but the time of the report differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, "data-ts": ""} == {**new, "data-ts": ""}
    return bool(old == new)


# Ends


async def note_end(services: Services, event: GuestEnded) -> None:
    """Do what a VM's settings say about a guest that ended by itself."""
    ref = _ref_of(services, event.vm)
    if ref is None:
        return
    await until_free(services.store, ref, ENDING)
    domain, vm = services.hypervisor.domain(event.vm), services.store.find(VM, ref)
    if vm is None or domain is None or domain.domid != event.domid:
        return  # whoever was busy with it has dealt with it
    effect = EFFECTS[getattr(vm, ACTION_FIELDS[event.reason])]
    if effect == RESTART:
        await _restart(services, ref)
    elif effect == HALT:
        await end_domain(services, ref)
    else:
        async with services.store.transaction() as tx:
            states.note_paused(tx, ref, is_paused=True, now=services.clock.now())


async def _restart(services: Services, ref: str) -> None:
    vm = services.store.get(VM, ref)
    config = config_of(services.store, vm, services.store.get(Host, vm.resident_on))
    try:
        await services.hypervisor.reboot(vm.uuid, config, None)
    except (HypervisorError, ApiError):
        _log.warning("VM %s could not be started again after its guest had ended", vm.uuid, exc_info=True)
        try:
            await end_domain(services, ref)
            return
        except ApiError:
            _log.warning("VM %s could not be ended either", vm.uuid, exc_info=True)  # so its new domain is shown
    await show_live(services, ref, vm.resident_on, is_new_start=True)


def _ref_of(services: Services, uuid: str) -> str | None:
    try:
        return services.store.by_uuid(VM, uuid).ref
    except ApiError:
        return None


BACKGROUND: tuple[Background, ...] = (watch_guests,)
