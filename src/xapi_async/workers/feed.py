"""The stream of changes from the writer's store to its readers, and what they have applied of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from xapi_async.objects.step import Step
from xapi_async.objects.store import Store
from xapi_async.workers.changes import PackedCommit, pack_commit, pack_slices, packed_batch
from xapi_async.workers.link import Link
from xapi_async.workers.replica import numbered
from xapi_async.workers.settling import ALL, Settling


class _Follower:
    """A reader. applied: the generation up to which it has all changes. others: what it was told of the others'.

    is_filled: set once it has the snapshot. counts: whether it may be asked by clients. knows: set while it has
    not said that it knows of another one that may be.
    """

    def __init__(self) -> None:
        self.applied = 0
        self.others = ALL
        self.is_filled = asyncio.Event()
        self.counts = False
        self.knows: asyncio.Future[None] | None = None

    def know(self) -> None:
        """It has said so, or is gone."""
        if self.knows is not None and not self.knows.done():
            self.knows.set_result(None)
        self.knows = None


class Feed:
    """Sends what lands to every reader that has begun its snapshot.

    A change is settled once all readers that *count* have applied it: those that may be asked by clients.
    Each of them is told how far the others are, and nothing where there are none.
    """

    def __init__(self, store: Store, settling: Settling) -> None:
        self._store = store
        self._settling = settling
        self._batch: list[PackedCommit] = []
        self._followers: dict[Link, _Follower] = {}
        self._is_counting = False  # whether any does
        store.follow(self._note)

    @property
    def newest(self) -> int:
        """The generation of the last change that readers have to wait for."""
        return self._settling.newest

    async def begin(self, link: Link) -> None:
        """Send everything there is, and from then on every change; returns when the reader has it all.

        Raises ConnectionError when it is gone.
        """
        self.flush()
        follower = self._followers[link] = _Follower()
        for number, objects in pack_slices(self._store):
            # What has landed before a slice was packed has to arrive before it.
            self.flush()
            link.send("slice", number, objects)
            await link.drained()
        self.flush()
        link.send("filled", numbered(self._store.names_in_order()), self._store.generation)
        await follower.is_filled.wait()

    async def count(self, link: Link) -> None:
        """From now on nothing is settled that this reader has not applied; when this returns it may be asked."""
        if not self._is_counting:
            self._settling.settle(self._store.generation)  # until now there was the writer alone
            self._is_counting = True
        others = self._counting()
        self._followers[link].counts = True
        self._settle()
        knowing: list[asyncio.Future[None]] = []
        for other, follower in others.items():
            # It may have been alone, and waits for nobody until it knows better.
            follower.knows = follower.knows or asyncio.get_running_loop().create_future()
            knowing.append(follower.knows)
            other.send("joined")
        if knowing:
            await asyncio.wait(knowing)
        self.flush()  # whatever they let out until then is in there

    def known(self, link: Link) -> None:
        """A reader knows that it is not alone."""
        follower = self._followers.get(link)
        if follower is not None:
            follower.know()

    def flush(self) -> None:
        """Send what has landed so far; links call for it before they send anything else."""
        if self._batch:
            batch, self._batch = packed_batch(self._batch), []
            for link in self._followers:
                link.send("changes", batch)

    def applied(self, link: Link, generation: int) -> None:
        """A reader has applied all changes up to a generation."""
        follower = self._followers.get(link)
        if follower is not None:
            follower.applied = generation
            follower.is_filled.set()
            self._settle()

    def drop(self, link: Link) -> None:
        """A reader is dead, and answers nobody any more."""
        follower = self._followers.pop(link, None)
        if follower is not None:
            follower.know()
            self._is_counting = bool(self._counting())
            self._settle()

    def close(self) -> None:
        """Follow no more; everything is settled."""
        self._store.follow(None)
        for link in tuple(self._followers):
            self.drop(link)

    def _note(self, steps: Sequence[Step], first: int) -> None:
        if not self._followers:
            return
        if not self._batch:
            for link in self._followers:
                link.wake()
        self._batch.append(pack_commit(steps, first))
        if self._is_counting:
            self._settling.note(steps, first + len(steps) - 1)

    def _counting(self) -> dict[Link, _Follower]:
        return {link: follower for link, follower in self._followers.items() if follower.counts}

    def _settle(self) -> None:
        """See what is settled now, and tell each reader how far the others are where it has to know."""
        counting = self._counting()
        self._settling.settle(min([one.applied for one in counting.values()], default=self._settling.newest))
        for link, follower in counting.items():
            others = min([other.applied for other in counting.values() if other is not follower], default=ALL)
            if others != follower.others:
                follower.others = others
                link.send("others", others)
