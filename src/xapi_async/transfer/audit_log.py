"""The audit log as text: ``GET /audit_log``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from aiohttp import web

from xapi_async.transfer.access import Access, UntilClose, parameter, transferring
from xapi_async.transfer.raw_disks import Handler

Read = Callable[[str], AsyncIterator[bytes]]
"""Gives the lines, the oldest first, from a date on that may be empty."""


def routes(access: Access, read: Read) -> Mapping[tuple[str, str], Handler]:
    """The handler, by method and the beginning of the path."""
    return {("GET", "/audit_log"): partial(_get, access, read)}


async def _get(access: Access, read: Read, request: web.BaseRequest) -> web.StreamResponse:
    async with transferring(request, access, "get_audit_log", "Reading the audit log", refusal=500) as (_, ended):
        response = ended.response = UntilClose({"Content-Type": "text/plain"})
        await response.prepare(request)
        async for lines in read(parameter(request, "since") or ""):
            await response.write(lines)
    return ended.answer
