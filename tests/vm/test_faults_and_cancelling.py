"""What is left when work on a VM is cancelled, or its host fails at it, at whatever point."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support import FakeClock, FakeTask
from tests.vm.world import World, world
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.durations import Duration
from xapi_async.hypervisor.faults import Fault, parse
from xapi_async.hypervisor.settings import SimulatorSettings
from xapi_async.operations.context import Context
from xapi_async.operations.vm import messages


class CancelledAt(FakeTask):
    """A task that is cancelled when its progress is told for the n-th time."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    @asynccontextmanager
    async def cancellable(self) -> AsyncIterator[None]:
        self.check()
        try:
            yield
        except asyncio.CancelledError:
            raise ApiError("TASK_CANCELLED", self.ref) from None
        self.check()

    async def progress(self, value: float) -> None:
        await super().progress(value)
        if len(self.reached) == self.step:
            self.cancelled = True
            raise asyncio.CancelledError


SLOW = SimulatorSettings(
    build_seconds=Duration(5), shutdown_seconds=Duration(5), suspend_seconds=Duration(5), resume_seconds=Duration(5)
)


def is_whole(pool: World, vm: str) -> bool:
    """Whether the records of a VM agree with each other and with its domain."""
    record = pool.get(vm)
    domain = pool.simulator.domain(record.uuid)
    is_live = record.power_state in ("Running", "Paused")
    attached = [pool.store.get(VBD, ref).currently_attached for ref in record.VBDs]
    return (
        (domain is not None) == is_live
        and (record.resident_on != NULL_REF) == is_live
        and (record.domid == (domain.domid if domain else -1))
        and all(state == (record.power_state != "Halted") for state in attached)
        and record.scheduled_to_be_resident_on == NULL_REF
        and not record.current_operations
        and not any(pool.store.get(VBD, ref).current_operations for ref in record.VBDs)
        and not any(pool.store.get(Host, ref).current_operations for ref in pool.hosts)
        and (record.suspend_VDI != NULL_REF) == (record.power_state == "Suspended")
    )


@pytest.mark.parametrize("step", [1, 4, 9, 11])
@pytest.mark.parametrize("message", ["VM.start", "VM.clean_shutdown", "VM.clean_reboot", "VM.hard_reboot"])
async def test_cancelling_at_any_step_leaves_all_whole(message: str, step: int) -> None:
    async with world(settings=SLOW) as pool:
        vm = await pool.vm()
        await pool.disk(vm)
        args = (vm, False, False) if message == "VM.start" else (vm,)
        if message != "VM.start":
            await pool.start(vm)
        before = pool.context()
        ctx = Context(before.services, before.caller, CancelledAt(step))
        with pytest.raises(ApiError) as raised:
            await messages.HANDLERS[message](ctx, *args)
        assert raised.value.description == ["TASK_CANCELLED", ctx.task.ref]
        await pool.settle()
        assert is_whole(pool, vm)


@pytest.mark.parametrize("operation", ["start", "unpause"])
async def test_a_start_that_fails_can_be_tried_again(pool: World, operation: str) -> None:
    vm = await pool.vm()
    await pool.disk(vm)
    pool.simulator.faults.add(Fault(operation, "SR_BACKEND_FAILURE_46", ("", "disk gone", ""), times=2))
    for _ in range(2):
        with pytest.raises(ApiError) as raised:
            await pool.start(vm)
        assert raised.value.description == ["SR_BACKEND_FAILURE_46", "", "disk gone", ""]
        assert is_whole(pool, vm)
    await pool.start(vm)
    assert is_whole(pool, vm)


def trouble(operation: str, times: int = 1) -> Fault:
    return Fault(operation, "VDI_IO_ERROR", ("trouble",), times=times)


async def refused(work: Awaitable[None]) -> str:
    with pytest.raises(ApiError) as raised:
        await work
    return raised.value.code


def suspend_images(pool: World) -> list[str]:
    return [vdi.ref for vdi in pool.store.all(VDI) if vdi.type == "suspend"]


@pytest.mark.parametrize("message", ["VM.start", "VM.resume", "VM.clean_reboot"])
async def test_a_new_domain_that_can_neither_run_nor_be_ended_is_shown(pool: World, message: str) -> None:
    vm = await pool.vm()
    await pool.disk(vm)
    if message != "VM.start":
        await pool.start(vm)
        await pool.settle()
    if message == "VM.resume":
        await pool.call("VM.suspend", vm)
    started = pool.get(vm).domid
    for operation in ("unpause", "destroy"):
        pool.simulator.faults.add(trouble(operation))
    args = () if message == "VM.clean_reboot" else (False, False)
    assert await refused(pool.call(message, vm, *args)) == "VDI_IO_ERROR"
    assert pool.state(vm) == "Paused"
    assert pool.get(vm).domid > started
    assert is_whole(pool, vm)
    assert not suspend_images(pool)
    await pool.call("VM.unpause", vm)
    assert (pool.state(vm), is_whole(pool, vm)) == ("Running", True)


async def test_a_resume_that_fails_keeps_the_memory(pool: World) -> None:
    vm = await pool.vm()
    await pool.start(vm)
    await pool.call("VM.suspend", vm)
    pool.simulator.faults.add(trouble("unpause"))
    assert await refused(pool.call("VM.resume", vm, False, False)) == "VDI_IO_ERROR"
    assert (pool.state(vm), is_whole(pool, vm)) == ("Suspended", True)
    assert suspend_images(pool) == [pool.get(vm).suspend_VDI]
    await pool.call("VM.resume", vm, False, False)
    assert (pool.state(vm), suspend_images(pool)) == ("Running", [])


async def test_a_guest_that_ends_while_it_is_suspended_and_cannot_be_ended_at_once() -> None:
    async with world(settings=SLOW) as pool:
        vm = await pool.vm()
        await pool.start(vm)
        await pool.settle()
        pool.simulator.faults.add(trouble("destroy", times=2))
        suspending = asyncio.ensure_future(pool.call("VM.suspend", vm))
        await pool.until(lambda: bool(suspend_images(pool)))
        pool.simulator.end_guest(pool.get(vm).uuid, "shutdown")
        assert await refused(suspending) == "VM_BAD_POWER_STATE"
        assert (pool.get(vm).suspend_VDI, suspend_images(pool)) == (NULL_REF, [])
        await pool.settle()
        assert (pool.state(vm), is_whole(pool, vm)) == ("Halted", True)


@pytest.mark.parametrize(("action", "state"), [("destroy", "Halted"), ("restart", "Running")])
async def test_the_end_of_a_guest_is_dealt_with_until_that_is_done(pool: World, action: str, state: str) -> None:
    vm = await pool.vm(actions_after_shutdown=action)
    await pool.start(vm)
    await pool.settle()
    before = pool.get(vm).domid
    for operation in ("destroy", "reboot"):
        pool.simulator.faults.add(trouble(operation, times=3))
    pool.simulator.end_guest(pool.get(vm).uuid, "shutdown")
    await pool.settle()
    await pool.settle()
    assert (pool.state(vm), is_whole(pool, vm)) == (state, True)
    assert pool.get(vm).domid != before
    assert not pool.simulator.faults.in_force or action == "destroy"


async def test_who_comes_while_the_end_of_a_guest_is_dealt_with_waits() -> None:
    async with world(settings=SimulatorSettings(build_seconds=Duration(5))) as pool:
        vm = await pool.vm(actions_after_shutdown="restart")
        await pool.start(vm)
        await pool.settle()
        pool.simulator.end_guest(pool.get(vm).uuid, "shutdown")
        await pool.until(lambda: bool(pool.get(vm).current_operations))
        assert set(pool.get(vm).current_operations.values()) == {"hard_reboot"}
        ended = pool.get(vm).domid
        await pool.call("VM.pause", vm)
        assert (pool.state(vm), is_whole(pool, vm)) == ("Paused", True)
        assert pool.get(vm).domid > ended


@pytest.mark.parametrize(("operation", "state"), [("pause", "Paused"), ("unpause", "Running")])
async def test_what_was_done_and_not_noted_is_noted(pool: World, operation: str, state: str) -> None:
    vm = await pool.vm()
    await pool.call("VM.start", vm, operation == "unpause", False)
    await getattr(pool.simulator, operation)(pool.get(vm).uuid)
    await pool.call(f"VM.{operation}", vm)
    assert pool.state(vm) == state


async def test_a_host_that_dies_while_it_builds() -> None:
    async with world(background=False) as pool:  # so that nobody notices
        vm = await pool.vm(affinity=pool.hosts[1])
        host = pool.store.get(Host, pool.hosts[1])
        pool.simulator.kill_host(host.uuid)
        with pytest.raises(ApiError) as raised:
            await pool.start(vm)
        assert raised.value.description == ["CANNOT_CONTACT_HOST", host.ref]
        assert is_whole(pool, vm)


class ClockThatHalts(FakeClock):
    """A clock that can be halted: what waits longer than a minute then never comes."""

    is_halted = False

    async def sleep(self, seconds: float) -> None:
        if self.is_halted and seconds > 60:
            await asyncio.Event().wait()
        await super().sleep(seconds)


@pytest.mark.parametrize("seed", range(1, 13))
async def test_many_vms_through_many_faults(seed: int) -> None:
    """Whatever fails, whenever: each VM's records agree with its domain once the faults are over."""
    settings = SimulatorSettings(
        faults=tuple(
            f"{operation}: VDI_IO_ERROR trouble @ 0.3"
            for operation in ("start", "unpause", "pause", "shut_down", "reboot", "suspend", "resume", "destroy")
        ),
        shutdowns_per_hour=0.5,
        crashes_per_hour=0.2,
        seed=seed,
    )
    rng, clock = random.Random(seed), ClockThatHalts()
    async with world(settings=settings, hosts=3, clock=clock) as pool:
        vms = [await pool.vm(actions_after_shutdown=rng.choice(["destroy", "restart"])) for _ in range(6)]
        for vm in vms:
            await pool.disk(vm)
        moves: list[Callable[[str], Awaitable[None]]] = [
            lambda vm: pool.call("VM.start", vm, rng.random() < 0.3, False),
            lambda vm: pool.call("VM.resume", vm, False, False),
            *(
                lambda vm, name=name: pool.call(f"VM.{name}", vm)  # type: ignore[misc]
                for name in ("pause", "unpause", "clean_shutdown", "hard_shutdown", "clean_reboot", "suspend")
            ),
        ]

        refusals: list[str] = []

        async def play(vm: str) -> None:
            for _ in range(40):
                try:
                    await rng.choice(moves)(vm)
                except ApiError as error:
                    refusals.append(error.code)

        await asyncio.gather(*map(play, vms))
        # The last where the clock of tests let hours pass while a guest that had ended was seen to.
        assert set(refusals) - {"OTHER_OPERATION_IN_PROGRESS"} == {"VM_BAD_POWER_STATE", "VDI_IO_ERROR"}
        pool.simulator.faults.clear()
        clock.is_halted = True  # guests end no more
        for _ in range(10):
            await pool.settle()
        for vm in vms:
            domain = pool.simulator.domain(pool.get(vm).uuid)
            assert is_whole(pool, vm), (pool.get(vm).values(), domain)
            assert domain is None or domain.is_paused == (pool.state(vm) == "Paused")
        assert sorted(suspend_images(pool)) == sorted(
            pool.get(vm).suspend_VDI for vm in vms if pool.state(vm) == "Suspended"
        )
        for vm in vms:
            if pool.state(vm) == "Running":
                await pool.call("VM.pause", vm)  # a guest that had ended unseen could not be
            if pool.state(vm) != "Halted":
                await pool.call("VM.hard_shutdown", vm)
            assert is_whole(pool, vm)
        assert not pool.simulator.domains()
        assert not suspend_images(pool)


def test_faults_of_the_settings() -> None:
    assert parse("start: BOOTLOADER_FAILED {vm} broken @ 0.1") == Fault(
        "start", "BOOTLOADER_FAILED", ("{vm}", "broken"), 0.1
    )
    for text in ("start", "dance: VDI_IO_ERROR", "start: VDI_IO_ERROR @ 2", "start: ?"):
        with pytest.raises(ValueError, match=r"."):
            parse(text)


def test_durations() -> None:
    rng = random.Random(1)
    assert Duration("3").sample(rng) == 3
    assert 2 <= Duration("2..5").sample(rng) <= 5
    assert Duration("normal 0.1 5").sample(rng) >= 0
    assert Duration("exponential 3").sample(rng) >= 0
    for text in ("soon", "-1", "normal 3", "2..", ""):
        with pytest.raises(ValueError, match=r"."):
            Duration(text)
