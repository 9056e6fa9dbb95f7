"""For calls that meet everything that can be wrong with them, which is then put right one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.errors import ApiError

SENTENCE = object()
"""In place of a parameter whose words are the server's own."""


class Climb:
    """A call with named arguments, tried again and again while what is wrong with it is put right."""

    def __init__(self, lab: Any, call: Callable[..., Awaitable[Any]], /, **arguments: Any) -> None:
        self.lab = lab
        self.call = call
        self.arguments = arguments

    async def refused(self, *error: object) -> None:
        before = self.lab.store.generation
        with pytest.raises(ApiError) as caught:
            await self.call(*self.arguments.values())
        got = caught.value.description
        shown = [wanted if wanted is SENTENCE else part for part, wanted in zip(got, error, strict=False)]
        assert (shown, len(got)) == (list(error), len(error)), got
        assert self.lab.store.generation == before, "a refused call changed something"

    def now(self, /, **arguments: Any) -> None:
        self.arguments.update(arguments)

    async def set(self, cls: Any, ref: str, **values: Any) -> None:
        await self.lab.set(cls, ref, **values)

    async def pool(self, **values: Any) -> None:
        pool = next(iter(self.lab.store.all(Pool)))
        await self.lab.set(Pool, pool.ref, **values)

    async def delete(self, cls: Any, ref: str) -> None:
        async with self.lab.store.transaction() as tx:
            tx.delete(tx.get(cls, ref))

    async def done(self) -> Any:
        return await self.call(*self.arguments.values())


def climb(lab: Any, message: str, /, **arguments: Any) -> Climb:
    async def call(*values: Any) -> Any:
        return await lab.call(message, *values)

    return Climb(lab, call, **arguments)
