"""VDI: snapshots and clones, which share what their source holds, and copies, which do not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.clock import api_time
from xapi_async.objects.entity import STARTS, new_uuid
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import is_reachable
from xapi_async.operations.marking import marked
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.facts import has_feature, require_managed, sees, the_pool
from xapi_async.operations.storage.loopback import in_control_domain
from xapi_async.operations.storage.records import new_disk, note_sizes, put_disk, sizes_of, update_disk
from xapi_async.operations.storage.sites import failures, site_of
from xapi_async.operations.storage.tracking import tell_lost
from xapi_async.operations.storage.vdi import MadeDisk, create, destroy, finish, marked_disk, recorded, set_on_boot
from xapi_async.storage.driver import STRETCH, CopyRequest, DiskState, Extent, Image
from xapi_async.storage.kinds import is_own, kind_of

log = logging.getLogger(__name__)

INHERITED = ("sharable", "other_config", "xenstore_data", "on_boot", "allow_caching")
"""What a snapshot or clone has of its source, beside what the backend copies."""


async def snapshot(ctx: Context, vdi: str, driver_params: Mapping[str, str]) -> str:
    """VDI.snapshot: keep what a disk holds now.

    Raises SR_HAS_NO_PBDS [SR], VDI_NOT_MANAGED [VDI], UNIMPLEMENTED_IN_SM_BACKEND [SR], or what the backend does.
    """
    async with recorded(ctx) as made, marked_disk(ctx, vdi, "snapshot"):
        sr = ctx.store.get(VDI, vdi).SR
        with failures(sr, vdi, unimplemented=ApiError("UNIMPLEMENTED_IN_SM_BACKEND", sr)):
            return await _branch(ctx, vdi, driver_params, made, is_snapshot=True)


async def clone(ctx: Context, vdi: str, driver_params: Mapping[str, str]) -> str:
    """VDI.clone: a disk that starts with what another holds now; copied where the backend cannot share it.

    Raises SR_HAS_NO_PBDS [SR], VDI_NOT_MANAGED [VDI], or what the backend does.
    """
    async with recorded(ctx) as made, marked_disk(ctx, vdi, "clone"):
        sr = ctx.store.get(VDI, vdi).SR
        try:
            with failures(sr, vdi, unimplemented=ApiError("UNIMPLEMENTED_IN_SM_BACKEND", sr)):
                return await _branch(ctx, vdi, driver_params, made, is_snapshot=False)
        except ApiError as error:
            if error.code != "UNIMPLEMENTED_IN_SM_BACKEND":
                raise
    return await _full_clone(ctx, vdi)


async def _branch(
    ctx: Context, vdi: str, driver_params: Mapping[str, str], undoable: list[MadeDisk], *, is_snapshot: bool
) -> str:
    source = ctx.store.get(VDI, vdi)
    site, was_tracked = site_of(ctx.services, source.SR), source.cbt_enabled
    require_managed(source)
    request = CopyRequest(
        uuid=new_uuid(),
        name_label=source.name_label,
        name_description=source.name_description,
        time=api_time(ctx.services.clock.now()),
        driver_params=driver_params,
    )
    make = site.driver.snapshot if is_snapshot else site.driver.clone
    made = await make(site.sr, source.location, request)
    undoable.append(MadeDisk(site, made.disk))
    if source.on_boot == "reset":
        await site.driver.set_reset_point(site.sr, made.disk.location, True)
    sizes = await sizes_of(site)
    async with ctx.store.transaction() as tx:
        for state in made.also:
            if state.location == source.location:
                update_disk(tx, tx.get(VDI, vdi), state)
            else:
                put_disk(tx, source.SR, state)
        source = tx.get(VDI, vdi)
        values: dict[str, Any] = {name: getattr(source, name) for name in INHERITED}
        values["sm_config"] = _branched_sm_config(tx.get(SR, source.SR), source, made.disk)
        copy = new_disk(tx, source.SR, made.disk, **values)
        note_sizes(tx, source.SR, sizes, more=made.disk.virtual_size)
    if was_tracked and not source.cbt_enabled:
        text = "The blocks that change can no longer be tracked, as no log could be begun when the disk was snapshotted"
        await tell_lost(ctx.services, source, "VDI_CBT_SNAPSHOT_FAILED", text)
    return copy.ref


def _branched_sm_config(sr: SR, source: VDI, made: DiskState) -> dict[str, str]:
    """What the backend says of a new disk; on volumes also what clients noted at its source."""
    if not kind_of(sr.type).volumes:
        return dict(made.sm_config)
    noted = {key: value for key, value in source.sm_config.items() if not is_own(key)}
    return {**noted, **made.sm_config}


async def _full_clone(ctx: Context, vdi: str) -> str:
    """What a clone is where the backend cannot share data: a new disk, filled by copying."""
    source = ctx.store.get(VDI, vdi)
    kept = ("name_label", "name_description", "SR", "virtual_size", "type", "sharable", "read_only")
    return await copy_into_new(
        ctx, vdi, {name: getattr(source, name) for name in (*kept, "other_config", "xenstore_data")}
    )


async def copy(ctx: Context, vdi: str, sr: str, base_vdi: str, into_vdi: str) -> str:
    """VDI.copy: copy what a disk holds into a new disk in an SR, or into a given one.

    base_vdi: only what differs from this disk is copied. Raises VDI_NOT_MANAGED [VDI], as VDI.create,
    VDI_READONLY [destination], VDI_TOO_SMALL [destination, bytes], VDI_NOT_SPARSE [destination], VDI_IO_ERROR [text]
    or TASK_CANCELLED [task]. A disk that was made for it is destroyed then.
    """
    async with marked(ctx, vdi_rules.RULES, vdi, "copy"):
        store = ctx.store
        source = store.get(VDI, vdi)
        _copier(ctx, source.SR, source.SR)
        require_managed(source)
        base = store.find(VDI, base_vdi)
        if store.find(VDI, into_vdi) is not None:
            await _fill(ctx, vdi, into_vdi, base, is_fresh=False)
            return into_vdi
        store.get(SR, sr)
        kept = ("name_label", "name_description", "virtual_size", "type", "sharable", "other_config", "xenstore_data")
        values: dict[str, Any] = {name: getattr(source, name) for name in (*kept, "tags")}
        made = await copy_into_new(ctx, vdi, {**values, "SR": sr}, base)
        if source.on_boot == "reset" and has_feature(store, store.get(SR, sr), "VDI_RESET_ON_BOOT"):
            await _reset_on_boot(ctx, made)
        if source.allow_caching:
            async with store.transaction() as tx:
                tx.set(tx.get(VDI, made), allow_caching=True)
        return made


async def _reset_on_boot(ctx: Context, vdi: str) -> None:
    try:
        await set_on_boot(ctx, vdi, "reset")
    except ApiError as error:
        log.info("copy %s keeps what is written to it: %s", vdi, error.description)


async def copy_into_new(ctx: Context, source: str, values: Mapping[str, Any], base: VDI | None = None) -> str:
    """A new disk with what another one holds; it is destroyed again where that fails."""
    read_only = values.get("read_only", False)
    fields = {name: start for name, start in STARTS[VDI].items() if VDI.FIELDS[name].qualifier != "RO/runtime"}
    made = await create(ctx, {**fields, **values}, unfinished=True)
    try:
        if read_only:  # but not yet
            await _set_read_only(ctx, made, False)
        await _fill(ctx, source, made, base, is_fresh=True)
        await finish(ctx, made)
    except BaseException:
        await asyncio.shield(_discard(ctx, made))
        raise
    if read_only:
        await _set_read_only(ctx, made, True)
    return made


async def _set_read_only(ctx: Context, vdi: str, value: bool) -> None:
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VDI, vdi), read_only=value)


async def _discard(ctx: Context, vdi: str) -> None:
    try:
        await destroy(ctx, vdi)
    except ApiError:
        return  # it stays, as a disk somebody may look at


async def _fill(ctx: Context, source: str, into: str, base: VDI | None, *, is_fresh: bool) -> None:
    store = ctx.store
    origin, target = store.get(VDI, source), store.get(VDI, into)
    if target.read_only:
        raise ApiError("VDI_READONLY", into)
    if target.virtual_size < origin.virtual_size:
        raise ApiError("VDI_TOO_SMALL", into, origin.virtual_size)
    if base is not None and "raw" in (target.sm_config.get("type"), target.sm_config.get("vdi_type")):
        raise ApiError("VDI_NOT_SPARSE", into)
    reader = _copier(ctx, origin.SR, target.SR)
    writer = reader if sees(store, reader, target.SR) else None
    # A disk in another SR cannot be compared with: then all is copied, zeros included.
    location = base.location if base is not None and base.SR == origin.SR else None
    try:
        async with (
            in_control_domain(ctx, source, "RO", host=reader) as reading,
            in_control_domain(ctx, into, "RW", host=writer) as writing,
        ):
            with failures(origin.SR, source):
                extents = await reading.extents(location)
            with failures(target.SR, into):
                await _copy_bytes(ctx, reading, writing, extents, is_sparse=is_fresh or location is not None)
    except OSError as error:
        raise ApiError("VDI_IO_ERROR", str(error)) from error


async def catch_up(ctx: Context, moved: Mapping[str, str]) -> None:
    """Copy what was written to disks while they were being copied, until nothing is left and nobody writes.

    moved: the copies, by the disks, of which :meth:`~.open_disks.OpenDisks.moving` takes note. Raises
    VDI_IO_ERROR [text], TASK_CANCELLED [task], or what a backend does.
    """
    while True:
        async with ctx.task.cancellable():
            left = await ctx.services.open_disks.left_over(moved)
        if not left:
            return
        for old, extents in left.items():
            await _copy_again(ctx, old, moved[old], extents)


async def _copy_again(ctx: Context, source: str, into: str, extents: Sequence[Extent]) -> None:
    """Copy parts of a disk into the same places of another."""
    try:
        async with (
            in_control_domain(ctx, source, "RO") as reading,
            in_control_domain(ctx, into, "RW") as writing,
        ):
            with failures(ctx.store.get(VDI, into).SR, into):
                await _copy_bytes(ctx, reading, writing, extents, is_sparse=True)
    except OSError as error:
        raise ApiError("VDI_IO_ERROR", str(error)) from error


async def _copy_bytes(
    ctx: Context, reading: Image, writing: Image, extents: Sequence[Extent], *, is_sparse: bool
) -> None:
    """Copy stretches of a disk. is_sparse: what lies between them is left alone, else it becomes zeros."""
    total, done, end = sum(extent.length for extent in extents) or 1, 0, 0
    for extent in extents:
        if not is_sparse and end < extent.offset:
            await writing.write_zeros(end, extent.offset - end)
        end = extent.offset + extent.length
        for offset in range(extent.offset, end, STRETCH):
            async with ctx.task.cancellable():
                data = await reading.read(offset, min(STRETCH, end - offset))
                await writing.write(offset, data)
            done += len(data)
            await ctx.task.progress(done / total)
    if not is_sparse and end < reading.size:
        await writing.write_zeros(end, reading.size - end)
    async with ctx.task.cancellable():
        await writing.flush()


def _copier(ctx: Context, source: str, target: str) -> str:
    """The host that copies: of those that can be reached one that sees both SRs, else one that sees the source.

    Slaves come before the master. Raises SR_HAS_NO_PBDS [source].
    """
    store, master = ctx.store, the_pool(ctx.store).master
    hosts = [host.ref for host in store.all(Host) if sees(store, host.ref, source)]
    if not hosts:
        raise ApiError("SR_HAS_NO_PBDS", source)

    def rank(host: str) -> tuple[bool, bool, bool]:
        return (not is_reachable(ctx.services, host), not sees(store, host, target), host == master)

    return min(hosts, key=rank)


HANDLERS: Handlers = {"VDI.snapshot": snapshot, "VDI.clone": clone, "VDI.copy": copy}
