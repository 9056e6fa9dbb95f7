"""VM.import_convert: a VM out of the image of a disk that another product wrote, such as a VMDK.

The server fetches the image, has qemu-img make plain bytes of it, and puts these on a disk of a new VM.
"""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import aiohttp

from xapi_async.datamodel.classes import VBD, VDI, VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import STARTS
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.storage import vdi as disks
from xapi_async.operations.vm_copies.destroying import delete_vm
from xapi_async.operations.vm_copies.metadata_import import TASK_KEY
from xapi_async.operations.vm_copies.steady import steady
from xapi_async.storage.driver import PIECE
from xapi_async.transfer.disk_services import DiskServices
from xapi_async.transfer.fetching import fetched, require_writable

log = logging.getLogger(__name__)

FORMATS: Mapping[str, str] = {
    "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "vdi": "vdi", "qcow": "qcow", "qcow2": "qcow2", "raw": "raw",
}  # fmt: skip
"""Types of images, and what qemu-img calls them."""

PROGRAM = "qemu-img"
TEMPLATE = "Other install media"
LINKS = ("backing-filename", "full-backing-filename", "data-file")
"""What qemu-img says of images that are made of other files too."""


@dataclass(frozen=True)
class _Wanted:
    """What is to be made. memory: bytes."""

    url: str
    name: str
    memory: int
    vcpus: int


def handlers(services: DiskServices) -> Handlers:
    """The message."""
    return {"VM.import_convert": partial(import_convert, services)}


async def import_convert(
    services: DiskServices,
    ctx: Context,
    type: str,
    username: str,
    password: str,
    sr: str,
    remote_config: Mapping[str, str],
) -> None:
    """VM.import_convert: a halted HVM VM that boots from the image of type ``type`` at remote_config's ``url``.

    username, password: for the URL, as HTTP's basic credentials; empty where it takes none. remote_config also
    takes ``name_label``, ``memory`` in bytes and ``vcpus``. The VM has the task in its other_config, ``import_task``.
    Raises SR_HAS_NO_PBDS [SR], SR_OPERATION_NOT_SUPPORTED [], INVALID_VALUE [parameter, value],
    IMPORT_ERROR_GENERIC [text] where the image cannot be got, IMPORT_ERROR [text] where it cannot be converted,
    and as VDI.create.
    """
    require_writable(ctx, sr)
    kind = FORMATS.get(type.lower())
    if kind is None:
        raise ApiError("INVALID_VALUE", "type", type)
    wanted = _wanted(remote_config)
    credentials = aiohttp.BasicAuth(username, password) if username else None
    async with ctx.task.cancellable():
        with TemporaryDirectory(prefix="xapi-async-convert-") as folder:
            image, plain = Path(folder, "image"), Path(folder, "plain")
            await _download(wanted.url, credentials, image)
            await ctx.task.progress(0.3)
            size = await _checked(image, kind)
            await _run("convert", "-f", kind, "-O", "raw", str(image), str(plain))
            await asyncio.to_thread(image.unlink)
            await ctx.task.progress(0.6)
            await _make(ctx, services, wanted, sr, plain, size)


def _wanted(config: Mapping[str, str]) -> _Wanted:
    url = config.get("url", "")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ApiError("INVALID_VALUE", "remote_config:url", url)
    name = config.get("name_label") or PurePosixPath(parts.path).stem or "Imported VM"
    return _Wanted(url, name, _number(config, "memory", 1 << 30), _number(config, "vcpus", 1))


def _number(config: Mapping[str, str], key: str, default: int) -> int:
    text = config.get(key, str(default))
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ApiError("INVALID_VALUE", f"remote_config:{key}", text)
    return int(text)


# The image


async def _download(url: str, credentials: aiohttp.BasicAuth | None, target: Path) -> None:
    async with fetched(url, credentials) as answer:
        with target.open("wb") as file:
            async for piece in answer.content.iter_chunked(PIECE):
                await asyncio.to_thread(file.write, piece)


async def _checked(image: Path, kind: str) -> int:
    """The size in bytes of the disk in an image, which must not lead to other files of the server."""
    said: Any = json.loads(await _run("info", "-f", kind, "--output=json", str(image)))
    extents = said.get("format-specific", {}).get("data", {}).get("extents", ())
    if any(said.get(link) for link in LINKS) or said.get("format-specific", {}).get("data", {}).get("data-file"):
        raise ApiError("IMPORT_ERROR", "the image is only a part: it builds on another one")
    if any(extent.get("filename") != str(image) for extent in extents):
        raise ApiError("IMPORT_ERROR", "the image is in more than one file")
    return int(said["virtual-size"])


async def _run(*arguments: str) -> bytes:
    """What qemu-img prints. Raises IMPORT_ERROR [text]."""
    try:
        process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    except OSError as error:
        raise ApiError("IMPORT_ERROR", f"{PROGRAM}, which converts images, cannot be run: {error.strerror}") from error
    try:
        output, errors = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode != 0:
        raise ApiError("IMPORT_ERROR", errors.decode(errors="replace").strip() or f"{PROGRAM} failed")
    return output


# The VM


async def _make(ctx: Context, services: DiskServices, wanted: _Wanted, sr: str, plain: Path, size: int) -> None:
    vm = vdi = ""
    try:
        config = {TASK_KEY: ctx.task.ref}
        fields = {name: start for name, start in STARTS[VDI].items() if VDI.FIELDS[name].qualifier != "RO/runtime"}
        disk = {**fields, "SR": sr, "virtual_size": size, "type": "user", "name_label": wanted.name}
        vdi = await disks.create(ctx, {**disk, "sm_config": config}, unfinished=True)
        async with services.plugged(ctx, vdi, "RW") as image:
            with plain.open("rb") as file:
                await _copy(ctx, file, image, size)
        await services.finish(ctx, vdi)
        vm = await _new_vm(ctx, wanted, config)
        await call(ctx, "VBD.create", _device(vm, vdi))
    except BaseException:
        await asyncio.shield(_undo(ctx, vm, vdi))
        raise


async def _copy(ctx: Context, file: BinaryIO, image: Any, size: int) -> None:
    """Write what is not zeros to a new disk."""
    offset, nothing = 0, bytes(PIECE)
    while offset < size:
        piece = await asyncio.to_thread(file.read, min(PIECE, size - offset))
        if not piece:
            break
        if piece != nothing[: len(piece)]:
            await image.write(offset, piece)
        offset += len(piece)
        await ctx.task.progress(0.6 + 0.4 * offset / size)


async def _new_vm(ctx: Context, wanted: _Wanted, config: Mapping[str, str]) -> str:
    template = next((vm for vm in ctx.store.all(VM) if vm.is_default_template and vm.name_label == TEMPLATE), None)
    if template is None:
        raise ApiError("IMPORT_ERROR", f"the template {TEMPLATE!r} is not there any more")
    vm: str = await call(ctx, "VM.clone", template.ref, wanted.name)
    try:
        await call(ctx, "VM.provision", vm)
        await call(ctx, "VM.set_memory_limits", vm, 0, *[wanted.memory] * 3)
        async with ctx.store.transaction() as tx:
            made = tx.get(VM, vm)
            tx.set(
                made,
                VCPUs_max=wanted.vcpus,
                VCPUs_at_startup=wanted.vcpus,
                other_config={**made.other_config, **config},
            )
    except BaseException:
        await asyncio.shield(_undo(ctx, vm, ""))
        raise
    return vm


def _device(vm: str, vdi: str) -> Mapping[str, Any]:
    fields = {name: start for name, start in STARTS[VBD].items() if VBD.FIELDS[name].qualifier != "RO/runtime"}
    return {**fields, "VM": vm, "VDI": vdi, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk"}


async def _undo(ctx: Context, vm: str, vdi: str) -> None:
    async with ctx.store.transaction() as tx:
        made = tx.find(VM, vm)
        if made is not None:
            delete_vm(tx, made)
    try:
        if ctx.store.find(VDI, vdi) is not None:
            await disks.destroy(steady(ctx), vdi)
    except ApiError as error:
        log.warning("disk %s of a failed conversion is left behind: %s", vdi, error)
