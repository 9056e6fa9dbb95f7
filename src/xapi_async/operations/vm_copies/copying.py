"""Making a copy of a VM: its disks first, then its records, all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.clock import api_time
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context
from xapi_async.operations.vm.states import force_reset
from xapi_async.operations.vm_copies import devices
from xapi_async.operations.vm_copies.disks import CopyDisk, Made, copy_all
from xapi_async.operations.vm_copies.fields import copied_values, pack


@dataclass(frozen=True)
class Plan:
    """How a copy is to be made. how: what makes its disks. info: its snapshot_info, for snapshots.

    with_memory: take the image of a suspended VM along, so that the copy is suspended too.
    extra: further fields of the copy.
    """

    how: CopyDisk
    is_snapshot: bool = False
    with_memory: bool = False
    info: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


async def make_copy(ctx: Context, source: str, new_name: str, plan: Plan) -> str:
    """Copy a VM. Where anything fails, or the task is cancelled, nothing is left of the copy."""
    vm = ctx.store.get(VM, source)
    image = vm.suspend_VDI if plan.with_memory else NULL_REF
    made = await copy_all(ctx, vm, plan.how, image=image)
    try:
        async with ctx.store.transaction() as tx:
            return _enter(tx, ctx, source, new_name, plan, made)
    except Exception:
        await asyncio.shield(made.discard(ctx))
        raise


def _enter(tx: Transaction, ctx: Context, source: str, new_name: str, plan: Plan, made: Made) -> str:
    vm = tx.get(VM, source)
    values = copied_values(vm, new_name, ctx.services.rng, is_snapshot=plan.is_snapshot)
    if plan.is_snapshot:
        values |= {
            "is_a_snapshot": True,
            "snapshot_of": source,
            "snapshot_time": api_time(ctx.services.clock.now()),
            "snapshot_info": dict(plan.info),
            "snapshot_metadata": pack(vm),
            "parent": vm.parent,
        }
    values |= {**devices.copy_metrics(tx, vm), "suspend_VDI": made.image, **plan.extra}
    copy = tx.create(VM, **values).ref
    if plan.is_snapshot:
        tx.set(vm, parent=copy)
    devices.copy_vbds(tx, source, copy, made.by_source)
    devices.copy_vifs(tx, source, copy, keep_mac=plan.is_snapshot)
    devices.copy_vgpus(tx, source, copy)
    force_reset(tx, copy, "Suspended" if plan.with_memory else "Halted")
    return copy
