"""A copy of a database on a disk, being written: one half is filled while the other holds the last whole copy."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from xapi_async import __version__
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.inventory.software import API_VERSION
from xapi_async.objects.copy_format import LEAD, Lead, commit_record, creation_record, half_size, lead_block
from xapi_async.objects.journal import JournalEntry
from xapi_async.operations.replication.copy_reader import find_copy
from xapi_async.storage.driver import Image

LEAST_LOG = 8 << 20
"""Bytes of commits after which a half is worth filling anew, where the objects take up less than half of that."""


class NoRoomError(Exception):
    """The half of the disk is full."""


class CopyWriter:
    """Writes to a disk, which is opened by whoever calls, each time for as long as that takes.

    The order is :meth:`begin`, some :meth:`add_objects`, :meth:`finish`, then :meth:`add_commits` until
    :attr:`is_worn`, and so on. Each raises OSError, BackendError, and NoRoomError where the half is too small.
    """

    def __init__(self) -> None:
        self._kept: int | None = None  # the half with the last whole copy
        self._half = 0
        self._sequence = 0
        self._size = 0
        self._nonce = 0
        self._generation = 0
        self._end = LEAD
        self._number = 0
        self._whole = 0

    @property
    def is_filling(self) -> bool:
        """Whether a half was begun and is not finished."""
        return self._half != self._kept

    @property
    def is_worn(self) -> bool:
        """Whether there are so many commits after the objects that these should be written anew."""
        return self._end - self._whole > max(LEAST_LOG, 2 * self._whole)

    async def begin(self, image: Image, generation: int) -> None:
        """Begin to fill the half without the newest whole copy. generation: of the database now."""
        if self._kept is None:
            found = await find_copy(image)
            self._kept, self._sequence = (found.half, found.lead.sequence) if found is not None else (1, 0)
        self._half, self._sequence = 1 - self._kept, self._sequence + 1
        self._size = half_size(image.size)
        self._nonce, self._generation = secrets.randbits(32), generation
        self._end, self._number = LEAD, 0
        await image.write_zeros(self._half * self._size, LEAD)
        await image.flush()

    async def add_objects(self, image: Image, entries: Sequence[JournalEntry]) -> None:
        """Write entries that make objects."""
        made = await asyncio.to_thread(creation_record, entries, self._generation, self._number, self._nonce)
        await self._add(image, made)

    async def add_commits(self, image: Image, pieces: Sequence[bytes], generation: int) -> None:
        """Write what a journal keeps of commits; durable when this returns. generation: of the last of them."""
        await self._add(image, await asyncio.to_thread(commit_record, pieces, generation, self._number, self._nonce))
        await image.flush()

    async def finish(self, image: Image, pool: Pool) -> None:
        """Make what was written since :meth:`begin` the copy that counts; durable when this returns.

        Raises NoRoomError too where hardly any room is left for commits.
        """
        if self._end > self._size // 4 * 3:
            raise NoRoomError
        await image.flush()
        lead = Lead(
            pool_uuid=pool.uuid,
            pool_ref=pool.ref,
            api_version=".".join(map(str, API_VERSION)),
            server_version=__version__,
            generation=self._generation,
            sequence=self._sequence,
            nonce=self._nonce,
            records=self._number,
        )
        await image.write(self._half * self._size, lead_block(lead))
        await image.flush()
        self._kept, self._whole = self._half, self._end

    async def _add(self, image: Image, record: bytes) -> None:
        if self._end + len(record) > self._size:
            raise NoRoomError
        await image.write(self._half * self._size + self._end, record)
        self._end += len(record)
        self._number += 1
