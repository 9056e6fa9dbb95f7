"""Work that blocks on files, done in threads, with its failures turned into those of a backend."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from xapi_async.storage import driver
from xapi_async.storage.disk_folder import ChainTooLongError, InUseError, NoSuchDiskError, NotTrackedError
from xapi_async.storage.driver import BackendError

T = TypeVar("T")

_BY_ERRNO: Mapping[int, int] = {
    errno.ENOSPC: driver.NO_SPACE,
    errno.EDQUOT: driver.NO_SPACE,
    errno.ENOENT: driver.VDI_UNAVAILABLE,
    errno.ENOTDIR: driver.VDI_UNAVAILABLE,
    errno.ESTALE: driver.VDI_UNAVAILABLE,
    errno.ENODEV: driver.VDI_UNAVAILABLE,
}

_BY_TYPE: Mapping[type[Exception], int] = {
    NoSuchDiskError: driver.VDI_UNAVAILABLE,
    ChainTooLongError: driver.CHAIN_TOO_LONG,
    NotTrackedError: driver.CBT_CANNOT_COMPUTE,
    InUseError: 80,
}


_EXPECTED: tuple[type[Exception], ...] = (OSError, ValueError, *_BY_TYPE)


def backend_error(error: Exception, otherwise: int) -> BackendError:
    """A failure as the backend's. otherwise: the number for one that has none of its own."""
    if isinstance(error, OSError):
        return BackendError(_BY_ERRNO.get(error.errno or 0, otherwise), error.strerror or str(error))
    return BackendError(_BY_TYPE.get(type(error), otherwise), str(error))


class Threads:
    """Some threads. count: how many."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="disks")

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Do something in a thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(call, *args))

    async def backend(self, otherwise: int, call: Callable[..., T], *args: Any) -> T:
        """As :meth:`run`, but OSError and the folder's errors come as BackendError; ``otherwise``: see there."""
        try:
            return await self.run(call, *args)
        except _EXPECTED as error:
            raise backend_error(error, otherwise) from error

    async def making(self, otherwise: int, make: Callable[[], T], undo: Callable[[], Any]) -> T:
        """As :meth:`backend`, for what must not be there afterwards if this is cancelled: then it is undone."""
        work = asyncio.ensure_future(self.backend(otherwise, make))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            with contextlib.suppress(BackendError):
                await work
                await self.backend(otherwise, undo)
            raise

    @asynccontextmanager
    async def inside(self, otherwise: int, context: AbstractContextManager[T]) -> AsyncIterator[T]:
        """A context whose beginning and end may block."""
        entering = asyncio.ensure_future(self.backend(otherwise, context.__enter__))
        try:
            value = await asyncio.shield(entering)
        except asyncio.CancelledError:
            with contextlib.suppress(BackendError):
                await entering
                await self.run(context.__exit__, None, None, None)
            raise
        try:
            yield value
        finally:
            # Also where this is cancelled: the end is what makes data durable, and lets go of it.
            await asyncio.shield(asyncio.ensure_future(self.run(context.__exit__, None, None, None)))

    def close(self) -> None:
        """Wait for what is under way, and stop."""
        self._executor.shutdown()
