"""Who rests, and for how long, where many are told at once."""

from __future__ import annotations

import asyncio
import itertools

from xapi_async.wire.crowd import Crowd, Telling


class One:
    """A connection that comes back when it wants to."""

    telling: Telling | None = None
    is_resting = False

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd

    def is_told(self) -> None:
        self.telling = self.crowd.told()

    def comes_back(self) -> None:
        if self.telling is not None and not self.telling.is_over:
            self.is_resting = True
            self.crowd.rest(self)

    def go_on(self) -> None:
        assert self.is_resting
        self.is_resting = False


def told_and_back(ones: list[One]) -> None:
    for one in ones:
        one.is_told()
    for one in ones:
        one.comes_back()


def resting(ones: list[One]) -> int:
    return sum(one.is_resting for one in ones)


def test_all_who_are_back_rest_but_the_first_until_nobody_is_left_to_be_told() -> None:
    async def scene() -> None:
        crowd = Crowd()
        ones = [One(crowd) for _ in range(2000)]
        for turn in range(20):
            for one in ones[turn * 100 : turn * 100 + 100]:
                one.is_told()
            await asyncio.sleep(0)
            for one in ones[turn * 100 : turn * 100 + 100 : 2]:
                one.comes_back()
        assert [one.is_resting for one in ones[::2]] == [False] * 128 + [True] * 872
        turns = []
        while resting(ones):
            turns.append(resting(ones))
            await asyncio.sleep(0)
        # Few at a time, so that others are served in between; and those who rested first go on first.
        assert max(before - after for before, after in itertools.pairwise(turns)) <= 256
        for one in ones[1::2]:
            one.comes_back()
        assert not resting(ones)

    asyncio.run(scene())


def test_who_is_told_again_while_others_go_on_rests_again() -> None:
    async def scene() -> None:
        crowd = Crowd()
        ones = [One(crowd) for _ in range(2000)]
        told_and_back(ones)
        for _ in range(3):
            await asyncio.sleep(0)
        assert 0 < resting(ones) < 2000 - 256
        assert not ones[300].is_resting
        ones[300].is_told()
        ones[300].comes_back()
        assert ones[300].is_resting
        for _ in range(20):
            await asyncio.sleep(0)
        assert not resting(ones)

    asyncio.run(scene())


def test_nobody_rests_where_few_are_told_however_often() -> None:
    async def scene() -> None:
        crowd = Crowd()
        ones = [One(crowd) for _ in range(200)]
        for _ in range(20):
            told_and_back(ones)
            assert not resting(ones)
            for _ in range(3):
                await asyncio.sleep(0)

    asyncio.run(scene())
