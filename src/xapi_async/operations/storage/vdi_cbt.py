"""VDI: tracking of changed blocks."""

from __future__ import annotations

import asyncio
import base64

from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.storage.facts import require_licence, require_managed
from xapi_async.operations.storage.plugging import CONTENT_ID
from xapi_async.operations.storage.records import forget_suspend_image, note_sizes, sizes_if_known
from xapi_async.operations.storage.scanning import make_dirty
from xapi_async.operations.storage.sites import failures, site_of
from xapi_async.operations.storage.vdi import marked_disk

PATIENCE = 4.0
"""Seconds that VDI.data_destroy waits for the last block device of a disk to go."""

LOOK_SECONDS = 0.2

NO_CONTENT = "nothing but a log of changed blocks is left"
"""What names the content of a disk of which only the log of changes is left."""


async def enable_cbt(ctx: Context, self: str) -> None:
    """VDI.enable_cbt: log from now on which blocks change. Nothing is done where they are logged already.

    Raises LICENCE_RESTRICTION ["CBT"], SR_HAS_NO_PBDS [SR], or what the backend does.
    """
    async with marked_disk(ctx, self, "enable_cbt"):
        require_licence(ctx.store, "restrict_cbt", "CBT")
        await _switch(ctx, self, on=True)


async def disable_cbt(ctx: Context, self: str) -> None:
    """VDI.disable_cbt: log no more. Raises SR_HAS_NO_PBDS [SR], or what the backend does."""
    async with marked_disk(ctx, self, "disable_cbt"):
        await _switch(ctx, self, on=False)


async def _switch(ctx: Context, ref: str, *, on: bool) -> None:
    vdi = ctx.store.get(VDI, ref)
    site = site_of(ctx.services, vdi.SR)
    if vdi.cbt_enabled == on:
        return
    with failures(vdi.SR, ref):
        await (site.driver.enable_cbt if on else site.driver.disable_cbt)(site.sr, vdi.location)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VDI, ref), cbt_enabled=on)


async def data_destroy(ctx: Context, self: str) -> None:
    """VDI.data_destroy: drop what a snapshot holds, and keep its log of changes. Doing it again is no error.

    Raises SR_HAS_NO_PBDS [SR], VDI_NOT_MANAGED [VDI], VDI_IN_USE [VDI, "data_destroy"], or what the backend does;
    the type of the disk is what it was then.
    """
    async with marked_disk(ctx, self, "data_destroy"):
        store = ctx.store
        kind = store.get(VDI, self).type
        if kind == "cbt_metadata":
            return
        await _set_type(ctx, self, "cbt_metadata")
        try:
            vdi = store.get(VDI, self)
            site = site_of(ctx.services, vdi.SR)
            require_managed(vdi)
            await _wait_until_unused(ctx, self)
            with failures(vdi.SR, self):
                await site.driver.destroy_data(site.sr, vdi.location)
                await site.driver.set_type(site.sr, vdi.location, "cbt_metadata")
        except BaseException:
            await asyncio.shield(_set_type(ctx, self, kind))
            raise
        sizes = await sizes_if_known(site)
        async with store.transaction() as tx:
            target = tx.get(VDI, self)
            if "vhd-parent" in target.sm_config:
                make_dirty(tx, site.ref)
            content = {**target.other_config, CONTENT_ID: NO_CONTENT}
            tx.set(target, other_config=content, physical_utilisation=0, sm_config={})
            note_sizes(tx, site.ref, sizes, more=-target.virtual_size)
            forget_suspend_image(tx, self)


async def _set_type(ctx: Context, ref: str, kind: str) -> None:
    async with ctx.store.transaction() as tx:
        vdi = tx.find(VDI, ref)
        if vdi is not None:
            tx.set(vdi, type=kind)


async def _wait_until_unused(ctx: Context, ref: str) -> None:
    clock = ctx.services.clock
    deadline = clock.now() + PATIENCE
    while ctx.store.get(VDI, ref).VBDs:
        if clock.now() >= deadline:
            raise ApiError("VDI_IN_USE", ref, "data_destroy")
        async with ctx.task.cancellable():
            await clock.sleep(LOOK_SECONDS)


async def list_changed_blocks(ctx: Context, vdi_from: str, vdi_to: str) -> str:
    """VDI.list_changed_blocks: base64 of a bitmap, one bit for each 64 KiB of ``vdi_to``.

    Raises SR_HAS_NO_PBDS [SR], or what the backend does: SR_BACKEND_FAILURE_460 where changes were not logged from
    the one to the other.
    """
    ctx.store.get(VDI, vdi_from)
    async with marked_disk(ctx, vdi_to, "list_changed_blocks"):
        older, newer = ctx.store.get(VDI, vdi_from), ctx.store.get(VDI, vdi_to)
        site = site_of(ctx.services, newer.SR)
        if older.SR != newer.SR:
            raise ApiError("INTERNAL_ERROR", f"VDI {vdi_from} is not in the same SR as VDI {vdi_to}")
        with failures(newer.SR, vdi_to):
            bitmap = await site.driver.changed_blocks(site.sr, older.location, newer.location)
    return base64.b64encode(bitmap).decode("ascii")


HANDLERS: Handlers = {
    "VDI.enable_cbt": enable_cbt,
    "VDI.disable_cbt": disable_cbt,
    "VDI.data_destroy": data_destroy,
    "VDI.list_changed_blocks": list_changed_blocks,
}
