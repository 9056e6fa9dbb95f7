"""The stream of changes from the writer's store to its readers, and what they have applied of it."""

from __future__ import annotations

from collections.abc import Sequence

from xapi_async.objects.store import Store
from xapi_async.objects.transaction import Step
from xapi_async.workers.changes import PackedCommit, pack_commit, pack_slices, packed_batch
from xapi_async.workers.link import Link
from xapi_async.workers.replica import numbered
from xapi_async.workers.settling import Settling


class Feed:
    """Sends what lands to every reader that has begun its snapshot.

    A change is settled once all readers that *count* have applied it: those that may be asked by clients.
    """

    def __init__(self, store: Store, settling: Settling) -> None:
        self._store = store
        self._settling = settling
        self._batch: list[PackedCommit] = []
        self._links: list[Link] = []
        self._applied: dict[Link, int] = {}
        self._counting: set[Link] = set()
        store.follow(self._note)

    @property
    def newest(self) -> int:
        """The generation up to which readers have been told of all that they have to wait for."""
        return self._settling.newest

    async def begin(self, link: Link) -> None:
        """Send everything there is, and from then on every change. Raises ConnectionError when the reader is gone."""
        self.flush()
        self._links.append(link)
        self._applied[link] = 0
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

    def count(self, link: Link) -> None:
        """From now on nothing is settled that this reader has not applied; it may then be asked."""
        self.flush()
        if not self._counting:
            self._settling.settle(self._store.generation)  # until now there was the writer alone
        self._counting.add(link)
        link.send("settled", self._settling.settled)

    def applied(self, link: Link, generation: int) -> None:
        """A reader has applied all changes up to a generation."""
        self._applied[link] = generation
        self._settle()

    def drop(self, link: Link) -> None:
        """A reader is dead, and answers nobody any more."""
        if link in self._links:
            self._links.remove(link)
        self._applied.pop(link, None)
        self._counting.discard(link)
        self._settle()

    def close(self) -> None:
        """Follow no more; everything is settled."""
        self._store.follow(None)
        self._links.clear()
        self._applied.clear()
        self._counting.clear()
        self._settle()

    def _note(self, steps: Sequence[Step], first: int) -> None:
        if not self._links:
            return
        if not self._batch:
            for link in self._links:
                link.wake()
        self._batch.append(pack_commit(steps, first))
        if self._counting:
            self._settling.note(steps, first + len(steps) - 1)

    def _settle(self) -> None:
        settled = min([self._applied[link] for link in self._counting], default=self._settling.newest)
        if settled > self._settling.settled:
            self._settling.settle(settled)
            for link in self._links:
                link.send("settled", settled)
