"""Disks opened by the server itself, shown as block devices of a control domain while they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context
from xapi_async.operations.marking import refresh
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.facts import incompatible_type
from xapi_async.operations.storage.plugging import drop_content_id, give_content_id
from xapi_async.operations.storage.records import delete_vbd, note_sizes, update_disk
from xapi_async.operations.storage.sites import failures, site_of
from xapi_async.operations.storage.tracking import check_tracking
from xapi_async.operations.storage.vbd_records import new_vbd
from xapi_async.operations.storage.vbd_rules import HARMLESS_VDI_OPERATIONS
from xapi_async.storage.driver import BackendError, Image

TASK_KEY = "task_id"
"""The key of other_config by which such a block device names the task it serves."""

NOT_FOR_VBDS = frozenset({"ha_statefile", "redo_log", "cbt_metadata"})
"""Types of disks that no VM may have."""


@asynccontextmanager
async def in_control_domain(ctx: Context, vdi: str, mode: str, *, host: str | None = None) -> AsyncIterator[Image]:
    """Open a disk for the server's own use. mode: ``RO`` or ``RW``. host: where, else where its SR is served.

    Who else uses the disk is not asked. Raises VDI_INCOMPATIBLE_TYPE [VDI, type], VDI_READONLY [VDI],
    OTHER_OPERATION_IN_PROGRESS ["VDI", VDI, operation], SR_HAS_NO_PBDS [SR], or what the backend does.
    """
    store = ctx.store
    found = store.get(VDI, vdi)
    site = site_of(ctx.services, found.SR, host=host)
    is_writable, disks = mode == "RW", ctx.services.open_disks
    with disks.writing(vdi) if is_writable else nullcontext():
        if is_writable:
            await check_tracking(ctx.services, vdi)
        async with store.transaction() as tx:
            device = _plug(tx, tx.get(VDI, vdi), mode, tx.get(PBD, site.pbd).host, ctx.task.ref)
        try:
            with failures(found.SR, vdi):
                async with site.driver.opened(site.sr, found.location, writable=is_writable) as image:
                    yield disks.noted(vdi, image) if is_writable else image
        finally:
            await asyncio.shield(_unplug(ctx, vdi, device))


def _plug(tx: Transaction, vdi: VDI, mode: str, host: str, task: str) -> str | None:
    if vdi.type in NOT_FOR_VBDS:
        raise incompatible_type(vdi.ref, vdi.type)
    if mode == "RW" and vdi.read_only:
        raise ApiError("VDI_READONLY", vdi.ref)
    for current in vdi.current_operations.values():
        if current not in HARMLESS_VDI_OPERATIONS:
            raise ApiError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref, current)
    if mode == "RW":
        drop_content_id(tx, vdi)
    domain = tx.find(VM, tx.get(Host, host).control_domain)
    if domain is None:
        return None
    vbd = new_vbd(
        tx,
        domain,
        VDI=vdi.ref,
        mode=mode,
        type="Disk",
        userdevice="autodetect",
        empty=False,
        unpluggable=True,
        other_config={TASK_KEY: task},
    )
    tx.set(vbd, device=f"sm/backend/{vdi.uuid}", currently_attached=True)
    refresh(tx, vdi_rules.RULES, vdi.ref)
    return vbd.ref


async def _unplug(ctx: Context, vdi: str, device: str | None) -> None:
    """Take the device away, and note what the disk takes up now."""
    store = ctx.store
    found = store.find(VDI, vdi)
    sr = store.find(SR, found.SR) if found is not None else None
    state = sizes = None
    if found is not None and sr is not None:
        driver = ctx.services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
        with suppress(BackendError):  # the next scan says what is left
            state, sizes = await driver.disk(sr.uuid, found.location), await driver.state(sr.uuid)
    async with store.transaction() as tx:
        vbd = tx.find(VBD, device) if device is not None else None
        if vbd is not None:
            delete_vbd(tx, vbd)
        target = tx.find(VDI, vdi)
        if target is None:
            return
        if state is not None and sizes is not None:
            update_disk(tx, target, state)
            note_sizes(tx, target.SR, sizes)
        give_content_id(tx, target)
        refresh(tx, vdi_rules.RULES, vdi)
