"""Stand-ins for what VMs need of their neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.vm.world import World, world
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.operations.context import Context


async def _call(ctx: Context, message: str, *args: Any) -> Any:
    """Disks that are only records."""
    async with ctx.store.transaction() as tx:
        if message == "VDI.create":
            values: Mapping[str, Any] = args[0]
            return tx.create(VDI, **values, managed=True).ref
        if message == "VDI.destroy":
            tx.delete(tx.get(VDI, args[0]))
            return None
    raise AssertionError(message)


async def _nothing(*args: Any, **options: Any) -> None:
    """Disks that are only records are always ready."""


@pytest.fixture(autouse=True)
def disks_without_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xapi_async.operations.vm.suspend_image.call", _call)
    monkeypatch.setattr("xapi_async.operations.vm.resources.prepare_disks", _nothing)
    monkeypatch.setattr("xapi_async.operations.vm.resources.release_disks", _nothing)


@pytest.fixture
async def pool() -> AsyncIterator[World]:
    async with world() as made:
        yield made
