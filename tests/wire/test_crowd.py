"""Who rests, and for how long, where many are told at once."""

from __future__ import annotations

import asyncio
import itertools

from xapi_async.wire.crowd import Crowd


class One:
    """A connection that notes when it rests."""

    is_resting = False

    def rest(self) -> None:
        assert not self.is_resting
        self.is_resting = True

    def go_on(self) -> None:
        assert self.is_resting
        self.is_resting = False


def resting(ones: list[One]) -> int:
    return sum(one.is_resting for one in ones)


def test_all_rest_but_the_first_until_nobody_is_left_to_be_told() -> None:
    async def scene() -> None:
        crowd, ones = Crowd(), [One() for _ in range(2000)]
        for turn in range(20):
            for one in ones[turn * 100 : turn * 100 + 100]:
                crowd.told(one)
            await asyncio.sleep(0)
        assert [one.is_resting for one in ones] == [False] * 256 + [True] * 1744
        turns = []
        while resting(ones):
            turns.append(resting(ones))
            await asyncio.sleep(0)
        # Few at a time, so that others are served in between; and those who rested first go on first.
        assert max(before - after for before, after in itertools.pairwise(turns)) <= 256
        crowd.told(ones[0])
        assert not resting(ones)

    asyncio.run(scene())


def test_nobody_rests_where_few_are_told_however_often() -> None:
    async def scene() -> None:
        crowd, ones = Crowd(), [One() for _ in range(200)]
        for _ in range(20):
            for one in ones:
                crowd.told(one)
            assert not resting(ones)
            for _ in range(3):
                await asyncio.sleep(0)

    asyncio.run(scene())
