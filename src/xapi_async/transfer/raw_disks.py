"""Disks, and parts of them, over HTTP: ``GET /export_raw_vdi`` and ``PUT /import_raw_vdi``.

An upload is answered 200 before its body is read, and the length of a whole download is not told; so once that is
sent, only the task tells how it went.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from uuid import UUID

from aiohttp import web

from xapi_async.datamodel.classes import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import Ref
from xapi_async.operations.context import Context
from xapi_async.storage.driver import STRETCH, Data, Extent, Image
from xapi_async.storage.vhd_stream import DynamicVhd
from xapi_async.transfer.access import Access, Ended, RefusedError, UntilClose, parameter, redirect, transferring
from xapi_async.transfer.disk_services import DiskServices, find_sr, find_vdi
from xapi_async.transfer.downloads import send
from xapi_async.transfer.ranges import CONTENT_RANGE, asked, partial_answer, sent
from xapi_async.transfer.uploads import Body, write_chunks, write_raw, write_vhd

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_TYPES = {"raw": "application/octet-stream", "vhd": "application/vhd"}
_TASK_HEADER = "Task-id"


def routes(access: Access, services: DiskServices) -> Mapping[tuple[str, str], Handler]:
    """The handlers, by method and the beginning of the path."""
    return {
        ("GET", "/export_raw_vdi"): partial(_export, access, services),
        ("PUT", "/import_raw_vdi"): partial(_import, access, services),
    }


async def _export(access: Access, services: DiskServices, request: web.BaseRequest) -> web.StreamResponse:
    async with (
        transferring(request, access, "get_export_raw_vdi", "Exporting raw VDI", refusal=500) as (ctx, ended),
        AsyncExitStack() as held,
    ):
        name = parameter(request, "vdi")
        if name is None:
            raise RefusedError(500, ApiError("INTERNAL_ERROR", "the parameter vdi is missing"))
        kind = _format(request)
        vdi = find_vdi(ctx, name)
        redirect(request, services.elsewhere(ctx, vdi.SR))
        image = await held.enter_async_context(services.plugged(ctx, vdi.ref, "RO"))
        base = parameter(request, "base")
        part = asked(request, image.size) if kind == "raw" and base is None else None
        pieces, length = await _pieces(ctx, vdi, image, kind, base, part)
        fields = {
            "Content-Type": _TYPES[kind],
            "Content-Disposition": f'attachment; filename="{vdi.uuid}.{kind}"',
            _TASK_HEADER: ctx.task.ref,
        }
        response = UntilClose(fields) if part is None else partial_answer(fields, part, image.size)
        ended.response = response
        await response.prepare(request)
        async with ctx.task.cancellable():
            done = 0
            async for piece in pieces:
                await send(response, piece)
                done += len(piece)
                await ctx.task.progress(done / length)
    return ended.answer


async def _pieces(
    ctx: Context, vdi: VDI, image: Image, kind: str, base_name: str | None, part: Extent | None
) -> tuple[AsyncIterator[Data], int]:
    """What is to be sent, and its length in bytes. part: all that is wanted of a raw disk."""
    base = find_vdi(ctx, base_name) if base_name is not None else None
    if base is not None and (kind != "vhd" or base.SR != vdi.SR):
        raise ApiError("INTERNAL_ERROR", "differences can only be sent as a VHD, upon a disk of the same SR")
    if kind == "raw":
        part = part or Extent(0, image.size)
        return _raw(image, part), max(1, part.length)
    extents = await image.extents(base.location if base is not None else None)
    now, base_uuid = ctx.services.clock.now(), UUID(base.uuid) if base is not None else None
    file = DynamicVhd(image.size, extents, UUID(vdi.uuid), now, base_uuid)
    return file.pieces(image.read), file.length


async def _raw(image: Image, part: Extent) -> AsyncIterator[Data]:
    end = part.offset + part.length
    for offset in range(part.offset, end, STRETCH):
        yield await image.read(offset, min(STRETCH, end - offset))


async def _import(access: Access, services: DiskServices, request: web.BaseRequest) -> web.StreamResponse:
    async with transferring(request, access, "put_import_raw_vdi", "Importing raw VDI", refusal=400) as (ctx, ended):
        await _receive(services, request, ctx, ended)
    return ended.answer


async def _receive(services: DiskServices, request: web.BaseRequest, ctx: Context, ended: Ended) -> None:
    name, sr_id, sr_uuid = (parameter(request, key) for key in ("vdi", "sr_id", "sr_uuid"))
    if name is None and sr_id is None and sr_uuid is None:
        raise ApiError("VDI_MISSING")
    kind, chunked = _format(request), parameter(request, "chunked") is not None
    length = request.content_length
    for wrong, status, text in (
        (kind == "vhd" and chunked, 404, "a VHD cannot come in chunks"),
        ("Transfer-Encoding" in request.headers, 404, "bodies with a Transfer-Encoding are not taken"),
        (kind == "vhd" and name is None, 400, "a VHD needs a VDI to go to"),
        (name is None and length is None, 400, "a new VDI needs a Content-Length"),
        (CONTENT_RANGE in request.headers and (chunked or kind == "vhd"), 400, "a part of a disk comes as plain bytes"),
        (CONTENT_RANGE in request.headers and name is None, 400, "a part of a disk needs a VDI to go to"),
    ):
        if wrong:
            raise RefusedError(status, ApiError("INTERNAL_ERROR", text))
    async with AsyncExitStack() as held:
        if name is not None:
            vdi = find_vdi(ctx, name)
            redirect(request, services.elsewhere(ctx, vdi.SR))
        else:
            sr = find_sr(ctx, sr_id, sr_uuid)
            redirect(request, services.elsewhere(ctx, sr.ref))
            if not length:  # only asking whether it would be taken
                ended.response = await _begin(request, ctx)
                return
            ref = await services.create(ctx, sr.ref, length)
            held.push_async_callback(services.destroy, ctx, ref)
            vdi = ctx.store.get(VDI, ref)
        async with services.plugged(ctx, vdi.ref, "RW") as disk:
            part = sent(request, disk.size)
            ended.response = await _begin(request, ctx)
            # A client that declares more than the disk can take does not know where its data ends.
            body = Body(request, may_break_off=kind == "vhd" or length is None or length > disk.size)
            write = write_vhd if kind == "vhd" else write_chunks if chunked else partial(write_raw, part=part)
            if length != 0:
                async with ctx.task.cancellable():
                    await write(body, disk, ctx.task.progress)
        if name is None:
            await services.finish(ctx, vdi.ref)
        held.pop_all()  # a new disk stays
    await ctx.task.progress(1.0)
    ended.result = (Ref("VDI"), vdi.ref)


async def _begin(request: web.BaseRequest, ctx: Context) -> web.StreamResponse:
    """Say that the body may come."""
    response = UntilClose({"Content-Type": "application/octet-stream", _TASK_HEADER: ctx.task.ref})
    await response.prepare(request)
    return response


def _format(request: web.BaseRequest) -> str:
    """The format asked for, in lower case. Raises RefusedError for an unknown one."""
    kind = (parameter(request, "format") or "raw").lower()
    if kind not in _TYPES:
        raise RefusedError(404, ApiError("INTERNAL_ERROR", f"disks have no format {kind}"))
    return kind
