"""What transactions promise: whole or not at all, in order, seen by nobody before it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from xapi_async.datamodel.classes import PCI, SR, VBD, VDI, VIF, VM, Network, Secret, Task
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.integrity import check_integrity
from xapi_async.objects.step import Step
from xapi_async.objects.store import MemoryJournal, Store


class SlowJournal(MemoryJournal):
    """A journal that holds back, fails, and remembers what it was given."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.failure: Exception | None = None
        self.kept: list[Any] = []
        self.sizes: list[int] = []

    def encode(self, entries: Sequence[Any]) -> Sequence[Any]:
        return tuple(entries)

    async def append(self, pieces: Sequence[Any]) -> None:
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        self.kept += pieces
        self.sizes.append(len(pieces))


@pytest.fixture
def journal() -> SlowJournal:
    return SlowJournal()


@pytest.fixture
async def store(journal: SlowJournal) -> AsyncIterator[Store]:
    store = Store(journal)
    task = asyncio.create_task(store.run())
    yield store
    journal.open.set()
    task.cancel()
    await asyncio.wait((task,))
    assert check_integrity(store) == []


async def turns() -> None:
    """Let everybody do what can be done now."""
    for _ in range(50):
        await asyncio.sleep(0)


async def make_vm(store: Store, **values: Any) -> str:
    async with store.transaction() as tx:
        return tx.create(VM, **values).ref


async def test_a_thousand_writers_to_one_object_lose_nothing(store: Store) -> None:
    ref = await make_vm(store)

    async def count(number: int) -> None:
        async with store.transaction() as tx:
            vm = tx.get(VM, ref)
            tx.set(vm, other_config={**vm.other_config, str(number): "x"}, memory_target=vm.memory_target + 1)

    await asyncio.gather(*(count(number) for number in range(1000)))
    assert store.get(VM, ref).memory_target == 1000
    assert len(store.get(VM, ref).other_config) == 1000


async def test_readers_see_nothing_before_it_is_durable(store: Store, journal: SlowJournal) -> None:
    ref = await make_vm(store, name_label="old")
    journal.open.clear()

    async def rename(name: str) -> str:
        async with store.transaction() as tx:
            before = tx.get(VM, ref).name_label
            tx.set(tx.get(VM, ref), name_label=name)
        return before

    first, second = asyncio.create_task(rename("new")), asyncio.create_task(rename("newest"))
    await turns()
    assert store.get(VM, ref).name_label == "old"
    assert store.by_name(VM, "new") == ()
    journal.open.set()
    assert (await first, await second) == ("old", "new")
    assert store.get(VM, ref).name_label == "newest"
    assert (store.by_name(VM, "newest"), store.by_name(VM, "old"), store.by_name(VM, "new")) == ((ref,), (), ())


async def test_who_was_just_answered_and_writes_again_shares_the_batch_of_those_who_waited(
    store: Store, journal: SlowJournal
) -> None:
    first, second, third = await make_vm(store), await make_vm(store), await make_vm(store)
    journal.sizes.clear()
    journal.open.clear()

    async def rename(ref: str, *names: str) -> None:
        for name in names:
            async with store.transaction() as tx:
                tx.set(tx.get(VM, ref), name_label=name)

    renaming = asyncio.create_task(rename(first, "new", "newest"))
    await turns()
    waiting = [asyncio.create_task(rename(ref, "other")) for ref in (second, third)]
    await turns()
    journal.open.set()
    await asyncio.gather(renaming, *waiting)
    assert journal.sizes == [1, 3]


async def test_an_exception_in_the_body_drops_all_of_it(store: Store, journal: SlowJournal) -> None:
    generation = store.generation

    async def fail() -> None:
        async with store.transaction() as tx:
            tx.create(VM)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert (len(store.table(VM)), journal.kept, store.generation) == (0, [], generation)
    await make_vm(store)  # and the next transaction can be opened


async def test_a_failing_journal_refuses_and_the_store_goes_on_afterwards(store: Store, journal: SlowJournal) -> None:
    ref = await make_vm(store, name_label="old")
    told: list[Step] = []
    store.listen(told.extend)
    journal.failure = OSError("no space left")

    async def write(name: str) -> None:
        async with store.transaction() as tx:
            tx.set(tx.get(VM, ref), name_label=name)
            tx.create(VBD, VM=ref)

    for result in await asyncio.gather(*(write(str(n)) for n in range(5)), return_exceptions=True):
        assert isinstance(result, ApiError)
        assert result.code == "INTERNAL_ERROR"
        assert "no space left" in result.params[0]
    assert (store.get(VM, ref).name_label, store.get(VM, ref).VBDs, len(store.table(VBD)), told) == ("old", (), 0, [])
    journal.failure = None
    await write("new")
    assert store.get(VM, ref).name_label == "new"
    assert len(store.get(VM, ref).VBDs) == 1


async def test_removals_are_told_to_whoever_asks_for_those_only(store: Store) -> None:
    told: list[list[tuple[str, str]]] = []
    stop = store.listen_to_removals(lambda changes: told.append([(change.operation, change.ref) for change in changes]))
    kept, gone = await make_vm(store), await make_vm(store)
    async with store.transaction() as tx:
        tx.set(tx.get(VM, kept), name_label="new")
        tx.delete(tx.get(VM, gone))
    assert told == [[("del", gone)]]
    stop()
    async with store.transaction() as tx:
        tx.delete(tx.get(VM, kept))
    assert len(told) == 1


async def test_objects_are_found_by_what_they_are_called_now(store: Store) -> None:
    first, second = await make_vm(store, name_label="a", uuid="1"), await make_vm(store, name_label="a", uuid="2")
    store.put(VM, first, "name_label", "b")
    assert store.by_name(VM, "a") == (first, second)  # it has not landed
    await store.flush()
    assert (store.by_name(VM, "a"), store.by_name(VM, "b")) == ((second,), (first,))
    store.put(VM, first, "name_label", "a")
    store.put(VM, second, "uuid", "3")
    await store.flush()
    assert store.by_name(VM, "a") == (second, first)
    assert store.by_name(VM, "b") == ()
    assert (store.by_uuid(VM, "1").ref, store.by_uuid(VM, "3").ref) == (first, second)
    with pytest.raises(ApiError, match="UUID_INVALID"):
        store.by_uuid(VM, "2")
    assert check_integrity(store) == []


async def test_what_needs_no_journal_lands_though_the_journal_fails(store: Store, journal: SlowJournal) -> None:
    ref, other = await make_vm(store), await make_vm(store)
    journal.open.clear()
    journal.failure = OSError()

    async def write(ref: str, **values: Any) -> None:
        async with store.transaction() as tx:
            tx.set(tx.get(VM, ref), **values)

    failing = asyncio.create_task(write(ref, name_label="x"))
    await asyncio.sleep(0)
    same, unrelated = (asyncio.create_task(write(vm, current_operations={"task": "start"})) for vm in (ref, other))
    await asyncio.sleep(0)
    journal.open.set()
    await unrelated
    for task in (failing, same):
        with pytest.raises(ApiError):
            await task
    assert store.get(VM, other).current_operations == {"task": "start"}


async def test_volatile_changes_do_not_wait_for_the_disk_but_for_their_turn(store: Store, journal: SlowJournal) -> None:
    journal.open.clear()
    async with store.transaction() as tx:  # nobody before it
        task = tx.create(Task)
    seen: list[str] = []
    store.listen(lambda changes: seen.extend(change.cls.FACTS.name for change in changes))
    first = asyncio.create_task(make_vm(store))
    await turns()

    async def progress() -> None:
        async with store.transaction() as tx:
            tx.set(tx.get(Task, task.ref), progress=0.5)

    second = asyncio.create_task(progress())
    await turns()
    assert not second.done()  # generations must land in order
    journal.open.set()
    await asyncio.gather(first, second)
    assert seen == ["VM", "task"]
    assert [entry[2] for entry in journal.kept] == ["VM"]


async def test_cancelling_a_caller_does_not_take_back_what_was_handed_over(store: Store, journal: SlowJournal) -> None:
    journal.open.clear()
    tasks = [asyncio.create_task(make_vm(store, name_label=str(n))) for n in range(10)]
    await turns()
    for task in tasks[::2]:
        task.cancel()
    await asyncio.sleep(0)
    journal.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 5
    assert len(store.table(VM)) == 10


async def test_who_is_cancelled_while_a_change_lands_knows_what_was_made(store: Store, journal: SlowJournal) -> None:
    journal.open.clear()
    made: list[str] = []

    async def make_and_go_on() -> None:
        made.append(await make_vm(store))
        await asyncio.sleep(0)
        made.append("more")

    going, gone = (asyncio.create_task(make_and_go_on()) for _ in range(2))
    await turns()
    for _ in range(2):
        gone.cancel()
        await turns()
    assert not gone.done()
    journal.open.set()
    await going
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert sorted(made) == sorted(["more", *store.table(VM)])


@pytest.mark.parametrize("failure", [None, OSError("no space left")])
async def test_a_change_that_ends_in_the_step_of_the_cancellation(
    store: Store, journal: SlowJournal, failure: Exception | None
) -> None:
    journal.open.clear()
    journal.failure = failure
    made: list[str] = []

    async def make() -> None:
        made.append(await make_vm(store))
        await asyncio.sleep(0)
        made.append("more")

    making = asyncio.create_task(make())
    await turns()
    journal.open.set()
    making.cancel()  # both are seen in the next step
    with pytest.raises(asyncio.CancelledError if failure is None else ApiError):
        await making
    assert made == list(store.table(VM))


async def test_stopping_the_store_still_writes_what_was_staged(journal: SlowJournal) -> None:
    store = Store(journal)
    running = asyncio.create_task(store.run())
    journal.open.clear()
    first = asyncio.create_task(make_vm(store))
    await turns()
    second = asyncio.create_task(make_vm(store))  # staged while the first is on its way
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    await turns()
    journal.open.set()
    await asyncio.gather(first, second)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(journal.kept) == 2
    with pytest.raises(ApiError, match="shutting down"):
        await make_vm(store)


async def test_a_listener_that_fails_keeps_nobody_from_the_change(store: Store) -> None:
    store.listen(lambda changes: 1 / 0)
    heard: list[Step] = []
    store.listen(heard.extend)
    ref = await make_vm(store)
    assert [change.ref for change in heard] == [ref]


async def test_a_value_that_cannot_be_kept_fails_only_its_own_transaction(tmp_path: Any) -> None:
    from xapi_async.objects.database import open_database

    async with open_database(tmp_path / "database") as db:
        good = asyncio.create_task(make_vm(db.store, name_label="good"))
        with pytest.raises(TypeError):
            await make_vm(db.store, name_label="\ud800")
        assert db.store.get(VM, await good).name_label == "good"


async def test_a_body_that_awaits_is_found_out(store: Store) -> None:
    async with store.transaction():
        with pytest.raises(RuntimeError, match="must have awaited"):
            await make_vm(store)


# Within a transaction


async def test_a_transaction_follows_its_own_writes(store: Store) -> None:
    async with store.transaction() as tx:
        vm = tx.create(VM, uuid="u-1")
        vbd = tx.create(VBD, VM=vm.ref)
        assert vm.VBDs == (vbd.ref,)
        assert tx.by_uuid(VM, "u-1").ref == vm.ref
        assert [found.ref for found in tx.all(VM)] == [vm.ref]
    async with store.transaction() as tx:
        found = tx.get(VM, vm.ref)
        other = tx.create(VBD, VM=vm.ref)
        assert found.VBDs == (vbd.ref, other.ref)
        tx.delete(tx.get(VBD, vbd.ref))
        assert found.VBDs == (other.ref,)
        assert store.get(VM, vm.ref).VBDs == (vbd.ref,)
        with pytest.raises(ApiError, match="HANDLE_INVALID"):
            tx.get(VBD, vbd.ref)
    assert store.get(VM, vm.ref).VBDs == (other.ref,)


async def test_uuids_are_had_once(store: Store, journal: SlowJournal) -> None:
    async with store.transaction() as tx:
        first = tx.create(Secret, uuid="u")
        with pytest.raises(ApiError, match="in use"):
            tx.create(VM, uuid="u")
    with pytest.raises(ApiError, match="in use"):
        await make_vm(store, uuid="u")
    async with store.transaction() as tx:
        tx.delete(tx.get(Secret, first.ref))
        assert tx.create(VM, uuid="u").uuid == "u"
    # Made and deleted while nothing is durable yet: free again.
    journal.open.clear()

    async def make_and_delete() -> None:
        made = asyncio.create_task(make_vm(store, uuid="w"))
        await asyncio.sleep(0)
        async with store.transaction() as tx:
            tx.delete(tx.by_uuid(VM, "w"))
        await made

    work = asyncio.create_task(make_and_delete())
    await turns()
    journal.open.set()
    await work
    await make_vm(store, uuid="w")


async def test_what_is_made_and_deleted_at_once_was_never_there(store: Store, journal: SlowJournal) -> None:
    async with store.transaction() as tx:
        vm = tx.create(VM)
        tx.set(vm, parent=vm.ref)
        tx.delete(vm)
    assert (len(store.table(VM)), journal.kept) == (0, [])


async def test_deleting_what_points_at_itself(store: Store) -> None:
    ref = await make_vm(store)
    async with store.transaction() as tx:
        tx.set(tx.get(VM, ref), parent=ref)
    assert store.get(VM, ref).children == (ref,)
    async with store.transaction() as tx:
        tx.delete(tx.get(VM, ref))
    assert len(store.table(VM)) == 0


async def test_computed_sets_cannot_be_written(store: Store) -> None:
    async with store.transaction() as tx:
        vm = tx.create(VM, VBDs=())
        with pytest.raises(TypeError, match=r"computed from VBD\.VM"):
            tx.set(vm, VBDs=())
        with pytest.raises(TypeError, match=r"computed from VBD\.VM"):
            tx.create(VM, VBDs=("x",))
        with pytest.raises(TypeError, match="no field"):
            tx.set(vm, nonsense=1)


# Relations


async def test_both_ends_follow_through_moves_and_many_to_many(store: Store) -> None:
    async with store.transaction() as tx:
        one, two = tx.create(VM), tx.create(VM)
        vbd = tx.create(VBD, VM=one.ref)
        pci = tx.create(PCI, attached_VMs=(one.ref,))
    async with store.transaction() as tx:
        tx.set(tx.get(VBD, vbd.ref), VM=two.ref)
        tx.set(tx.get(VM, two.ref), attached_PCIs=(pci.ref,))
    assert (store.get(VM, one.ref).VBDs, store.get(VM, two.ref).VBDs) == ((), (vbd.ref,))
    assert set(store.get(PCI, pci.ref).attached_VMs) == {one.ref, two.ref}
    async with store.transaction() as tx:
        tx.delete(tx.get(VM, one.ref))
    assert store.get(PCI, pci.ref).attached_VMs == (two.ref,)
    async with store.transaction() as tx:
        tx.set(tx.get(VBD, vbd.ref), VM="OpaqueRef:nowhere")
    assert store.get(VM, two.ref).VBDs == ()


async def test_moves_that_overlap_end_where_the_last_one_says(store: Store, journal: SlowJournal) -> None:
    async with store.transaction() as tx:
        vms = [tx.create(VM).ref for _ in range(3)]
        vbds = [tx.create(VBD, VM=vms[0]).ref for _ in range(50)]

    async def move(vbd: str, vm: str) -> None:
        async with store.transaction() as tx:
            assert vbd in tx.get(VM, tx.get(VBD, vbd).VM).VBDs
            tx.set(tx.get(VBD, vbd), VM=vm)
            assert vbd in tx.get(VM, vm).VBDs

    moves = [move(vbd, vms[(number + step) % 3]) for step in range(4) for number, vbd in enumerate(vbds)]
    await asyncio.gather(*moves)
    assert sorted(len(store.get(VM, vm).VBDs) for vm in vms) == [16, 17, 17]
    assert check_integrity(store) == []


async def test_large_sets(store: Store) -> None:
    async with store.transaction() as tx:
        sr, network, vm = tx.create(SR), tx.create(Network), tx.create(VM)
        vdis = [tx.create(VDI, SR=sr.ref).ref for _ in range(2000)]
        for _ in range(100):
            tx.create(VIF, network=network.ref, VM=vm.ref)
        assert len(network.VIFs) == 100
    held = store.get(SR, sr.ref).VDIs
    assert held == tuple(vdis)
    async with store.transaction() as tx:
        for ref in vdis[:1990]:
            tx.delete(tx.get(VDI, ref))
        assert tx.get(SR, sr.ref).VDIs == tuple(vdis[1990:])
        vdis.append(tx.create(VDI, SR=sr.ref).ref)
        assert tx.get(SR, sr.ref).VDIs == tuple(vdis[1990:])
    assert store.get(SR, sr.ref).VDIs == tuple(vdis[1990:])
    assert len(held) == 2000  # who read it before keeps what was read
