"""What is answered byte for byte, without aiohttp's own headers: RPC replies and error pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from xapi_async.wire.rpc_endpoint import Reply

_REASONS: Mapping[int, str] = {500: "Internal Error", 501: "Method not implemented"}
"""Phrases of our own; the others are those of the standard."""

_CACHING = "cache-control: no-cache, no-store\r\n"
_GZIP = "content-encoding: gzip\r\n"
_CROSS_ORIGIN = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: X-Requested-With\r\n"


@lru_cache(maxsize=4096)  # answers are of few sizes
def _reply_head(content_type: str, size: int, is_http_10: bool, keep_alive: bool, encoding: str = "") -> bytes:
    version, connection = _words(is_http_10, keep_alive)
    return (
        f"HTTP/{version} 200 OK\r\ncontent-length: {size}\r\nconnection: {connection}\r\n{_CACHING}"
        f"content-type: {content_type}\r\n{encoding}{_CROSS_ORIGIN}\r\n"
    ).encode()


def _words(is_http_10: bool, keep_alive: bool) -> tuple[str, str]:
    return "1.0" if is_http_10 else "1.1", "keep-alive" if keep_alive else "close"


def reply_pieces(
    reply: Reply, *, is_http_10: bool, keep_alive: bool, takes_gzip: bool = False, times: int = 1
) -> Sequence[bytes]:
    """The answer to a call, in pieces to be written one after the other; a large body is not copied.

    takes_gzip: whether the client does; only what is long, or told to many, is compressed. times: how many get it.
    """
    content_type, body = reply
    if isinstance(body, bytes):
        size = len(body)
        head = _reply_head(content_type, size, is_http_10, keep_alive)
        return (head + body,) if size < LARGE else (head, body)
    gzip = body.gzip if takes_gzip and body.size * times >= body.gzip_from else None
    gzipped = gzip() if gzip is not None else None
    sent = gzipped or body
    head = _reply_head(content_type, sent.size, is_http_10, keep_alive, "" if gzipped is None else _GZIP)
    return (b"".join((head, *sent.parts)),) if sent.size < LARGE else (head, *sent.parts)


LARGE = 1 << 16
"""Bytes from which on it costs more to copy an answer than to write it in pieces."""


class LastPieces:
    """As :func:`reply_pieces`, for answers that are given to many: the last one is kept."""

    def __init__(self) -> None:
        self._reply: Reply | None = None
        self._for: tuple[bool, bool, bool] = (False, False, False)
        self._pieces: Sequence[bytes] = ()
        self._times = 0

    def of(self, reply: Reply, *, is_http_10: bool, keep_alive: bool, takes_gzip: bool) -> Sequence[bytes]:
        """The answer in pieces."""
        whom = (is_http_10, keep_alive, takes_gzip)
        if self._reply is not reply:
            self._reply, self._times = reply, 0
        self._times += 1
        if self._for != whom or self._times in _LOOKS:
            self._for = whom
            self._pieces = reply_pieces(
                reply, is_http_10=is_http_10, keep_alive=keep_alive, takes_gzip=takes_gzip, times=self._times
            )
        return self._pieces


_LOOKS = frozenset({1, 8, 64, 512})
"""How many must have got an answer for it to be looked at again whether it had better be compressed."""


def error_bytes(status: int, text: str = "", *, is_http_10: bool = False, realm: str = "") -> bytes:
    """A whole error page, which ends the connection. text: what is wrong. realm: for 401, what asks for a password."""
    title = f"{status} {_REASONS.get(status) or HTTPStatus(status).phrase}"
    body = (
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{escape(text)}</p></body></html>"
    ).encode(errors="replace")
    version, connection = _words(is_http_10, keep_alive=False)
    challenge = f'WWW-Authenticate: Basic realm="{realm}"\r\n' if status == 401 else ""
    head = (
        f"HTTP/{version} {title}\r\ncontent-length: {len(body)}\r\nconnection: {connection}\r\n{_CACHING}"
        f"content-type: text/html\r\n{challenge}\r\n"
    )
    return head.encode() + body


def options_bytes(asked_headers: str | None, *, is_http_10: bool, keep_alive: bool) -> bytes:
    """The whole answer to OPTIONS. asked_headers: the request's ``Access-Control-Request-Headers``."""
    version, connection = _words(is_http_10, keep_alive)
    allowed = f"{asked_headers}, X-Requested-With" if asked_headers else "X-Requested-With"
    return (
        f"HTTP/{version} 200 OK\r\ncontent-length: 0\r\nconnection: {connection}\r\n{_CACHING}"
        f"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: PUT\r\n"
        f"Access-Control-Allow-Headers: {allowed}\r\n\r\n"
    ).encode(errors="replace")


class RawResponse(web.StreamResponse):
    """An answer that is written as it stands.

    pieces: all of it, head and body. keep_alive: whether the connection goes on. hang_up: whether it
    ends at once, even while the client is still sending.
    """

    def __init__(self, *pieces: bytes, keep_alive: bool, hang_up: bool = False) -> None:
        super().__init__()
        self._hang_up = hang_up
        self._pieces = pieces
        self._request: web.BaseRequest | None = None
        if keep_alive:
            self._keep_alive = True
        else:
            self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Note where to write."""
        self._request = request
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Write it, and wait while the client reads too slowly. Raises ConnectionError where it is gone."""
        transport = self._request.transport if self._request is not None else None
        if self._request is None or transport is None:
            raise ConnectionResetError("the client is gone")
        transport.writelines(self._pieces)
        await self._request.protocol._drain_helper()
        if self._hang_up:
            self._request.protocol.force_close()
