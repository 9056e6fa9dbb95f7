"""A server that speaks over real sockets, with a dispatcher of its own behind it."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
import uvloop
from aiohttp import web

from tests.client import PATIENCE
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import BOOL, INT, STRING, STRING_MAP, STRING_SET, VOID
from xapi_async.rpc.call import ANY, Call, Failure, Outcome, Success
from xapi_async.wire.app import Bound, Listener, LocalListener, serve
from xapi_async.wire.settings import WireSettings


class EchoDispatcher:
    """Answers by what the method is called; remembers the calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.release = asyncio.Event()
        self.ended: list[str] = []

    def call(self, call: Call) -> Outcome | Awaitable[Outcome]:
        self.calls.append(call)
        return getattr(self, "do_" + call.method.replace(".", "_"), self.unknown)(call)

    def unknown(self, call: Call) -> Outcome:
        return Failure(ApiError("MESSAGE_METHOD_UNKNOWN", call.method))

    def do_text(self, call: Call) -> Outcome:
        return Success(STRING, call.params[0])

    def do_count(self, call: Call) -> Outcome:
        return Success(INT, len(call.params))

    def do_any(self, call: Call) -> Outcome:
        return Success(ANY, call.params)

    def do_void(self, call: Call) -> Outcome:
        return Success(VOID, None)

    def do_origin(self, call: Call) -> Outcome:
        return Success(BOOL, call.origin.is_local)

    def do_headers(self, call: Call) -> Outcome:
        asked = {"subtask_of": call.subtask_of or "", "task_id": call.task_id or "", **call.task_other_config}
        return Success(STRING_MAP, asked)

    def do_list(self, call: Call) -> Outcome:
        return Success(STRING_SET, ("VM.start", "VM.get_all"), bare=True)

    def do_big(self, call: Call) -> Outcome:
        return Success(STRING, "x" * 2_000_000)

    def do_bug(self, call: Call) -> Outcome:
        raise KeyError("gone")

    def do_badly(self, call: Call) -> Outcome:
        return Success(INT, "no integer")

    async def do_later(self, call: Call) -> Outcome:
        await asyncio.sleep(0)
        return Success(STRING, call.params[0])

    async def do_late_bug(self, call: Call) -> Outcome:
        raise KeyError("gone")

    async def do_hang(self, call: Call) -> Outcome:
        await self.release.wait()
        return Success(STRING, "released")

    async def do_event_from(self, call: Call) -> Outcome:
        try:
            await self.release.wait()
        finally:
            self.ended.append("event.from")
        return Success(STRING, "released")


async def _page(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"{request.method} {request.rel_url.raw_path} {request.query.get('a', '')}")


async def _upload(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    response.force_close()
    await response.prepare(request)
    total = 0
    async for chunk in request.content.iter_any():
        total += len(chunk)
    await response.write(str(total).encode())
    return response


async def _console(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 OK\r\n\r\n" + request.query["uuid"].encode())
    while data := await request.content.readany():
        if data == b"bye":
            break
        request.transport.write(data.upper())
    request.transport.close()
    return web.StreamResponse()


async def _forbidden(request: web.BaseRequest) -> web.StreamResponse:
    raise web.HTTPUnauthorized()


async def _moved(request: web.BaseRequest) -> web.StreamResponse:
    raise web.HTTPFound("https://elsewhere/")


async def _broken(request: web.BaseRequest) -> web.StreamResponse:
    raise RuntimeError("a bug")


ROUTES = {
    ("GET", "/page"): _page,
    ("GET", "/page/longer"): _page,
    ("GET", "/secret"): _forbidden,
    ("GET", "/moved"): _moved,
    ("GET", "/broken"): _broken,
    ("POST", "/services"): _page,
    ("PUT", "/import"): _upload,
    ("CONNECT", "/console"): _console,
}


class WireServer:
    """A server in a thread of its own. port: of plain HTTP."""

    def __init__(self, bound: Bound, dispatcher: EchoDispatcher, loop: asyncio.AbstractEventLoop) -> None:
        self.bound = bound
        self.dispatcher = dispatcher
        self.loop = loop
        self.url = bound.plain[0]
        self.port = int(self.url.rpartition(":")[2])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def exchange(self, data: bytes, *, parts: int = 1, answers: int = 1) -> bytes:
        """Send bytes, in some parts, and give so many answers, or what comes of them until the server closes."""
        with self.connect() as sock:
            size = -(-len(data) // parts)
            for start in range(0, len(data), max(1, size)):
                sock.sendall(data[start : start + size])
            return read_all(sock, answers)

    def call_soon(self, function: Callable[[], Any]) -> None:
        self.loop.call_soon_threadsafe(function)


def read_all(sock: socket.socket, answers: int = 1) -> bytes:
    """So many answers, each to the end of its body, or what comes of them until the server closes."""
    received = b""
    sock.settimeout(PATIENCE)
    with suppress(ConnectionResetError):
        while _whole_answers(received) < answers and (data := sock.recv(1 << 16)):
            received += data
    return received


def _whole_answers(received: bytes) -> int:
    """How many answers are there to their ends, those that only say that there will be one left out."""
    count = start = 0
    while (end := received.find(b"\r\n\r\n", start)) >= 0:
        head = received[start:end].lower()
        start = end + 4
        if not re.match(rb"http/1\.[01] 1\d\d ", head):
            length = re.search(rb"\r\ncontent-length: (\d+)", head)
            if length is None:
                break  # it ends with the connection
            start += int(length[1])
            count += start <= len(received)
    return count


@asynccontextmanager
async def running(
    settings: WireSettings, listeners: tuple[Listener | LocalListener, ...]
) -> AsyncIterator[tuple[Bound, EchoDispatcher]]:
    dispatcher = EchoDispatcher()
    async with serve(dispatcher, ROUTES, settings, listeners) as bound:
        yield bound, dispatcher


@contextmanager
def wire_server(
    settings: WireSettings | None = None, listeners: tuple[Listener | LocalListener, ...] = (Listener("127.0.0.1", 0),)
) -> Iterator[WireServer]:
    """A server for the length of a ``with``."""
    started: list[Any] = []
    ready = threading.Event()

    async def run() -> None:
        end = asyncio.Event()
        try:
            async with running(settings or WireSettings(shutdown_seconds=0.2), listeners) as (bound, dispatcher):
                started.extend((WireServer(bound, dispatcher, asyncio.get_running_loop()), end))
                ready.set()
                await end.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=uvloop.run, args=(run(),), daemon=True)
    thread.start()
    ready.wait(PATIENCE)
    server, end = started
    try:
        yield server
    finally:
        server.call_soon(end.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def server() -> Iterator[WireServer]:
    """A server that tests share."""
    with wire_server() as shared:
        yield shared


def xml_call(method: str, *values: str) -> bytes:
    """A call in XML whose parameters are written already."""
    params = "".join(f"<param>{value}</param>" for value in values)
    return f"<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>".encode()


def string(text: str) -> str:
    return f"<value><string>{text}</string></value>"


def post(body: bytes, path: str = "/", *, version: str = "1.1", fields: str = "") -> bytes:
    """A request."""
    head = f"POST {path} HTTP/{version}\r\nHost: test\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body
