"""``PUT /import`` and ``PUT /import_metadata``: VMs out of archives.

Both are answered before the body is read, so that only the task tells how it went. What an import has
made is destroyed again where it fails, unless it is forced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial

from aiohttp import web

from xapi_async.datamodel.classes import SR, VDI, VM, GPUGroup, Network, Pool, Task
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF, Ref, Set
from xapi_async.objects.entity import STARTS
from xapi_async.operations.context import Context
from xapi_async.operations.storage import vdi as disks
from xapi_async.operations.storage.facts import rolling_upgrade
from xapi_async.operations.vm_copies.destroying import delete_vm
from xapi_async.operations.vm_copies.metadata_import import TASK_KEY, ImportOptions, finish
from xapi_async.operations.vm_copies.steady import steady
from xapi_async.transfer.access import Access, RefusedError, UntilClose, parameter, redirect, transferring
from xapi_async.transfer.disk_services import DiskServices
from xapi_async.transfer.raw_disks import Handler
from xapi_async.transfer.uploads import Body
from xapi_async.transfer.xva.collecting import ISO
from xapi_async.transfer.xva.entering import (
    Entered,
    Rules,
    decisions,
    disk_here,
    disk_items,
    enter_all,
    iso_here,
    same_uuid,
    used_ids,
)
from xapi_async.transfer.xva.exporting import OVA
from xapi_async.transfer.xva.filling import Expected, fill
from xapi_async.transfer.xva.records import Contents, Item, from_xml
from xapi_async.transfer.xva.tar import Stream, next_header, whole

log = logging.getLogger(__name__)

LARGEST_DOCUMENT = 256 << 20
"""Bytes that the records of an archive may have."""

_DISK = ("name_label", "name_description", "virtual_size", "type", "sharable", "other_config", "tags", "xenstore_data")
_VMS = Set(Ref("VM"))


class _DryRunError(Exception):
    """Nothing of what was done so far is to stay."""


def routes(access: Access, services: DiskServices) -> Mapping[tuple[str, str], Handler]:
    """The handlers, by method and the beginning of the path."""
    return {
        ("PUT", "/import"): partial(_import, access, services),
        ("PUT", "/import_metadata"): partial(_import_metadata, access),
    }


# With disks


async def _import(access: Access, services: DiskServices, request: web.BaseRequest) -> web.StreamResponse:
    async with transferring(request, access, "put_import", "Importing VM", refusal=500) as (ctx, ended):
        sr = _repository(ctx, request)
        redirect(request, services.elsewhere(ctx, sr.ref))
        _require_readable(ctx, request)
        if sr.content_type == ISO:
            raise RefusedError(400, ApiError("SR_OPERATION_NOT_SUPPORTED"))
        response = ended.response = await _begin(request, ctx)
        options = ImportOptions(ctx.task.ref, _says(request, "restore"), _says(request, "force"))
        async with ctx.task.cancellable():
            stream = Stream(Body(request, may_break_off=True))
            vms = await receive(ctx, services, stream, sr.ref, options)
        await _drain(request, stream)
        ended.result = (_VMS, vms)
    return response


async def receive(
    ctx: Context, services: DiskServices, stream: Stream, sr: str, options: ImportOptions
) -> tuple[str, ...]:
    """Import an archive; the VMs it brings, without snapshots."""
    contents = await _contents(stream)
    decisions(ctx.store, contents, options)  # what forbids it should be known before disks are made
    made: dict[str, str] = {}
    done = Entered()
    try:
        refs = await _make_disks(ctx, contents, sr, options, made)
        rules = Rules(options, ctx.services.rng, ctx.services.network.bridge_numbers)
        async with ctx.store.transaction() as tx:
            done = enter_all(tx, contents, refs, rules)
            task = tx.find(Task, options.task)
            if task is not None:
                tx.set(task, other_config={**task.other_config, "object_creation": "complete"})
        await _fill_disks(ctx, services, stream, contents, made, check=not options.force)
        async with ctx.store.transaction() as tx:
            finish(tx, done.made, options.task)
    except BaseException as error:
        if not options.force:
            await asyncio.shield(_undo(ctx, done, tuple(made.values())))
        if isinstance(error, (KeyError, TypeError, ValueError)):
            raise ApiError("IMPORT_ERROR", f"{type(error).__name__}: {error}") from error
        raise
    return tuple(ref for ref in done.vms if not ctx.store.get(VM, ref).is_a_snapshot)


async def _make_disks(
    ctx: Context, contents: Contents, sr: str, options: ImportOptions, made: dict[str, str]
) -> dict[str, str]:
    """Disks for those of an archive, entered in ``made`` as they are; all references that are known then."""
    refs: dict[str, str] = {}
    used = used_ids(contents)
    for item, repository in disk_items(contents):
        if repository is not None and repository.record["content_type"] == ISO:
            found = iso_here(ctx.store, item)
            if found is not None:
                refs[item.id] = found
        elif item.id in used:
            values = {name: item.record.get(name, STARTS[VDI].get(name)) for name in _DISK}
            wanted = {**values, "SR": sr, "read_only": False, "sm_config": {TASK_KEY: options.task}}
            refs[item.id] = made[item.id] = await disks.create(ctx, wanted, unfinished=True)
    return refs


async def _fill_disks(
    ctx: Context, services: DiskServices, stream: Stream, contents: Contents, made: Mapping[str, str], *, check: bool
) -> None:
    sizes = {item.id: int(item.record["virtual_size"]) for item in contents.of("VDI") if item.id in made}
    total, done = sum(sizes.values()) or 1, 0
    for name in sorted(sizes):
        size = sizes[name]

        async def watch(offset: int, before: int = done) -> None:
            await ctx.task.progress((before + offset) / total)

        async with services.plugged(ctx, made[name], "RW") as image:
            expected = Expected(name, size, has_checksums=contents.export_version >= 1, must_match=check)
            await fill(stream, image, expected, watch)
        await services.finish(ctx, made[name])
        done += size


async def _undo(ctx: Context, done: Entered, made: Iterable[str]) -> None:
    """Destroy what an import has made."""
    async with ctx.store.transaction() as tx:
        for ref in done.made:
            vm = tx.find(VM, ref)
            if vm is not None:
                delete_vm(tx, vm)
        for ref in done.networks:
            network = tx.find(Network, ref)
            if network is not None and not network.VIFs:
                tx.delete(network)
        for ref in done.groups:
            group = tx.find(GPUGroup, ref)
            if group is not None and not group.VGPUs:
                tx.delete(group)
    for ref in made:
        try:
            if ctx.store.find(VDI, ref) is not None:
                await disks.destroy(steady(ctx), ref)
        except ApiError as error:
            log.warning("disk %s of a failed import is left behind: %s", ref, error)


# Without


async def _import_metadata(access: Access, request: web.BaseRequest) -> web.StreamResponse:
    async with transferring(request, access, "put_import_metadata", "Importing VM metadata", refusal=500) as (
        ctx,
        ended,
    ):
        _require_readable(ctx, request)
        response = ended.response = await _begin(request, ctx)
        options = ImportOptions(
            ctx.task.ref, _says(request, "restore"), _says(request, "force"), _says(request, "live"), _master(ctx)
        )
        named = {key[4:]: value for key, value in request.query.items() if key.startswith("vdi:")}
        rules = Rules(options, ctx.services.rng, ctx.services.network.bridge_numbers, is_metadata=True, vdis=named)
        async with ctx.task.cancellable():
            stream = Stream(Body(request, may_break_off=True))
            contents = await _contents(stream)
            try:
                vms = await enter_metadata(ctx, contents, rules, stays=not _says(request, "dry_run"))
            except (KeyError, TypeError, ValueError) as error:
                raise ApiError("IMPORT_ERROR", f"{type(error).__name__}: {error}") from error
        await _drain(request, stream)
        ended.result = (_VMS, vms)
    return response


async def enter_metadata(ctx: Context, contents: Contents, rules: Rules, *, stays: bool = True) -> tuple[str, ...]:
    """Enter the records of an archive. stays: or else it is only tried."""
    store, refs = ctx.store, {}
    for item, repository in disk_items(contents):
        found = _disk(ctx, item, repository, rules)
        if found is not None:
            refs[item.id] = found
    vms: tuple[str, ...] = ()
    try:
        async with store.transaction() as tx:
            done = enter_all(tx, contents, refs, rules)
            finish(tx, done.made, rules.options.task)
            vms = tuple(ref for ref in done.vms if not tx.get(VM, ref).is_a_snapshot)
            if not stays:
                raise _DryRunError
    except _DryRunError:
        return ()
    return vms


def _disk(ctx: Context, item: Item, repository: Item | None, rules: Rules) -> str | None:
    if repository is not None and repository.record["content_type"] == ISO:
        return iso_here(ctx.store, item)
    sr = same_uuid(ctx.store, SR, repository) if repository is not None else None
    return disk_here(ctx.store, item, sr.ref if sr is not None else None, rules)


# What both have


async def _contents(stream: Stream) -> Contents:
    """The records of an archive, which come first. Raises IMPORT_ERROR_UNEXPECTED_FILE ["ova.xml", name]."""
    try:
        header = await next_header(stream)
    except ApiError as error:
        if error.code != "IMPORT_ERROR":
            raise
        raise ApiError("IMPORT_ERROR_UNEXPECTED_FILE", OVA, "") from error
    if header is None or header.name != OVA:
        raise ApiError("IMPORT_ERROR_UNEXPECTED_FILE", OVA, "" if header is None else header.name)
    return await asyncio.to_thread(from_xml, await whole(stream, header, LARGEST_DOCUMENT))


def _repository(ctx: Context, request: web.BaseRequest) -> SR:
    """Where the disks go. Raises HANDLE_INVALID, UUID_INVALID, DEFAULT_SR_NOT_FOUND [ref]."""
    ref, uuid = parameter(request, "sr_id"), parameter(request, "sr_uuid")
    if ref is not None:
        return ctx.store.get(SR, ref)
    if uuid is not None:
        return ctx.store.by_uuid(SR, uuid)
    default = next((pool.default_SR for pool in ctx.store.all(Pool)), NULL_REF)
    found = ctx.store.find(SR, default)
    if found is None:
        raise ApiError("DEFAULT_SR_NOT_FOUND", default)
    return found


def _require_readable(ctx: Context, request: web.BaseRequest) -> None:
    if rolling_upgrade(ctx.store):
        raise RefusedError(400, ApiError("NOT_SUPPORTED_DURING_UPGRADE"))
    if "Transfer-Encoding" in request.headers:
        raise RefusedError(403, ApiError("IMPORT_ERROR_CANNOT_HANDLE_CHUNKED"))


async def _begin(request: web.BaseRequest, ctx: Context) -> web.StreamResponse:
    """Say that the body may come."""
    response = UntilClose({"Content-Type": "application/octet-stream", "Task-id": ctx.task.ref})
    await response.prepare(request)
    return response


async def _drain(request: web.BaseRequest, stream: Stream) -> None:
    """Read what is left of a body of known length, so that the client is not cut off while it sends."""
    if request.content_length is not None:
        try:
            while await stream.read(1 << 20):
                pass
        except ApiError as error:
            log.debug("after an archive came what is none: %s", error)


def _says(request: web.BaseRequest, name: str) -> bool:
    return parameter(request, name) == "true"


def _master(ctx: Context) -> str:
    return next((pool.master for pool in ctx.store.all(Pool)), NULL_REF)
