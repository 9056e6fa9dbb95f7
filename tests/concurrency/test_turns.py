"""Turns: one in a pass of the event loop at the most, in order, every other one for whom all wait, none too soon."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from xapi_async.objects.slices import SLICE, sliced
from xapi_async.objects.turns import OTHERS, Turns


async def test_every_other_turn_is_for_those_ahead() -> None:
    turns, order = Turns(), []

    async def take(name: str, *, ahead: bool = False) -> None:
        await turns.take(ahead=ahead)
        order.append(name)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for name in "abcd":  # the first has its turn at once
            group.create_task(take(name))
        for name in "AB":
            group.create_task(take(name, ahead=True))
    assert "".join(order) == "aAbBcd"


async def test_while_calls_keep_coming_they_have_several_times_what_turns_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order, turns = 1.0, "", Turns()
    monkeypatch.setattr("xapi_async.objects.turns.perf_counter", lambda: now)

    async def operate() -> None:
        nonlocal now, order
        await turns.take()
        now, order = now + 1.0, order + "T"

    async def call() -> None:
        nonlocal now, order
        while order.count("T") < 3:
            turns.was_called = True
            now, order = now + 0.5, order + "c"
            await asyncio.sleep(0)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(call())
        for _ in range(3):
            group.create_task(operate())
    between = order.strip("c").strip("T").split("T")
    assert [0.5 * len(calls) >= OTHERS * 1.0 for calls in between] == [True, True]
    assert all(0.5 * len(calls) <= OTHERS * 1.0 + 1.5 for calls in between)  # and no more than that, but for a pass


async def test_turns_are_given_in_order_and_others_come_in_between() -> None:
    turns, order = Turns(), []

    async def work(number: int) -> None:
        await turns.take()
        order.append(number)

    async def look() -> None:
        while len(order) < 300:
            looks.append(len(order))
            await asyncio.sleep(0)

    looks: list[int] = []
    looking = asyncio.create_task(look())
    cancelled = asyncio.create_task(turns.take())
    working = [asyncio.create_task(work(number)) for number in range(300)]
    await asyncio.sleep(0)
    cancelled.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(looking, *working)
    assert order == list(range(300))
    assert sorted(set(looks)) == list(range(300))  # the others had their turn before each of them


async def test_others_come_in_between_in_long_work() -> None:
    order: list[int | str] = []

    async def look() -> None:
        while len(order) < 100:
            order.append("other")
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    async for number in sliced(range(10), Turns()):
        order.append(number)
        deadline = perf_counter() + SLICE
        while perf_counter() <= deadline:
            pass
    looking.cancel()
    assert [entry for entry in order if entry != "other"] == list(range(10))
    assert all(order[order.index(number) + 1] == "other" for number in range(9))
