"""The HTTP server: what it listens on, and who answers what comes in.

Calls are read and answered by :mod:`xapi_async.wire.fastlane`; everything else, and calls of an unusual
form, comes to :class:`Front` by way of aiohttp.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage
from yarl import URL

from xapi_async.operations.context import Origin
from xapi_async.wire.call_format import BadRequestError
from xapi_async.wire.crowd import Crowd
from xapi_async.wire.fastlane import Connection
from xapi_async.wire.heads import Heads, call_headers, takes_gzip
from xapi_async.wire.held import Held
from xapi_async.wire.pages import LastPieces, RawResponse, error_bytes, options_bytes, reply_pieces
from xapi_async.wire.repeated import Repeated
from xapi_async.wire.routing import METHODS, Router, Routes
from xapi_async.wire.rpc_endpoint import Dispatcher, Forward, PathKind, Pending, RpcEndpoint
from xapi_async.wire.settings import WireSettings

log = logging.getLogger(__name__)

BACKLOG = 4096
"""Connections that may wait to be accepted; many clients come at once after a restart."""


_ORIGINS = 4096
"""How many addresses of clients are kept, so that connections from the same one share it."""


@dataclass(frozen=True)
class Listener:
    """An address to listen on. host: empty for all. port: 0 lets the system pick one. context: for TLS."""

    host: str
    port: int
    context: ssl.SSLContext | None = None


@dataclass(frozen=True)
class LocalListener:
    """A Unix socket whose callers are trusted: its file is for the server's user alone."""

    path: Path


@dataclass(frozen=True)
class SocketListener:
    """A socket that is bound already. context: for TLS."""

    socket: socket.socket
    context: ssl.SSLContext | None = None


AnyListener = Listener | LocalListener | SocketListener


@dataclass(frozen=True)
class Address:
    """Where a listener is bound: what ``socket`` takes, and what it gives."""

    family: int
    name: tuple[Any, ...]
    is_tls: bool


@dataclass(frozen=True)
class Bound:
    """Where a server listens, as URLs, in the order asked for. front: who answers there."""

    plain: tuple[str, ...]
    tls: tuple[str, ...]
    local: tuple[str, ...]
    front: Front
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Sharing:
    """What is different in a server that is one of several processes on the same addresses.

    forward: see :class:`RpcEndpoint`. connection: makes the connections of remote clients.
    """

    forward: Forward | None = None
    connection: Callable[[HttpServer, asyncio.AbstractEventLoop, dict[str, Any]], Connection] = Connection


class HttpServer(web.Server):
    """What connections of one sort share. is_local: whether their callers are trusted."""

    def __init__(self, front: Front, *, is_local: bool) -> None:
        super().__init__(front.handle, request_factory=self._request)
        self._front = front
        self.endpoint = front.endpoint
        self.heads = front.heads
        self.repeated = front.repeated
        self.origin_of = lru_cache(_ORIGINS)(Origin)
        self.last_pieces = LastPieces()
        self.crowd = Crowd()
        self.is_local = is_local

    @property
    def settings(self) -> WireSettings:
        """The limits in force."""
        return self._front.settings

    def __call__(self) -> Connection:
        return self._front.new_connection(self, self._loop, self._front.options)

    def _request(self, message: RawRequestMessage, *parts: Any) -> web.BaseRequest:
        # After an error aiohttp's parser can make a message of what follows that has no address at all.
        if cast("URL | None", message.url) is None:
            message = message._replace(method="", path="/", url=URL("/"), should_close=True)
        return self._make_request(message, *parts)

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more connection, this one counted already."""
        if self._front.connections <= self.settings.connections:
            return True
        self._front.refused += 1
        return False


class Front:
    """Answers the requests that aiohttp has read. refused: connections turned away so far."""

    def __init__(
        self, dispatcher: Dispatcher, routes: Routes, settings: WireSettings, sharing: Sharing | None = None
    ) -> None:
        self.settings = settings
        self.router = Router(routes)
        self.endpoint = RpcEndpoint(dispatcher, settings)
        self.new_connection: Callable[..., Connection] = Connection
        if sharing is not None:
            self.endpoint = RpcEndpoint(dispatcher, settings, sharing.forward)
            self.new_connection = sharing.connection
        self.heads = Heads(self.router, settings.max_body_bytes)
        self.repeated = Repeated()
        self.servers = HttpServer(self, is_local=False), HttpServer(self, is_local=True)
        self.options = _options(settings)
        self.refused = 0

    @property
    def connections(self) -> int:
        """Connections open now."""
        return sum(len(server._connections) for server in self.servers)

    @property
    def pending(self) -> int:
        """Calls under way whose answers take time."""
        return self.endpoint.pending

    def limit(self, settings: WireSettings) -> None:
        """Put other limits in force; those of a connection's heads and idleness for new connections."""
        self.settings = settings
        self.endpoint.limit(settings)
        self.heads.limit(settings.max_body_bytes)
        self.repeated.clear()
        self.options = _options(settings)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        try:
            return await self._route(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise  # a redirection, which is aiohttp's to write
            return self._error(request, error.status, error.reason)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as bug:
            number = next(_bug_numbers)
            log.exception("page bug %d: %s %s", number, request.method, request.rel_url.raw_path)
            if request.writer.output_size > 0:
                raise ConnectionError("the answer has begun, and cannot become an error page") from bug
            return self._error(request, 500, f"logged as page bug {number}")

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        method = request.method
        if method not in METHODS:
            return self._error(request, 501, "the method is not known")
        path = request.rel_url.raw_path
        if method == "OPTIONS":
            return self._options(request)
        target = self.router.find(method, path)
        if target is None:
            return self._error(request, 403, "there is nothing of that name")
        if isinstance(target, str):
            return await self._call(request, target)
        _invite_body(request)
        return await target(request)

    def _options(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = request.headers.get("Access-Control-Request-Headers")
        keep_alive = request.keep_alive
        data = options_bytes(asked, is_http_10=_is_http_10(request), keep_alive=keep_alive)
        return RawResponse(data, keep_alive=keep_alive)

    async def _call(self, request: web.BaseRequest, kind: PathKind) -> web.StreamResponse:
        length = request.content_length
        if length is None:
            return self._error(request, 500, "a call needs a Content-Length")
        if length > self.settings.max_body_bytes:
            return self._error(request, 500, f"a call may have {self.settings.max_body_bytes} bytes")
        _invite_body(request)
        try:
            async with asyncio.timeout(self.settings.request_seconds):
                body = await request.content.readexactly(length) if length else b""
        except TimeoutError:
            data = error_bytes(500, "the request took too long to arrive", is_http_10=_is_http_10(request))
            return RawResponse(data, keep_alive=False, hang_up=True)
        connection = cast(Connection, request.protocol)
        try:
            asked = self.endpoint.read(body, kind, connection.origin, call_headers(request.raw_headers))
        except BadRequestError as error:
            return self._error(request, 500, str(error))
        answer = self.endpoint.answer(asked)
        if isinstance(answer, Held):
            answer = Pending(answer.reply(), answer.only_waits)
        if isinstance(answer, Pending):
            if answer.only_waits:
                connection.cancel_when_lost = asyncio.current_task()
            try:
                reply = await answer.reply
            finally:
                connection.cancel_when_lost = None
        else:
            reply = answer
        keep_alive = request.keep_alive
        gzip = takes_gzip(request.headers.get("Accept-Encoding", "").encode(errors="replace"))
        pieces = reply_pieces(reply, is_http_10=_is_http_10(request), keep_alive=keep_alive, takes_gzip=gzip)
        return RawResponse(*pieces, keep_alive=keep_alive)

    def _error(self, request: web.BaseRequest, status: int, text: str) -> web.StreamResponse:
        data = error_bytes(status, text, is_http_10=_is_http_10(request), realm=self.settings.realm)
        return RawResponse(data, keep_alive=False)


def _options(settings: WireSettings) -> dict[str, Any]:
    """How aiohttp treats a connection."""
    return {
        "keepalive_timeout": settings.idle_seconds,
        "max_line_size": settings.header_bytes,
        "max_field_size": settings.header_bytes,
        "access_log": None,
        "auto_decompress": False,
        "lingering_time": _LINGERING_SECONDS,
        "logger": log,
    }


_LINGERING_SECONDS = 2.0
"""How long a body that nobody wants is read and dropped, so that the client gets to see why; a stop waits for it."""


_bug_numbers = itertools.count(1)


def _is_http_10(request: web.BaseRequest) -> bool:
    return request.version < HttpVersion11


def _invite_body(request: web.BaseRequest) -> None:
    """Tell a client that waits for it that the body may come."""
    expects = request.headers.get("Expect", "").lower() == "100-continue"
    if expects and not _is_http_10(request) and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def origin_of(request: web.BaseRequest) -> Origin:
    """Where a request came from."""
    return cast(Connection, request.protocol).origin


@asynccontextmanager
async def serve(
    dispatcher: Dispatcher,
    routes: Routes,
    settings: WireSettings,
    listeners: Sequence[AnyListener],
    interrupt: Callable[[], None] | None = None,
    sharing: Sharing | None = None,
) -> AsyncIterator[Bound]:
    """Serve for as long as the body lasts, then let calls under way end.

    routes: what there is beside RPC. interrupt: called when the time of calls under way is over; it has
    them fail, so that whoever waits is told. sharing: for one of several processes.
    Raises OSError where an address cannot be listened on.
    """
    front = Front(dispatcher, routes, settings, sharing)
    remote, local = front.servers
    sockets: list[asyncio.Server] = []
    addresses: list[Address] = []
    urls: dict[str, list[str]] = {"plain": [], "tls": [], "local": []}
    try:
        for listener in listeners:
            if isinstance(listener, LocalListener):
                sockets.append(await _listen_locally(local, listener))
                urls["local"].append(f"unix:{listener.path}")
                continue
            if isinstance(listener, SocketListener):
                made = [await _listen_on(remote, listener.socket, listener.context)]
            elif sharing is not None:
                made = [await _listen_on(remote, sock, listener.context) for sock in await _shared(listener)]
            else:
                made = [await _listen(remote, listener)]
            sockets += made
            is_tls = listener.context is not None
            addresses += [Address(sock.family, sock.getsockname(), is_tls) for one in made for sock in one.sockets]
            if isinstance(listener, Listener):
                urls["tls" if is_tls else "plain"].append(_url(made[0], listener))
        yield Bound(tuple(urls["plain"]), tuple(urls["tls"]), tuple(urls["local"]), front, tuple(addresses))
    finally:
        for server in sockets:
            server.close()
        await _end_connections(front, interrupt)
        for server in sockets:
            await server.wait_closed()
        for listener in listeners:
            if isinstance(listener, LocalListener):
                listener.path.unlink(missing_ok=True)


async def _end_connections(front: Front, interrupt: Callable[[], None] | None) -> None:
    """Close what is idle at once, and everything else once it is answered, or else when its time is over."""
    seconds = front.settings.shutdown_seconds
    for server in front.servers:
        server.pre_shutdown()
    if interrupt is None:
        await asyncio.gather(*(server.shutdown(seconds) for server in front.servers))
        return
    timer = asyncio.get_running_loop().call_later(seconds, interrupt)
    try:
        await asyncio.gather(*(server.shutdown(seconds + _TELL_SECONDS) for server in front.servers))
    finally:
        timer.cancel()


_TELL_SECONDS = 1.0
"""How long calls that were interrupted have to say so."""


async def _listen(server: HttpServer, listener: Listener) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        server, listener.host or None, listener.port, ssl=listener.context, backlog=BACKLOG, reuse_address=True
    )


async def _listen_on(server: HttpServer, sock: socket.socket, context: ssl.SSLContext | None) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(server, sock=sock, ssl=context, backlog=BACKLOG)


async def _shared(listener: Listener) -> list[socket.socket]:
    """Sockets bound to an address that nobody else has, and that other processes of ours may then have as well."""
    host, port = listener.host or None, listener.port
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, name in dict.fromkeys((family, name) for family, _, _, _, name in found):
            sockets.append(bound_socket(family, name))
            # Only now: before, it would have let us join a stranger who allows that.
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def bound_socket(family: int, name: Any, *, is_joining: bool = False) -> socket.socket:
    """A socket bound to an address. is_joining: which another process listens on. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_joining:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{name[0]}:{name[1]}: {error.strerror}") from None
    return sock


def _url(server: asyncio.Server, listener: Listener) -> str:
    scheme = "http" if listener.context is None else "https"
    host = listener.host or "127.0.0.1"
    port = server.sockets[0].getsockname()[1]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _listen_locally(server: HttpServer, listener: LocalListener) -> asyncio.Server:
    path = listener.path
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()  # left behind by a server that was killed
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        # Before anybody can connect: nobody listens on it yet.
        os.chmod(path, 0o600)
        return await asyncio.get_running_loop().create_unix_server(server, sock=sock, backlog=BACKLOG)
    except BaseException:
        sock.close()
        raise
