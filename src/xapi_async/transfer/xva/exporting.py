"""``GET /export`` and ``GET /export_metadata``: VMs with their disks as a stream, and their records alone."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from xapi_async.datamodel.classes import SR, VBD, VDI, VM, Host, Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context
from xapi_async.operations.marking import Mark, marked, marked_together
from xapi_async.operations.vm.rules import RULES
from xapi_async.storage.driver import Data, Extent, Image
from xapi_async.transfer.access import Access, UntilClose, parameter, redirect, transferring
from xapi_async.transfer.disk_services import DiskServices
from xapi_async.transfer.downloads import send
from xapi_async.transfer.raw_disks import Handler
from xapi_async.transfer.xva.collecting import Manner, collected, has_bytes
from xapi_async.transfer.xva.records import EXPORT_VERSION, MAJOR, MINOR, Contents, Item, to_xml
from xapi_async.transfer.xva.tar import BLOCK, END, Compressed, Write, entry, header

OVA = "ova.xml"
CHUNK = 1 << 20
"""Bytes of a disk in each of its files."""

_NOTHING = bytes(CHUNK)

SILENCE_SECONDS = 5.0
"""After so long without data an empty file shows that the export goes on."""

_TYPE = "application/octet-stream"
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def routes(access: Access, services: DiskServices) -> Mapping[tuple[str, str], Handler]:
    """The handlers, by method and the beginning of the path."""
    numbers = partial(next, itertools.count(1))
    return {
        ("GET", "/export"): partial(_export, access, services, numbers),
        ("GET", "/export_metadata"): partial(_export_metadata, access, numbers),
    }


# With disks


async def _export(
    access: Access, services: DiskServices, next_id: Callable[[], int], request: web.BaseRequest
) -> web.StreamResponse:
    async with transferring(request, access, "get_export", "Exporting VM", refusal=500) as (ctx, ended):
        vm = _named_vm(ctx, request)
        manner = Manner(keep_power=_truth(request, "preserve_power_state"))
        is_compressed = _truth(request, "use_compression")
        for sr in {vdi.SR for vdi in _disks(ctx, vm, manner)}:
            redirect(request, services.elsewhere(ctx, sr))
        async with ctx.task.cancellable(), marked(ctx, RULES, vm.ref, "export"):
            items = collected(ctx.store, [vm.ref], manner, next_id)
            document = await asyncio.to_thread(to_xml, Contents(items, version_of(ctx)))
            response = ended.response = UntilClose(
                {
                    "Content-Type": _TYPE,
                    "Content-Disposition": 'attachment; filename="export.xva"',
                    "Task-id": ctx.task.ref,
                }
            )
            await response.prepare(request)
            write: Write = partial(send, response)
            packed = Compressed(write) if is_compressed else None
            await _write(ctx, services, packed or write, items, document, vm)
            if packed is not None:
                await packed.finish()
    return ended.answer


async def _write(
    ctx: Context, services: DiskServices, write: Write, items: Sequence[Item], document: bytes, vm: VM
) -> None:
    """Write a whole archive."""
    await write(entry(OVA, document))
    by_uuid = {item.record["uuid"]: item.id for item in items if item.cls == "VDI"}
    keeps_image = any(item.cls == "VM" and item.record["power_state"] == "Suspended" for item in items)
    disks = {by_uuid[vdi.uuid]: vdi for vdi in _disks(ctx, vm, Manner(keep_power=keeps_image))}
    total, done = sum(vdi.virtual_size for vdi in disks.values()) or 1, 0
    for name in sorted(disks):
        async with services.plugged(ctx, disks[name].ref, "RO") as image:
            async for pieces, offset in _chunks(ctx, name, image):
                for piece in pieces:
                    await write(piece)
                await ctx.task.progress((done + offset) / total)
        done += disks[name].virtual_size
    await write(END)


async def _chunks(ctx: Context, name: str, image: Image) -> AsyncIterator[tuple[Sequence[Data], int]]:
    """The files of a disk, and how far in the disk each is; those of zeros only where there must be one."""
    clock, extra, last = ctx.services.clock, 0, -(-image.size // CHUNK) - 1
    since = clock.now()
    for number in _numbers(await image.extents(), last):
        offset = number * CHUNK
        data = await image.read(offset, min(CHUNK, image.size - offset))
        if number not in (0, last) and _NOTHING.startswith(data):
            if clock.now() - since > SILENCE_SECONDS:
                yield _file(name, number + extra, b""), offset
                extra += 1
                since = clock.now()
            continue
        yield await asyncio.to_thread(_file, name, number + extra, data), offset
        since = clock.now()


def _numbers(extents: Sequence[Extent], last: int) -> Iterator[int]:
    """The chunks that may hold something, the first and the last one in any case, in order."""
    given = 0
    yield 0
    for extent in extents:
        first, final = extent.offset // CHUNK, (extent.offset + max(1, extent.length) - 1) // CHUNK
        for number in range(max(given + 1, first), min(final, last) + 1):
            given = number
            yield number
    if last > given:
        yield last


def _file(name: str, number: int, data: Data) -> Sequence[Data]:
    """A chunk and its checksum. Computed in a thread, as it takes time."""
    path = f"{name}/{number:08d}"
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest().encode()
    return header(path, len(data)), data, bytes(-len(data) % BLOCK) + entry(f"{path}.checksum", digest)


def _disks(ctx: Context, vm: VM, manner: Manner) -> list[VDI]:
    """The disks whose content is exported, each once."""
    store, found = ctx.store, {}
    for vbd in (store.find(VBD, ref) for ref in vm.VBDs):
        vdi = None if vbd is None or vbd.empty else store.find(VDI, vbd.VDI)
        if vbd is not None and vdi is not None and has_bytes(vbd, store.find(SR, vdi.SR)):
            found[vdi.ref] = vdi
    image = store.find(VDI, vm.suspend_VDI)
    if image is not None and manner.keep_power and vm.power_state == "Suspended":
        found[image.ref] = image
    return list(found.values())


# Without


async def _export_metadata(access: Access, next_id: Callable[[], int], request: web.BaseRequest) -> web.StreamResponse:
    async with transferring(request, access, "get_export_metadata", "Exporting VM metadata", refusal=500) as (
        ctx,
        ended,
    ):
        snapshots = _truth(request, "export_snapshots", default=True)
        manner = Manner(is_metadata=True, snapshots=snapshots)
        vms = _all_vms(ctx) if _truth(request, "all") else [_named_vm(ctx, request)]
        if len(vms) == 1 and vms[0].is_a_snapshot:
            raise ApiError("OPERATION_NOT_ALLOWED", "the metadata of a snapshot cannot be exported by themselves")
        async with AsyncExitStack() as held:
            marks = [Mark(RULES, vm.ref, "metadata_export") for vm in vms]
            await held.enter_async_context(marked_together(ctx, *marks))
            items = collected(ctx.store, [vm.ref for vm in vms], manner, next_id)
            document = await asyncio.to_thread(to_xml, Contents(items, version_of(ctx)))
        body = entry(OVA, document) + END
        disposition = {"Content-Disposition": 'attachment; filename="export.xva"', "Task-id": ctx.task.ref}
        response = web.Response(body=body, headers={"Content-Type": _TYPE, **disposition})
        response.force_close()
        ended.response = response
    return ended.answer


def _all_vms(ctx: Context) -> list[VM]:
    return [
        vm
        for vm in ctx.store.all(VM)
        if not vm.is_control_domain and not vm.is_default_template and "default_template" not in vm.other_config
    ]


# What is asked


def _named_vm(ctx: Context, request: web.BaseRequest) -> VM:
    """The VM of a request. Raises HANDLE_INVALID, UUID_INVALID, INTERNAL_ERROR [text] where it names none."""
    ref, uuid = parameter(request, "ref"), parameter(request, "uuid")
    if ref is not None:
        return ctx.store.get(VM, ref)
    if uuid is None:
        raise ApiError("INTERNAL_ERROR", "ref or uuid must name a VM")
    return ctx.store.by_uuid(VM, uuid)


def _truth(request: web.BaseRequest, name: str, *, default: bool = False) -> bool:
    """A parameter that says yes or no. Raises INTERNAL_ERROR [text] for anything else."""
    text = parameter(request, name)
    if text is None:
        return default
    if text.lower() not in _TRUTHS:
        raise ApiError("INTERNAL_ERROR", f"{name} must be true or false")
    return _TRUTHS[text.lower()]


def version_of(ctx: Context) -> Mapping[str, str]:
    """What exports."""
    master = next((ctx.store.find(Host, pool.master) for pool in ctx.store.all(Pool)), None)
    software = master.software_version if master is not None else {}
    return {
        "hostname": master.hostname if master is not None else "",
        "date": software.get("date", ""),
        "product_version": software.get("product_version", ""),
        "product_brand": software.get("product_brand", ""),
        "build_number": software.get("build_number", ""),
        "xapi_major": str(MAJOR),
        "xapi_minor": str(MINOR),
        "export_vsn": str(EXPORT_VERSION),
    }
