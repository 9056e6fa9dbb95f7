"""The disks of VMs: made, copied and destroyed by the messages of class VDI, each under a task of its own.

The one place where this package meets storage.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import Progress
from xapi_async.objects.entity import STARTS, new_uuid
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context
from xapi_async.operations.vm.facts import vbds_of
from xapi_async.operations.vm_copies.steady import steady

log = logging.getLogger(__name__)


class CopyDisk(NamedTuple):
    """A way to make a new disk out of one. message: what its task is called. make: gives the new disk."""

    message: str
    make: Callable[[Context, str], Awaitable[str]]


def cloning() -> CopyDisk:
    """Disks made by VDI.clone."""
    return _by("VDI.clone")


def snapshotting() -> CopyDisk:
    """Disks made by VDI.snapshot."""
    return _by("VDI.snapshot")


def copying(sr: str) -> CopyDisk:
    """Disks made by VDI.copy, in an SR; in each disk's own where that is no SR."""

    async def copy(ctx: Context, vdi: str) -> str:
        target = sr if ctx.store.find(SR, sr) is not None else ctx.store.get(VDI, vdi).SR
        made: str = await call(ctx, "VDI.copy", vdi, target, NULL_REF, NULL_REF)
        return made

    return CopyDisk("VDI.copy", copy)


def _by(message: str) -> CopyDisk:
    # One value for all disks of a call tells the backend that they belong together.
    hint = {"epochhint": new_uuid()}

    async def make(ctx: Context, vdi: str) -> str:
        made: str = await call(ctx, message, vdi, hint)
        return made

    return CopyDisk(message, make)


class Made:
    """Disks made so far for a copy. by_source: what takes the place of each disk; CDs are shared.

    image: the new saved memory, or NULL.
    """

    def __init__(self) -> None:
        self.by_source: dict[str, str] = {}
        self.image = NULL_REF
        self.fresh: list[str] = []

    async def discard(self, ctx: Context) -> None:
        """Destroy what was made; what cannot be destroyed is left."""
        await destroy_quietly(ctx, self.fresh)


async def copy_all(ctx: Context, vm: VM, how: CopyDisk, *, image: str = NULL_REF) -> Made:
    """Copy a VM's disks, one after the other, and an image of its memory if one is named.

    Raises the error of the first that fails, or TASK_CANCELLED [task]; what was made by then is destroyed.
    """
    made = Made()
    cds, sources = _sources(ctx, vm)
    made.by_source.update(cds)
    wanted = [*sources, *([image] if image != NULL_REF else [])]
    sizes = {ref: _size(ctx, ref) for ref in wanted}
    done, total = 0, sum(sizes.values()) or 1
    try:
        for source in wanted:
            new = await copy_one(ctx, source, how, _part(ctx, done / total, sizes[source] / total))
            made.fresh.append(new)
            if source == image:
                made.image = new
            else:
                made.by_source[source] = new
            done += sizes[source]
            await ctx.task.progress(done / total)
        ctx.task.check()
    except BaseException:
        await asyncio.shield(made.discard(ctx))
        raise
    return made


async def copy_one(ctx: Context, vdi: str, how: CopyDisk, watch: Progress) -> str:
    """Copy one disk under a task of its own. Raises TASK_CANCELLED [task] where the task above was cancelled."""
    try:
        async with ctx.task.child(f"Async.{how.message}", watch) as task:
            return await how.make(replace(ctx, task=task), vdi)
    except ApiError as error:
        if error.code == "TASK_CANCELLED":
            ctx.task.check()  # which names the task the client knows
        raise


async def create(ctx: Context, **fields: Any) -> str:
    """Create a disk; fields not given are as in a call that leaves them out."""
    starts = STARTS[VDI]
    given = {name: starts[name] for name in _CREATE_FIELDS}
    made: str = await call(ctx, "VDI.create", {**given, **fields})
    return made


_CREATE_FIELDS = tuple(name for name, field in VDI.FIELDS.items() if field.qualifier != "RO/runtime")


async def destroy_quietly(ctx: Context, refs: Iterable[str]) -> None:
    """Destroy disks, even where the task was cancelled; failures are only logged."""
    for ref in refs:
        try:
            if ctx.store.find(VDI, ref) is not None:
                await call(steady(ctx), "VDI.destroy", ref)
        except ApiError as error:
            log.warning("disk %s is left behind: %s", ref, error)


def _sources(ctx: Context, vm: VM) -> tuple[Mapping[str, str], list[str]]:
    """The CDs of a VM, each standing for itself, and the disks to be copied, each once."""
    cds: dict[str, str] = {}
    disks: dict[str, None] = {}
    for vbd in vbds_of(ctx.store, vm):
        if vbd.empty:
            continue
        if vbd.type == "CD":
            cds[vbd.VDI] = vbd.VDI
        else:
            disks[vbd.VDI] = None
    return cds, list(disks)


def _size(ctx: Context, ref: str) -> int:
    vdi = ctx.store.find(VDI, ref)
    return vdi.virtual_size if vdi else 0


def _part(ctx: Context, start: float, share: float) -> Progress:
    """Tells the task how far all of the work is, from how far a part of it is."""

    async def watch(value: float) -> None:
        await ctx.task.progress(start + share * value)

    return watch
