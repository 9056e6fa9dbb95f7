"""Sums that are kept up are what counting everything anew gives, whatever happens and whoever asks."""

from __future__ import annotations

import asyncio
import random

import pytest

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.journal import MemoryJournal
from xapi_async.objects.reader import Reader
from xapi_async.objects.store import Store
from xapi_async.operations.host_memory import LOADS, Load, free_memory, loads, one


def recounted(reader: Reader, host: str) -> Load:
    """The load of a host, by going through all VMs."""
    found = Load(0, 0, 0, 0)
    for vm in reader.all(VM):
        for place in (vm.resident_on, vm.scheduled_to_be_resident_on):
            if place == host:
                found = found.plus(one(vm))
    return found


class Failing(MemoryJournal):
    """A journal that can be told to fail."""

    is_broken = False

    async def append(self, pieces: object) -> None:
        await asyncio.sleep(0)
        if self.is_broken:
            raise OSError("the disk is gone")


async def test_totals_agree_with_a_recount_whatever_happens() -> None:
    rng, journal = random.Random(4), Failing()
    store = Store(journal)
    running = asyncio.create_task(store.run())
    async with store.transaction() as tx:
        hosts = [tx.create(Host).ref for _ in range(3)]
        vms = [tx.create(VM, memory_overhead=number, memory_dynamic_min=number * 10).ref for number in range(20)]
    places = [*hosts, NULL_REF]

    def agree(reader: Reader) -> None:
        load = loads(reader)
        assert [load(host) for host in hosts] == [recounted(reader, host) for host in hosts]

    async def change() -> None:
        try:
            async with store.transaction() as tx:
                for _ in range(rng.randrange(1, 4)):
                    vm = tx.find(VM, rng.choice(vms))
                    if vm is None:
                        continue
                    match rng.randrange(6):
                        case 0:
                            tx.set(vm, resident_on=rng.choice(places), scheduled_to_be_resident_on=NULL_REF)
                        case 1:
                            tx.set(vm, scheduled_to_be_resident_on=rng.choice(places))
                        case 2:
                            tx.set(vm, memory_dynamic_min=rng.randrange(1000))
                        case 3:
                            tx.set(vm, memory_overhead=rng.randrange(1000), name_label="other")
                        case 4:
                            vms.append(tx.create(VM, resident_on=rng.choice(places), memory_static_max=7).ref)
                        case 5 if rng.random() < 0.2:
                            tx.delete(vm)
                    agree(tx)
                    agree(tx.view)
                if rng.random() < 0.2:
                    raise RuntimeError("thought better of it")
        except (RuntimeError, ApiError):
            pass

    for number in range(60):
        journal.is_broken = number % 10 == 9
        await asyncio.gather(*(change() for _ in range(rng.randrange(1, 6))))
        agree(store)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_vm_that_starts_does_not_count_against_itself() -> None:
    store = Store(MemoryJournal())
    running = asyncio.create_task(store.run())
    async with store.transaction() as tx:
        host = tx.create(Host).ref
        vm = tx.create(VM, memory_dynamic_min=5, memory_overhead=1, scheduled_to_be_resident_on=host).ref
    assert store.totals(LOADS).of(host) == (1, 5, 0, 0)
    assert loads(store, store.get(VM, vm))(host) == (0, 0, 0, 0)
    assert free_memory(store, store.get(Host, host)) == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_store_that_stops_lands_what_is_durable() -> None:
    store = Store(MemoryJournal())
    running = asyncio.create_task(store.run())

    async def make(number: int) -> None:
        async with store.transaction() as tx:
            tx.create(VM, name_label=str(number))

    making = [asyncio.create_task(make(number)) for number in range(500)]
    await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    results = await asyncio.gather(*making, return_exceptions=True)
    made = {vm.name_label for vm in store.all(VM)}
    assert made == {str(number) for number, result in enumerate(results) if result is None}
