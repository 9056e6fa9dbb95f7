"""All disks on which copies of the pool's database are kept, and what is known of copies of other pools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.store import Tap
from xapi_async.operations.replication.copy_reader import FoundCopy

if TYPE_CHECKING:
    from xapi_async.operations.replication.replica import Replica


class Replicas:
    """Copies are kept as long as :meth:`run` goes on; before and after, every other method does nothing.

    found: the whole copies of other pools' databases that were seen, by the disk they are on.
    """

    def __init__(self) -> None:
        self.found: dict[str, FoundCopy] = {}
        self._running: dict[str, tuple[Replica, asyncio.Task[None]]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._refresh: Callable[[], None] = lambda: None

    async def run(
        self,
        targets: Callable[[], frozenset[str]],
        replica: Callable[[str], Replica],
        tap: Callable[[Tap | None], None],
    ) -> None:
        """Keep a copy on each disk that is to have one, until cancelled.

        targets: gives these disks. replica: makes what keeps the copy on one. tap: of the store, see there.
        """
        running, ending = self._running, self._ending
        async with asyncio.TaskGroup() as group:

            def refresh() -> None:
                wanted = targets()
                for vdi, (_, task) in list(running.items()):
                    if vdi not in wanted or task.done():
                        ending[vdi] = task
                        task.cancel()
                        del running[vdi]
                for vdi in [vdi for vdi, task in ending.items() if task.done()]:
                    del ending[vdi]
                for vdi in wanted - running.keys():
                    if vdi in ending:  # one writes to it to the last; then this comes again
                        ending[vdi].add_done_callback(lambda task: self._refresh())
                        continue
                    made = replica(vdi)
                    task = group.create_task(made.run())
                    task.add_done_callback(partial(_end, made))
                    running[vdi] = made, task
                tap(self._note if running else None)

            self._refresh = refresh
            refresh()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self._refresh = lambda: None

    def refresh(self) -> None:
        """Begin and end copies as the records say by now; to be called after whatever changes which disks have one."""
        self._refresh()

    async def start(self, vdi: str) -> None:
        """Begin the copy on a disk, and wait until it is whole. Raises DatabaseError where it cannot be written."""
        await self.stop(vdi)
        await self.catch_up(vdi)

    async def catch_up(self, vdi: str) -> None:
        """Wait until a disk has all that is committed; nothing where no copy is kept on it. Raises DatabaseError."""
        if vdi in self._running:
            await self._running[vdi][0].caught_up()

    async def catch_up_all(self) -> None:
        """Wait until every disk that can be written has all that is committed."""
        for vdi in list(self._running):
            with suppress(DatabaseError):  # a message tells of it
                await self.catch_up(vdi)

    async def stop(self, vdi: str) -> None:
        """Wait until what had to end on a disk has ended: nothing more is written to one that is to have no copy."""
        self.refresh()
        if vdi in self._ending:
            await asyncio.wait((self._ending[vdi],))
            self.refresh()

    def _note(self, pieces: Sequence[bytes], generation: int) -> None:
        for replica, _ in self._running.values():
            replica.note(pieces)


def _end(replica: Replica, task: asyncio.Task[None]) -> None:
    replica.end()
