"""Snapshot schedules at work: taking the snapshots of a schedule's VMs, and doing so when their time has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vmss import VMSS
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER
from xapi_async.objects.clock import api_time, from_api_time
from xapi_async.operations.context import Background, Context, Services
from xapi_async.operations.own_work import own_context
from xapi_async.operations.vm.features import has_feature
from xapi_async.operations.vm_copies.destroying import discard_snapshot
from xapi_async.operations.vm_copies.quiescing import take_quiesced
from xapi_async.operations.vm_copies.snapshotting import take_checkpoint, take_snapshot
from xapi_async.operations.vmss_schedule import QUARTER, is_due, latest_due, local, quarter

log = logging.getLogger(__name__)

TAKERS: Mapping[str, Callable[..., Awaitable[str]]] = {
    "snapshot": take_snapshot,
    "checkpoint": take_checkpoint,
    "snapshot_with_quiesce": take_quiesced,
}

SUCCEEDED = "VMSS_SNAPSHOT_SUCCEEDED"
FAILED = "VMSS_SNAPSHOT_FAILED"
LOCKED = "VMSS_SNAPSHOT_LOCK_FAILED"
MISSED = "VMSS_SNAPSHOT_MISSED_EVENT"
UNLICENSED = "VMSS_LICENSE_ERROR"

PRIORITIES: Mapping[str, int] = {SUCCEEDED: 5, FAILED: 3, LOCKED: 3, MISSED: 3, UNLICENSED: 3}
"""How urgent the message about each outcome is."""


async def run_one(services: Services, ref: str) -> str:
    """Take the snapshots of a schedule now, and tell by a message how it went; gives its text."""
    policy = services.store.get(VMSS, ref)
    if ref in services.running_schedules:
        return await _tell(services, policy, LOCKED, "the schedule is being run already")
    services.running_schedules.add(ref)
    try:
        async with own_context(services, "VMSS.snapshot_now") as ctx:
            failures = await _snapshot_all(ctx, ref)
    finally:
        services.running_schedules.discard(ref)
    if failures:
        text = "; ".join(f"VM {vm}: {' '.join(error.description)}" for vm, error in failures.items())
        return await _tell(services, policy, FAILED, text)
    return await _tell(services, policy, SUCCEEDED, f"{len(policy.VMs)} VMs were snapshotted")


async def run_due(services: Services, now: float) -> None:
    """Run all enabled schedules whose time is the quarter of an hour that begins now."""
    due = [
        policy
        for policy in services.store.all(VMSS)
        if policy.enabled and is_due(policy.frequency, policy.schedule, local(now))
    ]
    if not has_feature(services.store, "VMSS"):
        for policy in due:
            await _tell(services, policy, UNLICENSED, "the licence does not cover snapshot schedules")
        return
    async with asyncio.TaskGroup() as runs:
        for policy in due:
            runs.create_task(_run_safely(services, policy.ref))


async def watch_schedules(services: Services) -> None:
    """Background work: every quarter of an hour, run the schedules that are due."""
    await note_missed(services)
    clock = services.clock
    async with asyncio.TaskGroup() as runs:
        coming = quarter(clock.now()) + QUARTER
        while True:
            await clock.sleep(max(0.0, coming - clock.now()))
            # A run may take longer than a quarter: the next look does not wait for it.
            runs.create_task(run_due(services, coming))
            coming = max(coming, quarter(clock.now())) + QUARTER


async def note_missed(services: Services) -> None:
    """Tell of schedules that would have run while the server did not."""
    now = services.clock.now()
    for policy in list(services.store.all(VMSS)):
        if not policy.enabled or policy.last_run_time == NEVER:
            continue
        # A run is noted at its end, which is after the time it was due.
        missed = latest_due(policy.frequency, policy.schedule, from_api_time(policy.last_run_time), now)
        if missed is not None:
            await _tell(services, policy, MISSED, f"no snapshots were taken at {api_time(missed)}")


async def _run_safely(services: Services, ref: str) -> None:
    try:
        await run_one(services, ref)
    except ApiError as error:
        log.warning("snapshot schedule %s: %s", ref, error.description)
    except Exception:
        log.exception("snapshot schedule %s", ref)


async def _snapshot_all(ctx: Context, ref: str) -> dict[str, ApiError]:
    """Snapshot every VM of a schedule and drop what is too old; gives what went wrong, by uuid of the VM."""
    store, now = ctx.store, ctx.services.clock.now()
    policy = store.get(VMSS, ref)
    failures: dict[str, ApiError] = {}
    for vm in policy.VMs:
        member = store.find(VM, vm)
        if member is None:
            continue
        name = f"{member.name_label}-{policy.name_label}-{api_time(now)}"
        try:
            await _take(ctx, policy, vm, name)
            await _drop_surplus(ctx, vm, policy.retained_snapshots)
        except ApiError as error:
            failures[member.uuid] = error
    async with store.transaction() as tx:
        found = tx.find(VMSS, ref)
        if found is not None:
            tx.set(found, last_run_time=api_time(now))
    return failures


async def _take(ctx: Context, policy: VMSS, vm: str, name: str) -> None:
    extra: dict[str, Any] = {"is_vmss_snapshot": True}
    async with ctx.task.child(f"Async.VM.{policy.type}") as task:
        await TAKERS[policy.type](Context(ctx.services, ctx.caller, task), vm, name, **extra)


async def _drop_surplus(ctx: Context, vm: str, kept: int) -> None:
    """Destroy the oldest scheduled snapshots of a VM beyond those to be kept, with their disks."""
    found = (ctx.store.find(VM, ref) for ref in ctx.store.get(VM, vm).snapshots)
    scheduled = sorted((one for one in found if one and one.is_vmss_snapshot), key=lambda one: one.snapshot_time)
    for snapshot in scheduled[: max(0, len(scheduled) - kept)]:
        await discard_snapshot(ctx, snapshot.ref)


async def _tell(services: Services, policy: VMSS, name: str, text: str) -> str:
    body = f"{name}: {text}"
    if services.messages is not None:
        await services.messages.post(name, PRIORITIES[name], "VMSS", policy.uuid, f"{policy.name_label}: {text}")
    return body


BACKGROUND: tuple[Background, ...] = (watch_schedules,)
