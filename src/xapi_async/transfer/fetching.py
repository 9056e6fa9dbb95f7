"""VM.import: an archive that the server fetches itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import aiohttp

from xapi_async.datamodel.classes import PBD, SR
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.vm_copies.metadata_import import ImportOptions
from xapi_async.storage.driver import Data
from xapi_async.transfer.disk_services import DiskServices
from xapi_async.transfer.uploads import Body
from xapi_async.transfer.xva.collecting import ISO
from xapi_async.transfer.xva.importing import receive
from xapi_async.transfer.xva.tar import Stream

FAILED = "IMPORT_ERROR_GENERIC"
MOST_REDIRECTS = 5
SILENT_SECONDS = 300.0
"""How long the other side may send nothing."""


def handlers(services: DiskServices) -> Handlers:
    """The message."""
    return {"VM.import": partial(fetch_vm, services)}


async def fetch_vm(
    services: DiskServices, ctx: Context, url: str, sr: str, full_restore: bool, force: bool
) -> tuple[str, ...]:
    """VM.import: the VMs of the archive at a URL, without snapshots.

    Raises SR_HAS_NO_PBDS [SR], SR_OPERATION_NOT_SUPPORTED [] for media, IMPORT_ERROR_PREMATURE_EOF [] for an empty
    answer, IMPORT_ERROR_GENERIC [text] where it cannot be got, and as an import.
    """
    require_writable(ctx, sr)
    async with ctx.task.cancellable(), fetched(url) as answer:
        body = _Counted(answer)
        try:
            return await receive(ctx, services, Stream(body), sr, ImportOptions(ctx.task.ref, full_restore, force))
        except ApiError as error:
            if body.is_empty:
                raise ApiError("IMPORT_ERROR_PREMATURE_EOF") from error
            raise


def require_writable(ctx: Context, ref: str) -> None:
    """Raise SR_HAS_NO_PBDS [SR], SR_OPERATION_NOT_SUPPORTED [] where no disk can be made."""
    sr = ctx.store.get(SR, ref)
    if not any(ctx.store.get(PBD, pbd).currently_attached for pbd in sr.PBDs):
        raise ApiError("SR_HAS_NO_PBDS", ref)
    if sr.content_type == ISO:
        raise ApiError("SR_OPERATION_NOT_SUPPORTED")


class _Counted(Body):
    """A body that knows whether anything came."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        super().__init__(answer, may_break_off=True)
        self.is_empty = True

    async def read(self, limit: int) -> Data:
        data = await super().read(limit)
        self.is_empty = self.is_empty and not data
        return data


@asynccontextmanager
async def fetched(url: str, credentials: aiohttp.BasicAuth | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
    """What a URL of http or https answers. Raises IMPORT_ERROR_GENERIC [status], or [text] for no answer."""
    limits = aiohttp.ClientTimeout(total=None, sock_connect=SILENT_SECONDS, sock_read=SILENT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limits, auto_decompress=False) as client,
            # Unchecked certificates: other pools, from which VMs come, have signed theirs themselves.
            client.get(url, auth=credentials, max_redirects=MOST_REDIRECTS + 1, ssl=False) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                raise ApiError(FAILED, answer.status)
            yield answer
    except aiohttp.TooManyRedirects as error:
        raise ApiError(FAILED, f"more than {MOST_REDIRECTS} redirects") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ApiError(FAILED, f"{type(error).__name__}: {error}") from error
