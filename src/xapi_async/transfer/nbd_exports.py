"""The disks served over NBD, under the names that VDI.get_nbd_info gives: ``/VDI_UUID?session_id=SESSION``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context
from xapi_async.storage.driver import BackendError, Image
from xapi_async.storage.nbd import RefusedError
from xapi_async.transfer.disk_services import DiskServices, find_vdi

Contexts = Callable[[str], AbstractAsyncContextManager[Context]]
"""The context of somebody who gives a session, for as long as a disk is read.

Raises ApiError: SESSION_INVALID, or RBAC_PERMISSION_DENIED for those who may not read disks.
"""


class DiskExports:
    """Exports disks. Each is attached to a control domain while somebody reads it."""

    def __init__(self, contexts: Contexts, services: DiskServices) -> None:
        self._contexts = contexts
        self._services = services

    @asynccontextmanager
    async def opened(self, name: str) -> AsyncIterator[Image]:
        """The disk of an export. Raises RefusedError."""
        try:
            parts = urlsplit(name)
        except ValueError:
            raise RefusedError("the export has no name of the right form") from None
        sessions = parse_qs(parts.query).get("session_id")
        if not sessions:
            raise RefusedError("the name of the export lacks a session_id")
        opening = False
        try:
            async with self._contexts(sessions[0]) as ctx:
                vdi = find_vdi(ctx, parts.path.removeprefix("/"))
                async with self._services.plugged(ctx, vdi.ref, "RO") as image:
                    opening = True
                    yield image
        except (ApiError, BackendError) as error:
            if opening:
                raise
            raise RefusedError(str(error)) from error
