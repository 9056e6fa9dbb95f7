"""The devices of a VM that is about to start, resume or reboot: marked while it does, all or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.transaction import Transaction
from xapi_async.operations import marking
from xapi_async.operations.context import Context
from xapi_async.operations.devices.vusb import refresh_vusbs
from xapi_async.operations.networking import vif as vifs
from xapi_async.operations.networking.vif_rules import RULES as VIF_RULES
from xapi_async.operations.storage import vbd_records as vbds
from xapi_async.operations.storage.vbd_rules import RULES as VBD_RULES
from xapi_async.operations.vm.facts import vbds_of

PATIENCE = 120.0
"""Seconds to wait for others who use the disks."""

PAUSE = 2.0
"""Seconds between two tries."""


@asynccontextmanager
async def marked_devices(ctx: Context, ref: str, *, with_vifs: bool = True) -> AsyncIterator[None]:
    """Show ``attach`` on a VM's block devices, and on its interfaces if wanted, while the body runs.

    Raises what forbids it: for disks after waiting a while for those who are busy with them, for interfaces
    OPERATION_NOT_ALLOWED [text].
    """
    key = ctx.task.ref
    await _mark_block_devices(ctx, ref, key)
    try:
        if with_vifs:
            await _mark_vifs(ctx, ref, key)
        yield
    finally:
        await asyncio.shield(_unmark(ctx, ref, key))


async def _mark_block_devices(ctx: Context, ref: str, key: str) -> None:
    clock = ctx.services.clock
    deadline = clock.now() + PATIENCE
    while True:
        try:
            async with ctx.store.transaction() as tx:
                for vbd in vbds_of(tx, tx.get(VM, ref)):
                    marking.mark(tx, VBD_RULES, vbd.ref, "attach", key)
            return
        except ApiError as error:
            if error.code != "OTHER_OPERATION_IN_PROGRESS" or clock.now() >= deadline:
                raise
        async with ctx.task.cancellable():
            await clock.sleep(PAUSE)


async def _mark_vifs(ctx: Context, ref: str, key: str) -> None:
    try:
        async with ctx.store.transaction() as tx:
            for vif in tx.get(VM, ref).VIFs:
                marking.mark(tx, VIF_RULES, vif, "attach", key)
    except ApiError as error:
        raise ApiError("OPERATION_NOT_ALLOWED", f"an interface cannot be attached: {error.description}") from error


async def _unmark(ctx: Context, ref: str, key: str) -> None:
    async with ctx.store.transaction() as tx:
        vm = tx.find(VM, ref)
        if vm is None:
            return
        for vbd in vm.VBDs:
            marking.unmark(tx, VBD_RULES, vbd, key)
        for vif in vm.VIFs:
            marking.unmark(tx, VIF_RULES, vif, key)


def note_attached(tx: Transaction, vm: VM, *, hvm: bool) -> None:
    """Show the devices of a starting VM as attached. Raises ILLEGAL_VBD_DEVICE [VBD, userdevice]."""
    vifs.mark_attached(tx, vm.ref)
    vbds.mark_attached(tx, vm.ref, hvm=hvm)


def note_detached(tx: Transaction, vm: VM) -> None:
    """Show the devices of a halted VM as detached."""
    vifs.mark_detached(tx, vm.ref)
    vbds.mark_detached(tx, vm.ref)


def refresh(tx: Transaction, ref: str) -> None:
    """Compute the allowed operations of a VM's devices anew."""
    if tx.find(VM, ref) is not None:
        vbds.refresh_devices(tx, ref)
        vifs.refresh_vifs(tx, ref)
        refresh_vusbs(tx, ref)
