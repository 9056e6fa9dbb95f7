"""Parts of disks, as HTTP's own headers ``Range`` and ``Content-Range`` name them. XenServer knows nothing of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from xapi_async.datamodel.errors import ApiError
from xapi_async.storage.driver import Extent
from xapi_async.transfer.access import RefusedError

RANGE, CONTENT_RANGE = "Range", "Content-Range"

_BYTES = {"Accept-Ranges": "bytes"}
_ASKED = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
_SENT = re.compile(r"bytes[ \t]+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)[ \t]*", re.IGNORECASE)


def asked(request: web.BaseRequest, size: int) -> Extent | None:
    """The part of a disk that a download is to have, None for the whole. size: of the disk, in bytes.

    A header that asks for several parts, is malformed, or counts only for a version of the disk that the client has
    (``If-Range``), is as none, as HTTP has it. Raises RefusedError: 416 with INVALID_VALUE [header, value] for a part
    that is not in the disk.
    """
    text = _header(request, RANGE)
    match = _ASKED.fullmatch(text) if text is not None and "If-Range" not in request.headers else None
    if text is None or match is None:
        return None
    begin, end = match.groups()
    if begin:
        first, last = int(begin), int(end) if end else size - 1
    elif end:
        first, last = max(0, size - int(end)), size - 1
    else:
        return None
    if begin and end and first > last:
        return None
    if first >= size:
        raise _outside(RANGE, text, size)
    return Extent(first, min(last, size - 1) + 1 - first)


def partial_answer(fields: Mapping[str, str], part: Extent, size: int) -> web.StreamResponse:
    """The answer that a part of a disk of ``size`` bytes follows. fields: what else its header has."""
    where = f"bytes {part.offset}-{part.offset + part.length - 1}/{size}"
    response = web.StreamResponse(status=206, headers={**fields, **_BYTES, CONTENT_RANGE: where})
    response.content_length = part.length
    response.force_close()
    return response


def sent(request: web.BaseRequest, size: int) -> Extent | None:
    """Where in a disk of ``size`` bytes an upload belongs; None where it does not say.

    Raises RefusedError with INVALID_VALUE [header, value]: 400 for what is malformed or not as long as the body, 416
    for what is not in the disk, or is of something longer than it.
    """
    text = _header(request, CONTENT_RANGE)
    if text is None:
        return None
    match = _SENT.fullmatch(text)
    if match is None:
        raise RefusedError(400, _error(CONTENT_RANGE, text))
    first, end = int(match[1]), int(match[2]) + 1
    total = end if match[3] == "*" else int(match[3])
    if not first < end <= total or request.content_length != end - first:
        raise RefusedError(400, _error(CONTENT_RANGE, text))
    if total > size:
        raise _outside(CONTENT_RANGE, text, size)
    return Extent(first, end - first)


def _header(request: web.BaseRequest, name: str) -> str | None:
    """A header; one that comes several times is a list."""
    values = request.headers.getall(name, ())
    return ",".join(values) if values else None


def _outside(name: str, value: str, size: int) -> RefusedError:
    return RefusedError(416, _error(name, value), {**_BYTES, CONTENT_RANGE: f"bytes */{size}"})


def _error(name: str, value: str) -> ApiError:
    return ApiError("INVALID_VALUE", name, value)
