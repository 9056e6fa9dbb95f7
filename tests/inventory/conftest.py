"""Stores that hold a pool made from settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from xapi_async.inventory.pool import populate
from xapi_async.inventory.settings import InventorySettings
from xapi_async.objects.store import MemoryJournal, Store

NOW = 1_519_722_312.0

Build = Callable[..., Awaitable[Store]]


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    store = Store(MemoryJournal())
    writer = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        writer.cancel()


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Make a store with the pool that some settings describe."""
    async with AsyncExitStack() as stack:

        async def _build(**settings: Any) -> Store:
            store = await stack.enter_async_context(_store())
            async with store.transaction() as tx:
                populate(tx, InventorySettings(**{"seed": 1, **settings}), NOW)
            return store

        yield _build
