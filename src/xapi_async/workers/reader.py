"""A reader: the program of the processes beside the writer, which starts and ends them.

Run as ``python -m xapi_async.workers.reader DESCRIPTOR DESCRIPTOR``, with one end of the connection to the writer,
and the memory that all processes share.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from functools import partial
from typing import Any

import uvloop
from aiohttp import web

from xapi_async.config import ConfigError
from xapi_async.datamodel.classes import Session
from xapi_async.datamodel.language import ApiClass
from xapi_async.listening import Listening, listening
from xapi_async.logs import set_up_logging
from xapi_async.observability import slow_calls
from xapi_async.wire.app import Front, Sharing, SocketListener, bound_socket, serve
from xapi_async.workers.forwarding import Forwarding
from xapi_async.workers.freshness import Freshness, mapped
from xapi_async.workers.hello import Hello, InForce
from xapi_async.workers.link import Link, Receivers
from xapi_async.workers.passing import PassingConnection
from xapi_async.workers.reading import ReaderSessions, ReadingDispatcher
from xapi_async.workers.replica import Names, Replica

log = logging.getLogger(__name__)

TELL_SECONDS = 1.0
"""How often a reader says what it has counted, and thereby that it is alive."""


def main() -> None:
    """Run until the writer says stop, or is gone."""
    # A terminal or a service manager signals all processes; readers stop when the writer has them stop.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection, memory = map(int, sys.argv[1:])
    uvloop.run(_run(socket.socket(fileno=connection), mapped(memory)))


async def _run(sock: socket.socket, newest: memoryview) -> None:
    reader = Reader(newest)
    sock.setblocking(False)
    await asyncio.get_running_loop().create_connection(lambda: reader.link, sock=sock)
    await reader.run()


class Reader:
    """One reader, from its connection to the writer on. newest: see :mod:`xapi_async.workers.freshness`."""

    def __init__(self, newest: memoryview) -> None:
        self._freshness = Freshness(newest)
        self._forwarding = Forwarding(lambda: self.link)
        self._replica = Replica(self._changed)
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._go, self._stop = asyncio.Event(), asyncio.Event()
        receivers: Receivers = {
            "hello": self._hello.set_result,
            "slice": self._replica.fill,
            "filled": self._filled,
            "changes": self._apply,
            "serve": self._go.set,
            "answers": self._forwarding.answered,
            "settings": self._put_in_force,
            "stop": self._stop.set,
        }
        self.link = Link(receivers, self._forwarding.send, self._lost)
        self._sessions = ReaderSessions(self._replica.store)
        self._listening: Listening | None = None
        self._dispatcher: ReadingDispatcher | None = None
        self._front: Front | None = None

    async def run(self) -> None:
        """Answer clients until told to stop."""
        hello = await self._hello
        server, wire = hello.settings.server, hello.settings.wire
        set_up_logging(server.log_level, server.log_format)
        self._listening = await asyncio.to_thread(listening, server)
        dispatcher = self._dispatcher = ReadingDispatcher(
            self._replica.store, self._sessions, hello.reads, self._freshness
        )
        slow_calls.watch(dispatcher.stats, hello.settings.slow_call_seconds)
        telling = asyncio.create_task(self._tell_for_ever())
        await self._go.wait()
        listeners = [
            SocketListener(
                bound_socket(address.family, address.name, is_joining=True),
                self._listening.context if address.is_tls else None,
            )
            for address in hello.addresses
        ]
        sharing = Sharing(
            forward=self._forwarding.forward,
            connection=partial(PassingConnection, target=hello.passing),
        )
        pages = dict.fromkeys(hello.pages, _not_here)
        # What is forwarded the writer interrupts when its time is over; here it is only waited for.
        async with serve(dispatcher, pages, wire, listeners, lambda: None, sharing) as bound:
            self._front = bound.front
            self.link.send("serving")
            await self._stop.wait()
        telling.cancel()
        self._tell()
        self.link.close()

    # What the writer sends

    def _lost(self) -> None:
        if not self._stop.is_set():
            os._exit(1)  # without the writer there is nothing to be answered rightly any more

    def _filled(self, names: Names, generation: int) -> None:
        self._replica.filled(names)
        self._freshness.applied(generation)

    def _apply(self, batch: bytes) -> None:
        generation = self._replica.apply(batch)
        if not self._replica.is_filling:
            self._freshness.applied(generation)

    def _changed(self, cls: type[ApiClass], ref: str) -> None:
        if cls is Session:
            self._sessions.forget(ref)

    def _put_in_force(self, settings: InForce) -> None:
        set_up_logging(settings.server.log_level, settings.server.log_format)
        if self._dispatcher is not None:
            slow_calls.watch(self._dispatcher.stats, settings.slow_call_seconds)
        if self._front is not None:
            self._front.limit(settings.wire)
        if self._listening is not None:
            try:
                self._listening.renew(settings.server)
            except ConfigError as error:
                log.error("the certificate stays: %s", error)

    # What it tells

    async def _tell_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self._tell()

    def _tell(self) -> None:
        stats = self._dispatcher.stats.take() if self._dispatcher is not None else {}
        traffic = (self._front.connections, self._front.refused) if self._front is not None else (0, 0)
        self.link.send("used", self._sessions.take_used(), stats, traffic)


async def _not_here(request: web.BaseRequest) -> Any:
    raise web.HTTPInternalServerError(reason="connections with more than calls are passed on")


if __name__ == "__main__":
    main()
