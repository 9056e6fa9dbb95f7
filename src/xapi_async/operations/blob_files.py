"""The bytes of blobs: one file each, named by the blob's uuid, in a directory of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from xapi_async.datamodel.classes import Blob
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.clock import Clock, api_time
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.step import Step
from xapi_async.objects.store import Store

CHUNK = 256 * 1024
_UNFINISHED = ".part"


class BlobFiles:
    """The files of all blobs. directory: where they are; made if it is not there.

    A file goes when its blob goes, whoever deletes that: use :meth:`run` as long as the store is in use.
    """

    def __init__(self, directory: Path, store: Store, clock: Clock) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock
        self._gone: asyncio.Queue[str] = asyncio.Queue()
        self._being_written: set[str] = set()

    def find(self, ref: str | None, uuid: str | None) -> Blob | None:
        """The blob that a request names, by its reference or else its uuid; None where there is none."""
        if ref is not None:
            return self._store.find(Blob, ref)
        try:
            return self._store.by_uuid(Blob, uuid or "")
        except ApiError:
            return None

    async def write(self, blob: Blob, chunks: AsyncIterator[bytes]) -> None:
        """Replace a blob's content. Until the last byte has come and is durable, the old content stays.

        Raises HANDLE_INVALID where the blob is destroyed meanwhile.
        """
        part = self._directory / f"{new_uuid()}{_UNFINISHED}"
        self._being_written.add(part.name)
        size = 0
        try:
            file = await asyncio.to_thread(self._create, part)
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_sync, file)
            finally:
                file.close()
            await asyncio.to_thread(os.replace, part, self._path(blob.uuid))
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
            self._being_written.discard(part.name)
        async with self._store.transaction() as tx:
            found = tx.find(Blob, blob.ref)
            if found is not None:
                tx.set(found, size=size, last_updated=api_time(self._clock.now()))
        if found is None:
            await asyncio.to_thread(self._path(blob.uuid).unlink, missing_ok=True)
            raise ApiError("HANDLE_INVALID", "blob", blob.ref)

    async def read(self, blob: Blob) -> tuple[int, AsyncIterator[bytes]] | None:
        """A blob's size in bytes and its content; None where it was never written."""
        try:
            file = await asyncio.to_thread(open, self._path(blob.uuid), "rb")
        except FileNotFoundError:
            return None
        return os.fstat(file.fileno()).st_size, _chunks(file)

    def follow(self) -> Callable[[], None]:
        """Note removals of blobs from now on; gives the way to stop that."""
        return self._store.listen_to_removals(self._note)

    async def run(self) -> None:
        """Delete the files of blobs that are gone, until cancelled: those left from before, then others as they go."""
        stop = self.follow()
        try:
            await self._sweep()
            while True:
                await asyncio.to_thread(self._path(await self._gone.get()).unlink, missing_ok=True)
        finally:
            stop()

    def _note(self, changes: Sequence[Step]) -> None:
        for change in changes:
            if isinstance(change.entity, Blob):
                self._gone.put_nowait(change.entity.uuid)

    async def _sweep(self) -> None:
        names = await asyncio.to_thread(self._names)
        # Asked only now: whatever was there when the names were read and is still needed is known by now.
        needed = self._being_written | {blob.uuid for blob in self._store.all(Blob)}
        for name in names:
            if name not in needed:
                await asyncio.to_thread((self._directory / name).unlink, missing_ok=True)

    def _names(self) -> list[str]:
        return [path.name for path in self._directory.iterdir()] if self._directory.is_dir() else []

    def _create(self, path: Path) -> BinaryIO:
        self._directory.mkdir(parents=True, exist_ok=True)
        return path.open("wb")

    def _path(self, uuid: str) -> Path:
        return self._directory / uuid


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
    finally:
        file.close()
