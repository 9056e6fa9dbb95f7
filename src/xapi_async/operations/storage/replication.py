"""SR: keeping a copy of the pool's database on a disk of its own, so that another pool can recover its VMs."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import STARTS
from xapi_async.objects.errors import DatabaseError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.storage import vdi
from xapi_async.operations.storage.facts import require_licence, the_pool
from xapi_async.operations.storage.metadata_disks import attach_disk, detach_disk, is_written, own_disks
from xapi_async.operations.storage.sr import assert_supports_database_replication

log = logging.getLogger(__name__)

MOST_DISKS = 8
"""Disks that a pool may write copies of its database to."""

SIZE = 256 << 20
"""Bytes of such a disk, at least."""


async def enable_database_replication(ctx: Context, sr: str) -> None:
    """SR.enable_database_replication: when this returns, a copy is on a disk of the SR, and kept up to date.

    Raises LICENCE_RESTRICTION ["DR"], SR_HAS_NO_PBDS [SR], SR_OPERATION_NOT_SUPPORTED [SR],
    NO_MORE_REDO_LOGS_ALLOWED [] or CANNOT_ENABLE_REDO_LOG [text].
    """
    store = ctx.store
    store.get(SR, sr)
    require_licence(store, "restrict_dr", "DR")
    await assert_supports_database_replication(ctx, sr)
    if any(is_written(store, disk) for disk in own_disks(store, sr)):
        return
    if sum(is_written(store, disk) for one in store.all(SR) for disk in own_disks(store, one.ref)) >= MOST_DISKS:
        raise ApiError("NO_MORE_REDO_LOGS_ALLOWED")
    try:
        found = next((disk.ref for disk in own_disks(store, sr) if disk.virtual_size >= SIZE), None)
        disk = found or await _make(ctx, sr)
        try:
            await attach_disk(ctx.services, disk)
            await ctx.services.replicas.start(disk)
        except BaseException:
            await asyncio.shield(_undo(ctx, disk, is_new=found is None))
            raise
    except DatabaseError as error:
        raise ApiError("CANNOT_ENABLE_REDO_LOG", str(error)) from error
    except ApiError as error:
        raise ApiError("CANNOT_ENABLE_REDO_LOG", " ".join(map(str, error.description))) from error


async def _undo(ctx: Context, disk: str, *, is_new: bool) -> None:
    try:
        await detach_disk(ctx.services, disk)
        if is_new:
            await vdi.destroy(ctx, disk)
    except ApiError as error:
        log.info("VDI %s could not be put back as it was: %s", disk, error.description)


async def disable_database_replication(ctx: Context, sr: str) -> None:
    """SR.disable_database_replication: the pool's disks for it in the SR are detached and destroyed.

    Raises as VDI.destroy.
    """
    for disk in list(own_disks(ctx.store, sr)):
        await detach_disk(ctx.services, disk.ref)
        await vdi.destroy(ctx, disk.ref)


async def _make(ctx: Context, sr: str) -> str:
    fields = {name: start for name, start in STARTS[VDI].items() if VDI.FIELDS[name].qualifier != "RO/runtime"}
    wanted: dict[str, Any] = {
        "SR": sr,
        "name_label": "Metadata for DR",
        "name_description": "Copy of the pool's database",
        "type": "metadata",
        "virtual_size": SIZE,
        "sm_config": {"type": "raw"},
        "metadata_of_pool": the_pool(ctx.store).ref,
    }
    return await vdi.create(ctx, {**fields, **wanted})


HANDLERS: Handlers = {
    "SR.enable_database_replication": enable_database_replication,
    "SR.disable_database_replication": disable_database_replication,
}
