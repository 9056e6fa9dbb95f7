"""The readers as the writer sees them: started, fed, answered, watched, started again, ended."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from xapi_async.objects.store import Store
from xapi_async.rpc.dispatcher import Dispatcher
from xapi_async.rpc.sessions import Sessions
from xapi_async.rpc.stats import MethodStats
from xapi_async.wire.app import Bound, Front, Sharing
from xapi_async.wire.routing import Routes
from xapi_async.workers.answering import Answering
from xapi_async.workers.feed import Feed
from xapi_async.workers.freshness import mapped, shared_number
from xapi_async.workers.hello import Hello, InForce
from xapi_async.workers.link import Link, Receivers
from xapi_async.workers.passing import PassedConnection

log = logging.getLogger(__name__)

_START_SECONDS = 60.0
"""How long a reader may take until its first word."""

_AGAIN_SECONDS = 1.0
"""How long after its end a reader is started again."""

_END_SECONDS = 3.0
"""How long readers have to end after all that they forwarded has been answered."""


@dataclass(frozen=True)
class Writer:
    """The parts of the server that readers need of it."""

    dispatcher: Dispatcher
    sessions: Sessions
    pages: Routes
    bound: Bound


class Readers:
    """All readers of one writer; there may be none.

    Make it before the server listens, for :attr:`sharing` is part of that, and enter it around the
    server's own listening: readers need answers until they have ended.
    """

    def __init__(self, count: int, store: Store) -> None:
        self._count = count
        self._stack = AsyncExitStack()
        self._memory = shared_number() if count else -1
        self._feed: Feed | None = None
        if count:
            self._stack.callback(os.close, self._memory)
            self._feed = Feed(store, mapped(self._memory))
        self.sharing = Sharing() if count else None
        self._alive: set[_Reader] = set()
        self._keeping: list[asyncio.Task[None]] = []
        self._settings: InForce | None = None
        self._refused_before = 0  # by readers that have ended
        self._is_stopping = False

    async def __aenter__(self) -> Readers:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End them; what they have forwarded has been answered."""
        self.stop()
        if self._keeping:
            await asyncio.wait(self._keeping, timeout=_END_SECONDS)
            for task in self._keeping:
                task.cancel()
            await asyncio.gather(*self._keeping, return_exceptions=True)
        if self._feed is not None:
            self._feed.close()
        await self._stack.aclose()

    async def start(self, writer: Writer, settings: InForce) -> None:
        """Start them, and return when all of them answer. Raises OSError where one does not."""
        if self._feed is None:
            return
        self._settings = settings
        # A folder for its owner alone: who connects there is believed where its client is.
        passing = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="xapi-async-"))) / "passing"
        self._stack.callback((await _take_passed(writer.bound.front, passing)).close)
        started: list[asyncio.Future[None]] = []
        for _ in range(self._count):
            started.append(asyncio.get_running_loop().create_future())
            self._keeping.append(asyncio.create_task(self._keep(writer, self._feed, passing, started[-1])))
        await _all_or_failure(started, self._keeping)

    def stop(self) -> None:
        """Have all readers take no more connections, and end when what they have is answered."""
        self._is_stopping = True
        for reader in self._alive:
            reader.link.send("stop")

    def put_in_force(self, settings: InForce) -> None:
        """Have all readers take over settings that were reloaded."""
        self._settings = settings
        for reader in self._alive:
            reader.link.send("settings", settings)

    @property
    def connections(self) -> int:
        """Connections open at readers, as of a second ago."""
        return sum(reader.connections for reader in self._alive)

    @property
    def refused(self) -> int:
        """Connections that readers have turned away."""
        return self._refused_before + sum(reader.refused for reader in self._alive)

    async def _keep(self, writer: Writer, feed: Feed, passing: Path, started: asyncio.Future[None]) -> None:
        """Keep one reader running."""
        assert self._settings is not None  # set before anybody is kept
        while not self._is_stopping:
            hello = Hello(
                self._settings,
                # Sessions show what this process alone has in memory.
                frozenset(entry.name for entry in writer.dispatcher.entries() if entry.read)
                - frozenset(writer.sessions.readers()),
                tuple(writer.pages),
                writer.bound.addresses,
                passing,
            )
            reader = _Reader(writer, feed, self._memory, partial(_set_once, started))
            try:
                await self._live(reader, hello)
            except OSError as error:
                log.error("a reader cannot be started: %s", error)
            finally:
                self._refused_before += reader.refused
            if not started.done():
                raise OSError("a reading process ended before it answered; the log says why")
            if not self._is_stopping:
                log.error("reader %d has ended and is started again", reader.pid)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _live(self, reader: _Reader, hello: Hello) -> None:
        """One life of a reader, from its start to its certain end."""
        process = await reader.start()
        self._alive.add(reader)
        watching = asyncio.create_task(_watch(reader, hello.settings.server.worker_stalled_seconds))
        feeding = asyncio.create_task(reader.feed(hello))
        try:
            await process.wait()
        finally:
            watching.cancel()
            feeding.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._alive.discard(reader)
            reader.ended()


@dataclass(frozen=True)
class AllTraffic:
    """The load of all processes; see :class:`xapi_async.observability.metrics.Traffic`."""

    front: Front
    readers: Readers

    @property
    def connections(self) -> int:
        """Connections open now."""
        return self.front.connections + self.readers.connections

    @property
    def pending(self) -> int:
        """Answers that take time, under way; all of them are the writer's."""
        return self.front.pending

    @property
    def refused(self) -> int:
        """Connections turned away so far."""
        return self.front.refused + self.readers.refused


async def _watch(reader: _Reader, seconds: float) -> None:
    """Kill a reader from which nothing is heard: its clients hear nothing either."""
    pause = seconds / 5
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(pause)
        # After a turn of the loop that took long, its words may lie here unread.
        is_late = loop.time() - before > 2 * pause
        if not is_late and loop.time() - reader.link.heard > seconds:
            log.error("reader %d is killed: nothing was heard of it for %g s", reader.pid, seconds)
            reader.kill()
            return


class _Reader:
    """One process, for one life. memory: what all processes share. on_serving: called when it answers clients."""

    def __init__(self, writer: Writer, feed: Feed, memory: int, on_serving: Callable[[], object]) -> None:
        self.pid = 0
        self.connections = self.refused = 0
        self._writer = writer
        self._feed = feed
        self._memory = memory
        self._process: asyncio.subprocess.Process | None = None
        self._loop = asyncio.get_running_loop()
        self._answering = Answering(writer.bound.front.endpoint, lambda: self.link.wake())
        receivers: Receivers = {
            "calls": self._answering.calls,
            "gone": self._answering.gone,
            "used": self._on_used,
            "serving": on_serving,
        }
        self.link = Link(receivers, self._complete, self.kill)

    async def start(self) -> asyncio.subprocess.Process:
        """Start the process."""
        ours, theirs = socket.socketpair()
        with theirs:
            passed = theirs.fileno(), self._memory
            command = (sys.executable, "-m", "xapi_async.workers.reader", *map(str, passed))
            # What the variables say has become settings, and some of it is secret.
            environment = {name: value for name, value in os.environ.items() if not name.startswith("XAPI_")}
            self._process = await asyncio.create_subprocess_exec(
                *command, pass_fds=passed, env=environment, stdin=asyncio.subprocess.DEVNULL
            )
        ours.setblocking(False)
        await self._loop.create_connection(lambda: self.link, sock=ours)
        self.pid, self.link.heard = self._process.pid, self._loop.time() + _START_SECONDS
        return self._process

    async def feed(self, hello: Hello) -> None:
        """Give it everything it needs, and have it take connections."""
        self.link.send("hello", hello)
        try:
            await self._feed.begin(self.link)
            self.link.send("serve")
        except ConnectionError:
            pass  # it is dead, which is seen elsewhere
        except Exception:
            log.exception("reader %d cannot be given what it needs, and is killed", self.pid)
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def ended(self) -> None:
        """It is dead; whoever waited through it has nobody to be told by."""
        self._feed.drop(self.link)
        self.link.close()
        self._answering.end()

    def _complete(self) -> None:
        self._feed.flush()
        answers = self._answering.take()
        if answers is not None:
            self.link.send("answers", *answers)

    def _on_used(self, sessions: tuple[str, ...], stats: dict[str, MethodStats], traffic: tuple[int, int]) -> None:
        for session in sessions:
            self._writer.sessions.touch(session)
        for method, counted in stats.items():
            self._writer.dispatcher.stats.add(method, counted)
        self.connections, self.refused = traffic


def _set_once(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _take_passed(front: Front, path: Path) -> asyncio.Server:
    """Take the connections that readers pass on."""
    loop = asyncio.get_running_loop()
    remote, _ = front.servers
    return await loop.create_unix_server(lambda: PassedConnection(remote, loop, front.options), str(path))


async def _all_or_failure(started: list[asyncio.Future[None]], keeping: list[asyncio.Task[None]]) -> None:
    """Wait until every reader has started. Raises what the first failure raised."""
    everything: asyncio.Future[Any] = asyncio.gather(*started)
    both: set[asyncio.Future[Any]] = {everything, *keeping}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not everything.done():
        everything.cancel()
        with suppress(asyncio.CancelledError):
            await everything
        for task in keeping:
            if task.done():
                await task
