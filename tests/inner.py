"""A real server on a real socket, but in a thread of the test's process, so that a test can look inside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import XenAPI

from tests.client import PATIENCE
from tests.live import PASSWORD
from xapi_async.config import load
from xapi_async.rpc.login import Identity
from xapi_async.rpc.roles import permissions_of
from xapi_async.server import SECTIONS, Core, assembled
from xapi_async.wire.app import Listener, serve
from xapi_async.wire.settings import WireSettings

T = TypeVar("T")


class InnerServer:
    """A server and the way into it. core: its parts, only to be touched by way of :meth:`run`."""

    def __init__(self, url: str, core: Core, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.core = core
        self._loop = loop

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something in the server's own thread."""

        async def wrapped() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result(PATIENCE)

    def session_of(self, name: str, *roles: str) -> str:
        """The reference of a session like that of a directory's user who has these roles."""
        granted = frozenset[str]().union(*map(permissions_of, roles)) | frozenset(roles)
        who = Identity(name, is_superuser=False, sid=f"sid-{name}", permissions=tuple(granted))
        return str(self.run(lambda: self.core.access.sessions.begin(who)).session)

    @contextmanager
    def session(self) -> Iterator[Any]:
        """The official client, logged in as root."""
        session = XenAPI.Session(self.url)
        session.login_with_password("root", PASSWORD, "2.9", "tests")
        try:
            yield session
        finally:
            session.logout()


@contextmanager
def inner_server(flags: Mapping[tuple[str, str], str] | None = None) -> Iterator[InnerServer]:
    """A server that keeps nothing, for the length of a ``with``."""
    config = load(
        SECTIONS,
        environment={},
        flags={
            ("server", "database"): "",
            ("access", "password"): PASSWORD,
            ("access", "hash_memory_kib"): "64",
            ("access", "hash_passes"): "1",
            ("access", "failed_login_seconds"): "0",
            ("access", "revalidation_pass_seconds"): "1e9",  # no directory knows the users of sessions made here
            **(flags or {}),
        },
    )
    ready: list[InnerServer] = []
    started, stop = threading.Event(), asyncio.Event()

    async def live() -> None:
        async with assembled(config) as core, asyncio.TaskGroup() as group:
            background = [group.create_task(_endless(work)) for work in core.background]
            async with serve(core.dispatcher, {}, WireSettings(), [Listener("127.0.0.1", 0)]) as bound:
                ready.append(InnerServer(bound.plain[0], core, asyncio.get_running_loop()))
                started.set()
                await stop.wait()
                core.events.release()
                core.queue.release()
            for task in background:
                task.cancel()

    def thread() -> None:
        try:
            asyncio.run(live())
        finally:
            started.set()

    worker = threading.Thread(target=thread, daemon=True)
    worker.start()
    started.wait()  # it comes in any case, if not soon on a busy machine
    if not ready:
        worker.join()
        raise RuntimeError("the server did not start")
    try:
        yield ready[0]
    finally:
        ready[0]._loop.call_soon_threadsafe(stop.set)
        worker.join()


async def _endless(work: Callable[[], Awaitable[None]]) -> None:
    await work()
