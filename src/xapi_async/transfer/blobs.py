"""The content of blobs: ``GET /blob`` and ``PUT /blob``. Neither has a task."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import ClientPayloadError, web

from xapi_async.datamodel.classes import Blob
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.blob_files import CHUNK, BlobFiles
from xapi_async.transfer.access import Access, UntilClose
from xapi_async.transfer.raw_disks import Handler

log = logging.getLogger(__name__)


def routes(access: Access, files: BlobFiles) -> Mapping[tuple[str, str], Handler]:
    """The handlers, by method and the beginning of the path."""
    return {("GET", "/blob"): partial(_get, access, files), ("PUT", "/blob"): partial(_put, access, files)}


async def _get(access: Access, files: BlobFiles, request: web.BaseRequest) -> web.StreamResponse:
    async with AsyncExitStack() as held:
        ref, uuid = _named(request)
        blob = files.find(ref, uuid)
        if blob is None or not blob.public:  # whether there is one is only for those who are logged in
            await held.enter_async_context(access.admitted(request, "get_blob"))
        content = await files.read(_found(blob))
        if content is None:
            raise web.HTTPNotFound(reason="the blob was never written")
        size, chunks = content
        response = web.StreamResponse(headers={"Content-Type": _found(blob).mime_type, "Content-Length": str(size)})
        response.force_close()
        await response.prepare(request)
        async for chunk in chunks:
            await response.write(chunk)
        return response


async def _put(access: Access, files: BlobFiles, request: web.BaseRequest) -> web.StreamResponse:
    async with access.admitted(request, "put_blob"):
        blob = _found(files.find(*_named(request)))
        if request.content_length is None:
            raise web.HTTPInternalServerError(reason="an upload needs a Content-Length")
        # The end of the connection tells the client that its data are safe: there is no task to say so.
        response = UntilClose({"Access-Control-Allow-Origin": "*"})
        await response.prepare(request)
        try:
            await files.write(blob, _body(request, request.content_length))
        except (ApiError, OSError) as error:
            log.info("blob %s was not written: %s", blob.uuid, error)
        return response


async def _body(request: web.BaseRequest, length: int) -> AsyncIterator[bytes]:
    """The body of a request. Raises ConnectionError where less comes than was announced."""
    try:
        while length:
            piece = await request.content.read(min(CHUNK, length))
            if not piece:
                raise ConnectionError("the client sent less than it announced")
            length -= len(piece)
            yield piece
    except ClientPayloadError as error:
        raise ConnectionError("the client went away") from error


def _named(request: web.BaseRequest) -> tuple[str | None, str | None]:
    """The reference and the uuid that a request names. Raises HTTPBadRequest where it names neither."""
    ref, uuid = request.query.get("ref"), request.query.get("uuid")
    if ref is None and uuid is None:
        raise web.HTTPBadRequest(reason="ref or uuid must name a blob")
    return ref, uuid


def _found(blob: Blob | None) -> Blob:
    if blob is None:
        raise web.HTTPNotFound(reason="there is no such blob")
    return blob
