"""What transfers of disks need of the rest of the server, passed in by whoever puts it together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from xapi_async.datamodel.classes import SR, VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context
from xapi_async.storage.driver import Image

Plugged = Callable[[Context, str, str], AbstractAsyncContextManager[Image]]
"""Has a disk attached to a control domain, and open: by context, VDI and mode (``RO`` or ``RW``). Raises ApiError."""


@dataclass(frozen=True)
class DiskServices:
    """plugged: see :data:`Plugged`. elsewhere: the address of a host that sees an SR, None where this one does.

    create: makes a disk for an upload, by context, SR and size in bytes, and gives its reference; a crash removes
    it. finish: has it stay. destroy: removes it again.
    """

    plugged: Plugged
    create: Callable[[Context, str, int], Awaitable[str]]
    finish: Callable[[Context, str], Awaitable[None]]
    destroy: Callable[[Context, str], Awaitable[None]]
    elsewhere: Callable[[Context, str], str | None]


def find_vdi(ctx: Context, name: str) -> VDI:
    """The VDI that a request names, by reference or uuid. Raises HANDLE_INVALID."""
    return ctx.store.find(VDI, name) or ctx.store.by_uuid(VDI, name)


def find_sr(ctx: Context, ref: str | None, uuid: str | None) -> SR:
    """The SR that a request names by reference or else by uuid. Raises HANDLE_INVALID."""
    if ref is not None:
        return ctx.store.get(SR, ref)
    if uuid is not None:
        return ctx.store.by_uuid(SR, uuid)
    raise ApiError("VDI_MISSING")
