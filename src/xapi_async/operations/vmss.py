"""VMSS: the settings of snapshot schedules. Running them: :mod:`xapi_async.operations.vmss_running`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vmss import VMSS
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations import vmss_schedule as schedules
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.vm.features import require_feature
from xapi_async.operations.vm.flags import require_quiesce
from xapi_async.operations.vmss_running import run_one

FEATURE = "VMSS"
QUIESCED = "snapshot_with_quiesce"


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """VMSS.create. Raises LICENCE_RESTRICTION [feature] or INVALID_VALUE [field, value]."""
    async with ctx.store.transaction() as tx:
        require_feature(tx, FEATURE)
        _check_type(tx, args["type"])
        schedules.check_retained(args["retained_snapshots"])
        schedule = schedules.new_schedule(args["frequency"], args["schedule"])
        return tx.create(VMSS, **{**args, "schedule": schedule}).ref


async def destroy(ctx: Context, self: str) -> None:
    """VMSS.destroy, with its messages. Raises LICENCE_RESTRICTION [feature], or VMSS_HAS_VM [] where it covers VMs."""
    async with ctx.store.transaction() as tx:
        require_feature(tx, FEATURE)
        policy = tx.get(VMSS, self)
        uuid = policy.uuid
        if policy.VMs:
            raise ApiError("VMSS_HAS_VM")
        tx.delete(policy)
    messages = ctx.services.messages
    if messages is not None:
        for notice in messages.newest_first():
            if notice.cls == "VMSS" and notice.obj_uuid == uuid:
                await messages.remove(notice.ref)


async def snapshot_now(ctx: Context, vmss: str) -> str:
    """VMSS.snapshot_now: run a schedule at once, even one that is not enabled; what became of it as text."""
    require_feature(ctx.store, FEATURE)
    ctx.store.get(VMSS, vmss)
    return await run_one(ctx.services, vmss)


async def set_retained_snapshots(ctx: Context, self: str, value: int) -> None:
    """VMSS.set_retained_snapshots. Raises INVALID_VALUE ["retained_snapshots", value]."""
    require_feature(ctx.store, FEATURE)
    schedules.check_retained(value)
    await _write(ctx, self, retained_snapshots=value)


async def set_frequency(ctx: Context, self: str, value: str) -> None:
    """VMSS.set_frequency: the schedule keeps what fits, and gets defaults for the rest."""
    async with ctx.store.transaction() as tx:
        require_feature(tx, FEATURE)
        policy = tx.get(VMSS, self)
        tx.set(policy, frequency=value, schedule=schedules.for_frequency(value, policy.schedule))


async def set_schedule(ctx: Context, self: str, value: Mapping[str, str]) -> None:
    """VMSS.set_schedule: entries laid over those there are. Raises INVALID_VALUE ["schedule:KEY", value]."""
    async with ctx.store.transaction() as tx:
        require_feature(tx, FEATURE)
        policy = tx.get(VMSS, self)
        tx.set(policy, schedule={**policy.schedule, **schedules.checked_entries(value)})


async def set_last_run_time(ctx: Context, self: str, value: str) -> None:
    """VMSS.set_last_run_time."""
    require_feature(ctx.store, FEATURE)
    await _write(ctx, self, last_run_time=value)


async def set_type(ctx: Context, self: str, value: str) -> None:
    """VMSS.set_type. Raises LICENCE_RESTRICTION [feature], or why a VM cannot be quiesced."""
    async with ctx.store.transaction() as tx:
        require_feature(tx, FEATURE)
        policy = tx.get(VMSS, self)
        _check_type(tx, value)
        if value == QUIESCED:
            for vm in policy.VMs:
                require_quiesce(tx, tx.get(VM, vm))
        tx.set(policy, type=value)


def _check_type(reader: Reader, kind: str) -> None:
    if kind == QUIESCED:
        require_feature(reader, "VSS")


async def _write(ctx: Context, self: str, **values: Any) -> None:
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VMSS, self), **values)


def _entry_handlers() -> Handlers:
    """Adding and removing one entry of a schedule.

    Clients change an entry by removing it and adding it again; what was removed is put back where the
    new value is refused, so that the schedule is not left without it.
    """
    removed: dict[tuple[str, str], str] = {}

    async def add_to_schedule(ctx: Context, self: str, key: str, value: str) -> None:
        require_feature(ctx.store, FEATURE)
        before = removed.pop((self, key), None)
        try:
            entry = schedules.checked_entries({key: value})
        except ApiError:
            if before is not None:
                await _add(ctx, self, {key: before}, strictly=False)
            raise
        await _add(ctx, self, entry, strictly=True)

    async def remove_from_schedule(ctx: Context, self: str, key: str) -> None:
        async with ctx.store.transaction() as tx:
            require_feature(tx, FEATURE)
            policy = tx.get(VMSS, self)
            if key in policy.schedule:
                removed[self, key] = policy.schedule[key]
                tx.set(policy, schedule={name: text for name, text in policy.schedule.items() if name != key})

    return {"VMSS.add_to_schedule": add_to_schedule, "VMSS.remove_from_schedule": remove_from_schedule}


async def _add(ctx: Context, self: str, entry: Mapping[str, str], *, strictly: bool) -> None:
    async with ctx.store.transaction() as tx:
        policy = tx.get(VMSS, self)
        for key in entry:
            if strictly and key in policy.schedule:
                raise ApiError("MAP_DUPLICATE_KEY", "VMSS", "schedule", self, key)
        tx.set(policy, schedule={**entry, **policy.schedule})


HANDLERS: Handlers = {
    "VMSS.create": create,
    "VMSS.destroy": destroy,
    "VMSS.snapshot_now": snapshot_now,
    "VMSS.set_retained_snapshots": set_retained_snapshots,
    "VMSS.set_frequency": set_frequency,
    "VMSS.set_schedule": set_schedule,
    "VMSS.set_last_run_time": set_last_run_time,
    "VMSS.set_type": set_type,
    **_entry_handlers(),
}
