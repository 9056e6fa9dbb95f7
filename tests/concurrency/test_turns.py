"""Turns: one in a pass of the event loop at the most, in order, every other one for whom all wait, none too soon."""

from __future__ import annotations

import asyncio

import pytest

from xapi_async.objects.turns import OTHERS, Turns


async def in_order(turns: Turns, ordinary: int, ahead: int = 0) -> list[str]:
    """Who was given a turn after whom, where all ask in the same pass; the first has its turn at once."""
    order: list[str] = []

    async def take(name: str, *, is_ahead: bool = False) -> None:
        await turns.take(ahead=is_ahead)
        order.append(name)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(ordinary):
            group.create_task(take(f"ordinary {number}"))
        for number in range(ahead):
            group.create_task(take(f"ahead {number}", is_ahead=True))
    return order


async def test_turns_are_given_in_the_order_in_which_they_are_asked_for() -> None:
    assert await in_order(Turns(), 5) == [f"ordinary {number}" for number in range(5)]


async def test_a_pass_of_the_loop_has_one_turn() -> None:
    turns, given = Turns(), 0

    async def take() -> None:
        nonlocal given
        await turns.take()
        given += 1

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(take())
        before = 0
        while given < 20:
            await asyncio.sleep(0)
            assert given - before <= 1
            before = given


async def test_every_other_turn_is_for_those_ahead() -> None:
    order = await in_order(Turns(), 4, 2)
    assert order == ["ordinary 0", "ahead 0", "ordinary 1", "ahead 1", "ordinary 2", "ordinary 3"]


async def test_the_turn_of_one_who_is_cancelled_is_the_next_ones() -> None:
    turns = Turns()
    _, gone, stays = (asyncio.create_task(turns.take()) for _ in range(3))
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(30):
        await stays
        await turns.take()
    assert gone.cancelled()


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
