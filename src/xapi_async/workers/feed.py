"""The stream of changes from the writer's store to its readers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from xapi_async.objects.step import Step
from xapi_async.objects.store import Store
from xapi_async.workers.changes import PackedCommit, pack_commit, pack_slices, packed_batch
from xapi_async.workers.link import Link
from xapi_async.workers.replica import numbered


class Feed:
    """Sends what lands to every reader that has begun its snapshot.

    newest: the number that says how far that is, see :mod:`xapi_async.workers.freshness`.
    """

    def __init__(self, store: Store, newest: memoryview) -> None:
        self._store = store
        self._newest = newest
        self._batch: list[PackedCommit] = []
        self._links: list[Link] = []
        self._loop = asyncio.get_running_loop()
        self._has_sent = False  # in this turn of the event loop
        store.follow(self._note)
        self._stop_listening = store.listen(self._landed)

    async def begin(self, link: Link) -> None:
        """Send everything there is, and from then on every change. Raises ConnectionError when the reader is gone."""
        self.flush()
        self._links.append(link)
        for number, objects in pack_slices(self._store):
            # What has landed before a slice was packed has to arrive before it.
            self.flush()
            link.send("slice", number, objects)
            await link.drained()
        self.flush()
        link.send("filled", numbered(self._store.names_in_order()), self._store.generation)

    def flush(self) -> None:
        """Send what has landed so far; links call for it before they send anything else."""
        if self._batch:
            batch, self._batch = packed_batch(self._batch), []
            for link in self._links:
                link.send("changes", batch)

    def drop(self, link: Link) -> None:
        """A reader is dead."""
        if link in self._links:
            self._links.remove(link)

    def close(self) -> None:
        """Follow no more."""
        self._store.follow(None)
        self._stop_listening()

    def _note(self, steps: Sequence[Step], first: int) -> None:
        if not self._links:
            return
        self._newest[0] = first + len(steps) - 1
        self._batch.append(pack_commit(steps, first))

    def _landed(self, _: object) -> None:
        """Send what has landed at once, as readers answer nobody until they have it; the rest of a turn together."""
        if self._batch and not self._has_sent:
            self._has_sent = True
            self._loop.call_soon(self._end_turn)
            self._send()

    def _end_turn(self) -> None:
        self._has_sent = False
        if self._batch:
            self._send()

    def _send(self) -> None:
        self.flush()
        for link in self._links:
            link.flush()
