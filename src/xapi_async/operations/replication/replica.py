"""One disk on which a copy of the pool's database is kept up to date.

Commits are noted as they land, which costs whoever makes them nothing but that, and are written some
time later, all at once. What is noted is bounded: where the disk cannot keep up, and after every failure,
all objects are written anew. That takes the objects a few at a time as they are by then. Since all that is
committed meanwhile is noted too and follows, it does not matter that they are of different moments.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, cast

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Entity
from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.finishing import finish
from xapi_async.objects.journal import JournalEntry
from xapi_async.objects.lasting import creation
from xapi_async.objects.store import Store
from xapi_async.operations.replication.copy_writer import CopyWriter, NoRoomError
from xapi_async.operations.storage.facts import the_pool
from xapi_async.operations.storage.sites import site_of
from xapi_async.storage.driver import BackendError, Image

if TYPE_CHECKING:
    from xapi_async.operations.context import Services

PAUSE = 0.5
"""Seconds in which commits are gathered before they are written."""

MOST_NOTED = 32 << 20
"""Bytes of commits that wait to be written, at most."""

SOME_NOTED = 1 << 20
"""Bytes of commits that are written between objects."""

AT_ONCE = 100
"""Objects gathered before others get their turn."""

IN_RECORD = 500
"""Objects in a record."""

BETWEEN = 0.005
"""Seconds between two records, so that writing all objects leaves most of the time to others."""

RETRY = 60.0
"""Seconds after a failure before it is tried again."""

BROKEN, BROKEN_PRIORITY = "METADATA_LUN_BROKEN", 3
HEALTHY, HEALTHY_PRIORITY = "METADATA_LUN_HEALTHY", 4

_FAILURES = (ApiError, BackendError, DatabaseError, OSError, ValueError)

log = logging.getLogger(__name__)


class Replica:
    """The copy on one disk. is_wanted: whether it is still to be kept up to date."""

    def __init__(self, services: Services, vdi: str, is_wanted: Callable[[], bool]) -> None:
        self.vdi = vdi
        self._services = services
        self._is_wanted = is_wanted
        self._writer = CopyWriter()
        self._noted: list[bytes] = []
        self._noted_size = 0
        self._missed = True  # commits that were not noted, so that all objects are to be written
        self._is_listening = False
        self._wake = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._written = -1
        self._failure = ""

    def note(self, pieces: Sequence[bytes]) -> None:
        """Note what the journal keeps of a commit."""
        if not self._is_listening or self._missed:
            return
        self._noted.extend(pieces)
        self._noted_size += sum(map(len, pieces))
        if self._noted_size > MOST_NOTED:
            self._noted, self._noted_size, self._missed = [], 0, True
        self._wake.set()

    async def caught_up(self) -> None:
        """Wait until the disk has all that has been committed by now. Raises DatabaseError where it cannot have it."""
        generation = self._services.store.generation
        if self._failure:
            raise DatabaseError(self._failure)
        if self._written >= generation:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((generation, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Keep the copy up to date, until cancelled or no longer wanted, or where the disk is too small for it."""
        try:
            while self._is_wanted():
                try:
                    await self._write_objects()
                    await self._write_commits()
                except NoRoomError:
                    if self._writer.is_filling:
                        await self._fail("the database does not fit into half of the disk; no copy is kept on it")
                        return
                    # Else there are just too many commits by now, and the other half begins with all objects.
                except _FAILURES as error:
                    if self._is_wanted():
                        await self._fail(str(error))
                        await self._services.clock.sleep(RETRY)
        except Exception:
            log.exception("the copy of the database on VDI %s ended by a bug", self.vdi)
            self._failure = "the copy ended by a bug, see the log"

    def end(self) -> None:
        """Tell whoever waits that no copy is kept any more; for when :meth:`run` has ended, or never begun."""
        self._is_listening = False
        self._failure = self._failure or "no copy is kept on the disk any more"
        self._tell_waiting(self._failure)

    # Objects

    async def _write_objects(self) -> None:
        """Write the whole database, as of the end of this."""
        store, writer = self._services.store, self._writer
        self._noted, self._noted_size = [], 0
        self._is_listening, self._missed = True, False
        await store.flush()  # what was ended before is in the store now, all else will be noted
        async with self._opened() as image:
            # What was begun is finished, so that nothing is written any more once this has been cancelled.
            await finish(writer.begin(image, store.generation))
            async for entries in self._creations():
                await finish(writer.add_objects(image, entries))
                if self._noted_size > SOME_NOTED:
                    await finish(self._write_noted(image))
                await asyncio.sleep(BETWEEN)
            generation = store.generation
            await finish(self._write_noted(image))
            if self._missed:
                return
            await finish(writer.finish(image, the_pool(store)))
        self._written = generation
        await self._succeed()

    async def _creations(self) -> AsyncIterator[list[JournalEntry]]:
        """What makes all objects, in pieces for one record each."""
        store = self._services.store
        gathered: list[JournalEntry] = []
        every = _all(store)
        while refs := tuple(islice(every, AT_ONCE)):
            for cls, ref in refs:
                entity = store.find(cls, ref)
                entry = creation(cast(Entity, entity)) if entity is not None else None
                if entry is not None:
                    gathered.append(entry)
            if len(gathered) >= IN_RECORD:
                yield gathered
                gathered = []
            await asyncio.sleep(0)
        if gathered:
            yield gathered

    # Commits

    async def _write_commits(self) -> None:
        """Write what is committed, until all objects are to be written anew, or no copy is wanted."""
        try:
            while not self._missed and not self._writer.is_worn:
                await self._wake.wait()
                if not self._waiting:
                    await self._services.clock.sleep(PAUSE)
                await finish(self._append())
                if not self._is_wanted():
                    return
        except asyncio.CancelledError:
            try:
                await finish(self._append())
            except (*_FAILURES, NoRoomError) as error:
                log.info("the last commits are missing from the copy of the database on %s: %s", self._name(), error)
            raise

    async def _append(self) -> None:
        generation = self._services.store.generation
        if self._noted:
            async with self._opened() as image:
                generation = self._services.store.generation
                await self._write_noted(image)
        else:
            self._wake.clear()
        if not self._missed:
            self._written = generation
            await self._succeed()

    async def _write_noted(self, image: Image) -> None:
        """Write what has been noted when this is called."""
        self._wake.clear()
        noted, self._noted, self._noted_size = self._noted, [], 0
        if noted:
            await self._writer.add_commits(image, noted, self._services.store.generation)

    # What becomes of it

    async def _succeed(self) -> None:
        for waiting in [one for one in self._waiting if one[0] <= self._written]:
            self._waiting.remove(waiting)
            if not waiting[1].done():
                waiting[1].set_result(None)
        if self._failure:
            self._failure = ""
            log.info("the copy of the database on %s is kept again", self._name())
            await self._post(HEALTHY, HEALTHY_PRIORITY, "The copy of the pool's database is written again")

    async def _fail(self, reason: str) -> None:
        self._is_listening = False
        self._tell_waiting(reason)
        if self._failure:
            return  # it is known
        self._failure = reason
        log.warning("the copy of the database on %s is out of date: %s", self._name(), reason)
        await self._post(BROKEN, BROKEN_PRIORITY, f"The copy of the pool's database is not written any more: {reason}")

    def _tell_waiting(self, reason: str) -> None:
        for _, done in self._waiting:
            if not done.done():
                done.set_exception(DatabaseError(reason))
        self._waiting.clear()

    async def _post(self, name: str, priority: int, text: str) -> None:
        if self._services.messages is not None:
            pool = the_pool(self._services.store).uuid
            await self._services.messages.post(name, priority, "Pool", pool, f"{text}. It is on {self._name()}.")

    def _name(self) -> str:
        store = self._services.store
        vdi = store.find(VDI, self.vdi)
        sr = store.find(SR, vdi.SR) if vdi is not None else None
        return f"VDI {vdi.uuid} of SR {sr.uuid}" if vdi is not None and sr is not None else f"VDI {self.vdi}"

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Image]:
        services = self._services
        vdi = services.store.get(VDI, self.vdi)
        site = site_of(services, vdi.SR)
        async with site.driver.opened(site.sr, vdi.location, writable=True) as image:
            yield image


def _all(store: Store) -> Iterator[tuple[type[ApiClass], str]]:
    """Every object there is when its class is reached."""
    for cls in CLASSES:
        if cls.FACTS.persist and cls.FACTS.in_database:
            yield from [(cls, ref) for ref in store.table(cls)]
