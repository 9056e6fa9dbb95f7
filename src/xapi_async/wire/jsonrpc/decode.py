"""Calls in JSON, from bytes to Python values."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import orjson

from xapi_async.wire.call_format import BadRequestError


class JsonCall(NamedTuple):
    """A call. version: 1 or 2. id: as JSON text, to be echoed. text_checked: as of :class:`Decoded`."""

    method: str
    params: list[Any]
    version: int
    id: bytes
    text_checked: bool


def decode_call(body: bytes, max_depth: int) -> JsonCall:
    """Read a call. max_depth: how deep its values may be nested. Raises BadRequestError."""
    request = _parse(body, max_depth)
    if type(request) is not dict:
        raise BadRequestError("the body is no JSON object")
    version = _version(request)
    method = request.get("method")
    if type(method) is not str or not _is_legal(method):
        raise BadRequestError("the method is no string")
    if "id" not in request:
        raise BadRequestError("there is no id")
    try:
        request_id = orjson.dumps(request["id"])
    except TypeError:
        raise BadRequestError("the id cannot be echoed") from None
    # JSON has control characters only as escapes; the others that XML cannot carry are not in ASCII.
    text_checked = body.isascii() and b"\\" not in body
    return JsonCall(method, _params(request, version), version, request_id, text_checked)


def _version(request: dict[str, Any]) -> int:
    if "jsonrpc" not in request:
        return 1
    if request["jsonrpc"] != "2.0":
        raise BadRequestError("jsonrpc is not 2.0")
    return 2


def _params(request: dict[str, Any], version: int) -> list[Any]:
    params = request.get("params", None if version == 1 else [])
    if type(params) is list:
        return params
    if version == 2 and type(params) is dict:
        return [params]
    raise BadRequestError("the params are no array")


def _parse(body: bytes, max_depth: int) -> Any:
    # The envelope is a level of its own, and so is the array of parameters.
    if body.count(b"[") + body.count(b"{") > max_depth + 2 and _depth(body) > max_depth + 2:
        raise BadRequestError("the values are nested too deeply")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = str(error)
    # Text that is no Unicode is an error of the API, not of JSON: a parser that lets it pass says which it is.
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadRequestError(f"the body is not JSON: {reason}") from None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _depth(body: bytes) -> int:
    """How deep brackets are nested, those inside strings left out."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == _BACKSLASH:
                escaped = True
            elif byte == _QUOTE:
                in_string = False
        elif byte == _QUOTE:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


_QUOTE, _BACKSLASH = b'"\\'


def _is_legal(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
