"""Heads of requests, read by hand where they are of the common sort.

The heads that one client sends differ in nothing, or in the length of the body, so each is read once
and then found in a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from xapi_async.wire.routing import Router
from xapi_async.wire.rpc_endpoint import CallHeaders, PathKind

_LINE = re.compile(rb"(POST|PUT|CONNECT) (/[!-~]*) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):([\t -~\x80-\xff]*+)")
_LENGTH = re.compile(rb"[0-9]{1,18}")

_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"content-encoding", b"http2-settings"})
"""Fields that change how a request is read, which aiohttp sees to."""

_ENCODED = frozenset({b"transfer-encoding"})
_ONCE = frozenset({b"content-length", b"host", b"content-type", b"user-agent", b"connection"})
_SECRETS = frozenset({b"cookie", b"authorization"})

ENDLESS = 1 << 49
"""Lengths from which on a client means: until I hang up. Some state a pebibyte."""

_TABLE_SIZE = 4096


class CallHead(NamedTuple):
    """The head of a call.

    length: of the body, in bytes. is_plain: whether it tells nothing of tasks, or secret. takes_gzip: whether the
    answer may be compressed.
    """

    kind: PathKind
    length: int
    is_http_10: bool
    keep_alive: bool
    headers: CallHeaders | None
    is_plain: bool
    takes_gzip: bool


class StreamHead(NamedTuple):
    """The head of a request with a body that is received as it is.

    length: of the body, in bytes; None where it goes on until the client hangs up. is_upload: else it goes both ways.
    """

    length: int | None
    is_upload: bool


Head = CallHead | StreamHead | None
"""None: for aiohttp to read."""


class Heads:
    """Reads heads."""

    def __init__(self, router: Router, max_body_bytes: int) -> None:
        self._router = router
        self._max_body_bytes = max_body_bytes
        self._table: dict[bytes, Head] = {}

    def limit(self, max_body_bytes: int) -> None:
        """Take calls of another size from now on."""
        self._max_body_bytes = max_body_bytes
        self._table.clear()

    def read(self, head: bytes) -> Head:
        """Read a head, given without the empty line at its end."""
        try:
            return self._table[head]
        except KeyError:
            pass
        lines = head.split(b"\r\n")
        fields = _fields(lines[1:])
        result = self._judge(lines[0], fields) if fields is not None else None
        if fields is not None and _SECRETS.isdisjoint(fields):
            if len(self._table) >= _TABLE_SIZE:
                self._table.clear()
            self._table[head] = result
        return result

    def _judge(self, line: bytes, fields: Mapping[bytes, bytes]) -> Head:
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        method, target, minor = match.groups()
        if method == b"CONNECT":
            return StreamHead(None, is_upload=False)
        length = _length(fields)
        if method == b"PUT":
            known = length if length is not None and length < ENDLESS else None
            unusual = _ENCODED if known is None else _UNUSUAL - {b"expect"}
            return StreamHead(known, is_upload=True) if unusual.isdisjoint(fields) else None
        if length is None or length > self._max_body_bytes or not _UNUSUAL.isdisjoint(fields):
            return None
        kind = self._router.find("POST", target.partition(b"?")[0].decode())
        if not isinstance(kind, str):
            return None
        connection = fields.get(b"connection", b"").lower()
        if connection not in (b"", b"keep-alive", b"close"):
            return None
        is_http_10 = minor == b"0"
        keep_alive = connection == b"keep-alive" if is_http_10 else connection != b"close"
        headers = call_headers(fields.items())
        is_plain = headers is None and _SECRETS.isdisjoint(fields)
        gzip = takes_gzip(fields.get(b"accept-encoding", b""))
        return CallHead(kind, length, is_http_10, keep_alive, headers, is_plain, gzip)


def _fields(lines: Iterable[bytes]) -> dict[bytes, bytes] | None:
    """The header fields by lower-case name; None where one is malformed, or repeated that must not be."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            return None
        name = match[1].lower()
        if name in fields and name in _ONCE:
            return None
        fields.setdefault(name, match[2].strip(b" \t"))
    return fields


def _length(fields: Mapping[bytes, bytes]) -> int | None:
    text = fields.get(b"content-length")
    return int(text) if text is not None and _LENGTH.fullmatch(text) else None


def call_headers(fields: Iterable[tuple[bytes, bytes]]) -> CallHeaders | None:
    """What the fields of a request ask of the task of its call; None where they ask nothing."""
    subtask_of = task_id = None
    other_config: dict[str, str] = {}
    for name, value in fields:
        low = name.lower()
        if low == b"subtask-of":
            subtask_of = subtask_of or _text(value)
        elif low == b"task-id":
            task_id = task_id or _text(value)
        elif low.startswith(_OTHER_CONFIG):
            other_config.setdefault(_text(low.removeprefix(_OTHER_CONFIG)), _text(value))
    if subtask_of is None and task_id is None and not other_config:
        return None
    return CallHeaders(subtask_of, task_id, other_config)


def takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding field names gzip, and not with a weight of zero."""
    for coding in accepted.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip"):
            return _NO_WEIGHT.fullmatch(weight.strip()) is None
    return False


_NO_WEIGHT = re.compile(rb"q\s*=\s*0(\.0*)?")


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


_OTHER_CONFIG = b"x-http-other-config-"
