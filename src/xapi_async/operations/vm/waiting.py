"""Waiting for others to be done with a VM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from xapi_async.datamodel.classes.vm import VM
from xapi_async.objects.step import Step
from xapi_async.objects.store import Store


async def until_over(store: Store, ref: str, tasks: Sequence[str]) -> None:
    """Wait until a VM shows no operation of these tasks any more, or is gone."""
    await _until(store, ref, lambda vm: vm is None or not any(task in vm.current_operations for task in tasks))


async def until_free(store: Store, ref: str, operations: frozenset[str]) -> None:
    """Wait until a VM shows none of these operations any more, or is gone."""
    await _until(store, ref, lambda vm: vm is None or operations.isdisjoint(vm.current_operations.values()))


async def _until(store: Store, ref: str, is_so: Callable[[VM | None], bool]) -> None:
    changed = asyncio.Event()

    def look(change: Step) -> None:
        changed.set()

    stop = store.watch((ref,), look)
    try:
        while not is_so(store.find(VM, ref)):
            await changed.wait()
            changed.clear()
            await store.turns.take()  # changes of many VMs land together
    finally:
        stop()
