"""Peers that answer every request with the same bytes: what the transport alone can do.

Usage: python -m benchmarks.peers.canned KIND PORT, where KIND is a key of KINDS.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import uvloop
from aiohttp import web

BODY = (
    b'<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name>'
    b"<value>Success</value></member><member><name>Value</name><value>a virtual machine</value></member>"
    b"</struct></value></param></params></methodResponse>"
)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class _Raw(asyncio.Protocol):
    """Writes the answer whenever anything arrives: the limit of the event loop."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


async def raw(port: int) -> None:
    """uvloop and nothing else."""
    server = await asyncio.get_running_loop().create_server(_Raw, "127.0.0.1", port)
    await server.serve_forever()


async def _answer(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=BODY, content_type="text/xml")


async def aiohttp_server(port: int) -> None:
    """aiohttp's low-level server."""
    server = web.Server(_answer)
    runner = web.ServerRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def aiohttp_application(port: int) -> None:
    """aiohttp's application with one route."""
    app = web.Application()
    app.router.add_post("/", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


class _Standard(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a log line would be measured too."""


class _Threads(ThreadingHTTPServer):
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: connections are cut at the end of each round."""


def standard_library(port: int) -> None:
    """http.server with a thread for each connection."""
    _Threads(("127.0.0.1", port), _Standard).serve_forever()


KINDS: dict[str, Callable[[int], Awaitable[None]]] = {
    "raw-uvloop": raw,
    "aiohttp-server": aiohttp_server,
    "aiohttp-application": aiohttp_application,
}


def main() -> None:
    """Run one peer until killed."""
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "standard-library":
        standard_library(port)
    else:
        uvloop.run(KINDS[kind](port))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
