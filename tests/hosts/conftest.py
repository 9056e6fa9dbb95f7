"""A freshly installed pool of two hosts, whose calls may leave work behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.copies.lab import Lab, lab
from xapi_async.operations.hosts.life import do_errands


@pytest.fixture
async def pool() -> AsyncIterator[Lab]:
    async with lab() as made:
        errands = asyncio.create_task(do_errands(made.services))
        yield made
        errands.cancel()
        await asyncio.gather(errands, return_exceptions=True)


async def settle() -> None:
    """Let what goes on in the background come to its end."""
    for _ in range(200):
        await asyncio.sleep(0)
