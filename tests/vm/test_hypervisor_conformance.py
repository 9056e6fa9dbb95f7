"""What every driver has to do; add another one to ``DRIVERS`` to have it tried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tests.support import FakeClock
from xapi_async.hypervisor.driver import (
    AgentError,
    Device,
    DeviceRefusedError,
    Domain,
    DomainConfig,
    DomainStateError,
    GuestReported,
    Hypervisor,
    NoDomainError,
)
from xapi_async.hypervisor.faults import Fault
from xapi_async.hypervisor.simulated import SimulatedHypervisor

GIB = 1 << 30
HOST, OTHER = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
VM = "00000000-0000-4000-8000-000000000001"
CONFIG = DomainConfig(
    VM,
    HOST,
    "guest",
    is_hvm=False,
    vcpus=2,
    memory=GIB,
    memory_max=2 * GIB,
    devices=(Device("vbd", "disk", "xvda"), Device("vif", "net", "0", address="02:00:00:00:00:01")),
)

DRIVERS: dict[str, Callable[[], Hypervisor]] = {"simulated": lambda: SimulatedHypervisor(FakeClock())}


@pytest.fixture(params=DRIVERS)
async def hypervisor(request: pytest.FixtureRequest) -> AsyncIterator[Hypervisor]:
    made = DRIVERS[request.param]()
    work = asyncio.create_task(made.run())
    yield made
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def found(hypervisor: Hypervisor) -> Domain:
    domain = hypervisor.domain(VM)
    assert domain is not None
    return domain


async def running(hypervisor: Hypervisor) -> Domain:
    await hypervisor.start(CONFIG)
    await hypervisor.unpause(VM)
    return found(hypervisor)


async def test_a_domain_starts_paused_and_once(hypervisor: Hypervisor) -> None:
    assert hypervisor.domain(VM) is None
    domain = await hypervisor.start(CONFIG)
    assert (domain.is_paused, domain.config, domain.domid >= 1) == (True, CONFIG, True)
    assert {console.protocol for console in domain.consoles} == {"rfb", "vt100"}
    assert found(hypervisor) == domain
    assert list(hypervisor.domains()) == [domain]
    with pytest.raises(DomainStateError):
        await hypervisor.start(CONFIG)


async def test_pausing_needs_the_other_state(hypervisor: Hypervisor) -> None:
    await running(hypervisor)
    with pytest.raises(DomainStateError):
        await hypervisor.unpause(VM)
    await hypervisor.pause(VM)
    assert found(hypervisor).is_paused
    with pytest.raises(DomainStateError):
        await hypervisor.pause(VM)


async def test_nothing_can_be_done_without_a_domain(hypervisor: Hypervisor) -> None:
    for call in (
        hypervisor.pause(VM),
        hypervisor.unpause(VM),
        hypervisor.shut_down(VM, 10),
        hypervisor.suspend(VM),
        hypervisor.sleep(VM),
        hypervisor.wake(VM),
        hypervisor.reboot(VM, CONFIG, None),
        hypervisor.migrate(VM, OTHER),
        hypervisor.plug(VM, CONFIG.devices[0]),
        hypervisor.unplug(VM, "disk"),
        hypervisor.set_memory(VM, GIB),
        hypervisor.set_vcpus(VM, 1),
        hypervisor.set_data(VM, {}),
        hypervisor.ask_agent(VM, "run-script", {}),
    ):
        with pytest.raises(NoDomainError):
            await call
    await hypervisor.destroy(VM)
    assert (hypervisor.memory(VM), list(hypervisor.statistics(VM))) == (0, [])


async def test_guests_shut_down_and_are_destroyed(hypervisor: Hypervisor) -> None:
    await running(hypervisor)
    reached: list[float] = []

    async def progress(value: float) -> None:
        reached.append(value)

    await hypervisor.shut_down(VM, 100, progress)
    assert hypervisor.domain(VM) is None
    assert reached == sorted(reached)
    assert reached[-1] == 1.0
    await running(hypervisor)
    await hypervisor.destroy(VM)
    assert hypervisor.domain(VM) is None


async def test_a_reboot_uses_the_new_configuration(hypervisor: Hypervisor) -> None:
    before = await running(hypervisor)
    after = await hypervisor.reboot(VM, replace(CONFIG, vcpus=4), None)
    assert (after.config.vcpus, after.is_paused, after.domid > before.domid) == (4, False, True)
    again = await hypervisor.reboot(VM, CONFIG, 100.0)
    assert found(hypervisor) == again


async def test_suspended_guests_go_on_where_they_were(hypervisor: Hypervisor) -> None:
    before = await running(hypervisor)
    saved = await hypervisor.suspend(VM)
    assert hypervisor.domain(VM) is None
    after = await hypervisor.resume(replace(CONFIG, host=OTHER), saved)
    assert (after.is_paused, after.started, after.config.host) == (True, before.started, OTHER)
    await hypervisor.unpause(VM)
    assert not found(hypervisor).is_paused


async def test_moving_keeps_a_guest_running(hypervisor: Hypervisor) -> None:
    before = await running(hypervisor)
    after = await hypervisor.migrate(VM, OTHER)
    assert (after.config.host, after.is_paused, after.started) == (OTHER, False, before.started)
    assert found(hypervisor) == after


async def test_devices_come_and_go(hypervisor: Hypervisor) -> None:
    await running(hypervisor)
    await hypervisor.plug(VM, Device("vbd", "cd", "xvdd", is_read_only=True))
    assert {device.key for device in found(hypervisor).config.devices} == {"disk", "net", "cd"}
    await hypervisor.unplug(VM, "cd")
    await hypervisor.unplug(VM, "cd", force=True)
    assert {device.key for device in found(hypervisor).config.devices} == {"disk", "net"}


async def test_memory_and_processors_change(hypervisor: Hypervisor) -> None:
    await running(hypervisor)
    await hypervisor.set_memory(VM, 2 * GIB)
    await hypervisor.set_vcpus(VM, 1)
    await hypervisor.set_shadow(VM, 2.0)
    config = found(hypervisor).config
    assert (config.memory, config.vcpus, config.shadow_multiplier) == (2 * GIB, 1, 2.0)
    assert hypervisor.memory(VM) == 2 * GIB


async def test_statistics_have_names_of_their_own(hypervisor: Hypervisor) -> None:
    await running(hypervisor)
    figures = hypervisor.statistics(VM)
    names = [figure.name for figure in figures]
    assert len(names) == len(set(names))
    assert {"cpu0", "cpu1", "memory"} <= set(names)
    assert all(figure.minimum <= figure.value <= figure.maximum for figure in figures)


async def test_a_started_guest_reports(hypervisor: Hypervisor) -> None:
    domain = await running(hypervisor)
    event = await asyncio.wait_for(anext(hypervisor.events()), 5)
    assert isinstance(event, GuestReported)
    assert (event.vm, event.domid) == (VM, domain.domid)
    assert event.report.networks


async def test_domains_of_before_a_restart_are_adopted(hypervisor: Hypervisor) -> None:
    domain = Domain(CONFIG, 17, is_paused=False, started=100.0)
    hypervisor.adopt([domain])
    assert found(hypervisor).domid == 17
    other = await hypervisor.start(replace(CONFIG, vm=VM[:-1] + "2"))
    assert other.domid != 17
    await hypervisor.shut_down(VM, 100)
    assert hypervisor.domain(VM) is None


async def test_cancelling_changes_nothing(hypervisor: Hypervisor) -> None:
    async def stop(value: float) -> None:
        raise asyncio.CancelledError

    for call in (hypervisor.start(CONFIG, stop), hypervisor.resume(CONFIG, "0.0", stop)):
        with pytest.raises(asyncio.CancelledError):
            await call
        assert hypervisor.domain(VM) is None
    domain = await running(hypervisor)
    for cancelled in (
        hypervisor.shut_down(VM, 100, stop),
        hypervisor.suspend(VM, stop),
        hypervisor.migrate(VM, OTHER, stop),
        hypervisor.reboot(VM, CONFIG, None, stop),
    ):
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert found(hypervisor) == domain


async def test_simulated_guests_can_keep_their_devices() -> None:
    simulated = SimulatedHypervisor(FakeClock())
    await running(simulated)
    simulated.faults.add(Fault("unplug", "DEVICE_DETACH_REJECTED", ("VBD", "", "")))
    with pytest.raises(DeviceRefusedError):
        await simulated.unplug(VM, "disk")
    await simulated.unplug(VM, "disk", force=True)
    assert {device.key for device in found(simulated).config.devices} == {"net"}


async def test_paused_guests_have_no_agent_yet() -> None:
    simulated = SimulatedHypervisor(FakeClock())
    await simulated.start(replace(CONFIG, hints={"simulated-guest": "bare"}))
    await simulated.unpause(VM)
    with pytest.raises(AgentError):
        await simulated.ask_agent(VM, "run-script", {"username": "me"})
