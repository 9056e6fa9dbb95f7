"""What happens to guests by themselves: they report, end, crash. Shown as it happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
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
from xapi_async.operations.context import Background, Context, Services
from xapi_async.operations.hosts.life import note_host
from xapi_async.operations.marking import unmark
from xapi_async.operations.own_work import own_context
from xapi_async.operations.storage.plugging import reset_disks
from xapi_async.operations.vm import attachments, states
from xapi_async.operations.vm.domains import config_of
from xapi_async.operations.vm.facts import has_pv_drivers
from xapi_async.operations.vm.rules import RULES, refresh
from xapi_async.operations.vm.settling import settle
from xapi_async.operations.vm.stopping import end_domain
from xapi_async.operations.vm.waiting import until_free

BUILDING = frozenset(
    {"start", "start_on", "resume", "resume_on", "clean_reboot", "hard_reboot"}
    | {"checkpoint", "pool_migrate", "migrate_send", "revert", "reverting"}
)
"""Operations after which a VM shows another domain, of which a report may come before that."""

BUSY = BUILDING | {"clean_shutdown", "hard_shutdown", "shutdown", "suspend", "pause", "unpause"}
"""Operations that see to the domain's end themselves, or must be over before anything is done about it."""

ACTION_FIELDS: Mapping[EndReason, str] = {
    "shutdown": "actions_after_shutdown",
    "reboot": "actions_after_reboot",
    "crash": "actions_after_crash",
}

HALT, RESTART, KEEP = "hard_shutdown", "hard_reboot", "pause"
"""What may follow, by the operation that a VM shows meanwhile."""

EFFECTS: Mapping[str, str] = {
    "destroy": HALT,
    "restart": RESTART,
    "rename_restart": RESTART,
    "coredump_and_destroy": HALT,
    "coredump_and_restart": RESTART,
    "preserve": KEEP,
}
"""What follows from each value of these fields."""

AGAIN_AFTER = (1.0, 60.0)
"""Seconds until what failed is tried again: the first time, and at the most. Each time it is twice as long."""

_log = logging.getLogger(__name__)


async def watch_guests(services: Services) -> None:
    """Background work: follow what guests and hosts do. It expects :func:`~.recovery.recover` to have been done."""
    async with asyncio.TaskGroup() as handling:
        async for event in services.hypervisor.events():
            handling.create_task(_handle(services, event))


async def _handle(services: Services, event: DomainEvent) -> None:
    try:
        await services.store.turns.take()  # guests that were started together report together
        if isinstance(event, GuestReported):
            await note_report(services, event.vm, event.domid, event.report)
        elif isinstance(event, GuestEnded):
            await see_to_end(services, event)
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
    await until_free(services.store, ref, BUILDING)
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


async def see_to_end(services: Services, event: GuestEnded) -> None:
    """Do what a VM's settings say about a guest that ended by itself; again and again where that fails."""
    seconds, longest = AGAIN_AFTER
    while True:
        try:
            await _note_end(services, event)
            return
        except (HypervisorError, ApiError) as error:
            _log.warning("the end of the guest of VM %s could not be dealt with yet: %s", event.vm, error)
        except Exception:  # else the VM would be shown as live for ever
            _log.exception("the end of the guest of VM %s could not be dealt with yet", event.vm)
        await services.clock.sleep(seconds)
        seconds = min(2 * seconds, longest)


async def _note_end(services: Services, event: GuestEnded) -> None:
    ref = _ref_of(services, event.vm)
    if ref is None:
        return
    await until_free(services.store, ref, BUSY)
    if not _is_left(services, event):
        return  # whoever was busy with it has dealt with it
    async with own_context(services, "end of a guest") as ctx:
        while (effect := await _mark(ctx, ref, event)) is None:
            await until_free(services.store, ref, BUSY)
        try:
            if _is_left(services, event):
                await _WORK[effect](ctx, ref)
        finally:
            await asyncio.shield(_unmark(ctx, ref))


def _is_left(services: Services, event: GuestEnded) -> bool:
    domain = services.hypervisor.domain(event.vm)
    return domain is not None and domain.domid == event.domid


async def _mark(ctx: Context, ref: str, event: GuestEnded) -> str | None:
    """Show on a VM what follows from its guest's end, and give that; None where another operation came first.

    No rule is asked: the guest has ended, allowed or not.
    """
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, ref)
        is_free = BUSY.isdisjoint(vm.current_operations.values())
        effect = EFFECTS[getattr(vm, ACTION_FIELDS[event.reason])]
        if is_free:
            tx.set(vm, current_operations={**vm.current_operations, ctx.task.ref: effect})
            refresh(tx, ref)
    if is_free:
        return effect
    await ctx.store.flush()  # so that what came first is seen by whoever waits for its end
    return None


async def _unmark(ctx: Context, ref: str) -> None:
    async with ctx.store.transaction() as tx:
        unmark(tx, RULES, ref, ctx.task.ref)


async def _halt(ctx: Context, ref: str) -> None:
    await end_domain(ctx.services, ref)


async def _restart(ctx: Context, ref: str) -> None:
    """Start a guest again in place of the one that ended; where that fails, or is cancelled, the VM is halted."""
    services, vm = ctx.services, ctx.store.get(VM, ref)
    config = config_of(ctx.store, vm, ctx.store.get(Host, vm.resident_on))
    try:
        async with ctx.task.cancellable():
            await services.hypervisor.reboot(vm.uuid, config, None, ctx.task.progress)
        await reset_disks(services, ref)
    except (HypervisorError, ApiError) as error:
        _log.warning("VM %s could not be started again after its guest had ended: %s", vm.uuid, error)
        await asyncio.shield(end_domain(services, ref))
    finally:
        await asyncio.shield(settle(services, ref))


async def _keep(ctx: Context, ref: str) -> None:
    async with ctx.store.transaction() as tx:
        states.note_paused(tx, ref, is_paused=True, now=ctx.services.clock.now())


_WORK: Mapping[str, Callable[[Context, str], Awaitable[None]]] = {
    HALT: _halt,
    RESTART: _restart,
    KEEP: _keep,
}


def _ref_of(services: Services, uuid: str) -> str | None:
    try:
        return services.store.by_uuid(VM, uuid).ref
    except ApiError:
        return None


BACKGROUND: tuple[Background, ...] = (watch_guests,)
