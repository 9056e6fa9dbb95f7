"""The simulated hypervisor: guests that take time, report, obey or not, and end by themselves.

Its table of domains is what a real host would still hold after a restart of the server, so it is
rebuilt from the state with :meth:`SimulatedHypervisor.adopt`. Every change of the table is one step
without an ``await``, made after the time it takes has passed: whoever is cancelled has changed nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor import driver
from xapi_async.hypervisor.driver import Device, Domain, DomainConfig, DomainEvent, EndReason, Progress, unobserved
from xapi_async.hypervisor.durations import Duration
from xapi_async.hypervisor.faults import Faults, parse
from xapi_async.hypervisor.guests import GuestKind, kind_of, report_of
from xapi_async.hypervisor.measuring import host_statistics_of, statistics_of
from xapi_async.hypervisor.settings import SimulatorSettings
from xapi_async.objects.clock import Clock

STEPS = 10
"""How often work reports its progress."""

SECONDS_PER_HOUR = 3600.0

LOG_LINES = 500
"""Lines of a hypervisor's log that are kept; older ones go."""


@dataclass(eq=False, slots=True)
class _Guest:
    """A domain and what is only known here. ended: its guest is over, the domain waits to be destroyed.

    is_asleep: the guest is in ACPI S3 and takes note of nothing but being woken.
    """

    domain: Domain
    kind: GuestKind
    memory: int
    is_booted: bool = False
    ended: bool = False
    is_asleep: bool = False

    @property
    def state(self) -> str:
        if self.ended:
            return "Halted"
        return "Paused" if self.domain.is_paused else "Running"


class SimulatedHypervisor:
    """A :class:`~xapi_async.hypervisor.driver.Hypervisor` without hardware.

    clock: what its durations are measured by. faults: what goes wrong; add to it at any time.
    """

    def __init__(self, clock: Clock, settings: SimulatorSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or SimulatorSettings()
        self._rng = random.Random(self._settings.seed)  # noqa: S311  nothing secret: it has to repeat
        self._guests: dict[str, _Guest] = {}
        self._domids: dict[str, itertools.count[int]] = {}
        self._dead: set[str] = set()
        self._logs: dict[str, deque[str]] = {}
        self._happened: asyncio.Queue[DomainEvent] = asyncio.Queue()
        self._plans: asyncio.Queue[tuple[float, Callable[[], None]]] = asyncio.Queue()
        self.faults = Faults(self._rng, clock, map(parse, self._settings.faults))

    # What goes on without being asked

    async def run(self) -> None:
        async with asyncio.TaskGroup() as waiting:
            while True:
                seconds, action = await self._plans.get()
                waiting.create_task(self._later(seconds, action))

    async def _later(self, seconds: float, action: Callable[[], None]) -> None:
        await self._clock.sleep(seconds)
        action()

    def _plan(self, seconds: float, action: Callable[[], None]) -> None:
        if seconds > 0:
            self._plans.put_nowait((seconds, action))
        else:
            action()

    async def events(self) -> AsyncIterator[DomainEvent]:
        while True:
            yield await self._happened.get()

    def adopt(self, domains: Sequence[Domain], down: Sequence[str] = ()) -> None:
        self._dead.update(down)
        for domain in domains:
            guest = self._put(domain)
            guest.is_booted = True
            self._plan_ends(guest)

    # Looking

    def domain(self, vm: str) -> Domain | None:
        guest = self._guests.get(vm)
        return guest.domain if guest else None

    def domains(self) -> Sequence[Domain]:
        return [guest.domain for guest in self._guests.values()]

    def is_alive(self, host: str) -> bool:
        return host not in self._dead

    def memory(self, vm: str) -> int:
        guest = self._guests.get(vm)
        return guest.memory if guest else 0

    def statistics(self, vm: str) -> Sequence[driver.Statistic]:
        guest = self._guests.get(vm)
        return statistics_of(guest.domain.config, guest.memory, self._clock.now()) if guest else ()

    # Hosts

    def kill_host(self, host: str) -> None:
        """Have a host die, with everything on it."""
        self._dead.add(host)
        for vm in [vm for vm, guest in self._guests.items() if guest.domain.config.host == host]:
            del self._guests[vm]
        self._happened.put_nowait(driver.HostChanged(host, is_alive=False))

    def revive_host(self, host: str) -> None:
        """Have a dead host come back, without guests."""
        self._dead.discard(host)
        self._happened.put_nowait(driver.HostChanged(host, is_alive=True))

    async def stop_host(self, host: str) -> None:
        self._require_alive(host)
        await self.faults.strike("stop_host", "", host)
        self.kill_host(host)

    async def start_host(self, host: str) -> None:
        await self.faults.strike("start_host", "", host)
        if host not in self._dead:
            return
        await self._spend(self._settings.host_boot_seconds, unobserved)
        self._logs.pop(host, None)
        self.revive_host(host)

    def log(self, host: str) -> Sequence[str]:
        return tuple(self._logs.get(host, ()))

    async def send_debug_keys(self, host: str, keys: str) -> None:
        self._require_alive(host)
        log = self._logs.setdefault(host, deque(maxlen=LOG_LINES))
        here = [guest.domain for guest in self._guests.values() if guest.domain.config.host == host]
        for key in keys:
            log.append(f"(XEN) '{key}' pressed -> {len(here)} guest domains")
            for domain in here:
                config, state = domain.config, "paused" if domain.is_paused else "running"
                log.append(f"(XEN)   domain {domain.domid}: {config.vcpus} VCPUs, {config.memory >> 20} MiB, {state}")

    def host_statistics(self, host: str, cpus: int, interfaces: Sequence[str]) -> Sequence[driver.Statistic]:
        return host_statistics_of(host, cpus, interfaces, self._clock.now()) if self.is_alive(host) else ()

    def end_guest(self, vm: str, reason: EndReason) -> None:
        """Have a guest shut down, reboot or crash by itself now; no error where it does not run."""
        guest = self._guests.get(vm)
        if guest is not None and guest.state == "Running":
            guest.ended = True
            self._happened.put_nowait(driver.GuestEnded(vm, guest.domain.domid, reason))

    # The life of a domain

    async def start(self, config: DomainConfig, progress: Progress = unobserved) -> Domain:
        await self._begin("start", config.vm, config.host)
        await self._spend(self._settings.build_seconds, progress, self._settings.storage_slowness)
        return self._build(config, self._clock.now())

    async def pause(self, vm: str) -> None:
        await self._begin("pause", vm)
        guest = self._in_state(vm, "Running")
        guest.domain = replace(guest.domain, is_paused=True)

    async def unpause(self, vm: str) -> None:
        await self._begin("unpause", vm)
        guest = self._in_state(vm, "Paused")
        guest.domain = replace(guest.domain, is_paused=False)
        if not guest.is_booted:
            self._boot(guest)

    async def shut_down(self, vm: str, patience: float, progress: Progress = unobserved) -> None:
        await self._begin("shut_down", vm)
        guest = self._in_state(vm, "Running")
        await self._end_politely(guest, patience, progress)
        self._remove(guest)

    async def destroy(self, vm: str) -> None:
        await self._begin("destroy", vm)
        self._guests.pop(vm, None)

    async def reboot(
        self, vm: str, config: DomainConfig, patience: float | None, progress: Progress = unobserved
    ) -> Domain:
        await self._begin("reboot", vm)
        guest = self._guest(vm)
        if patience is not None:
            self._in_state(vm, "Running")
            await self._end_politely(guest, patience, progress)
        await self._spend(self._settings.build_seconds, progress, self._settings.storage_slowness)
        self._remove(guest)
        domain = self._build(config, self._clock.now())
        await self.unpause(vm)
        return replace(domain, is_paused=False)

    async def suspend(self, vm: str, progress: Progress = unobserved) -> str:
        await self._begin("suspend", vm)
        guest = self._in_state(vm, "Running")
        if guest.is_asleep:
            raise driver.GuestSilentError("the guest sleeps")
        await self._spend(self._settings.suspend_seconds, progress, self._settings.storage_slowness)
        self._in_state(vm, "Running")
        self._remove(guest)
        return f"{guest.domain.started}"

    async def sleep(self, vm: str) -> None:
        await self._begin("sleep", vm)
        guest = self._in_state(vm, "Running")
        if guest.is_asleep or not (guest.kind.obeys and guest.is_booted):
            raise driver.GuestSilentError("the guest took no note")
        guest.is_asleep = True

    async def wake(self, vm: str) -> None:
        await self._begin("wake", vm)
        self._in_state(vm, "Running").is_asleep = False

    async def resume(self, config: DomainConfig, saved: str, progress: Progress = unobserved) -> Domain:
        await self._begin("resume", config.vm, config.host)
        try:
            started = float(saved)
        except ValueError:
            raise driver.BootError("what was saved cannot be read") from None
        await self._spend(self._settings.resume_seconds, progress, self._settings.storage_slowness)
        domain = self._build(config, started)
        self._guests[config.vm].is_booted = True
        self._plan_ends(self._guests[config.vm])
        return domain

    async def migrate(self, vm: str, host: str, progress: Progress = unobserved) -> Domain:
        await self._begin("migrate", vm)
        guest = self._in_state(vm, "Running")
        self._require_alive(host)
        await self._spend(self._settings.migrate_seconds, progress)
        self._require_alive(host)
        if self._in_state(vm, "Running") is not guest:
            raise driver.NoDomainError("the guest was rebooted while it was being moved")
        config = replace(guest.domain.config, host=host)
        guest.domain = replace(guest.domain, config=config, domid=self._next_domid(host))
        self._plan_ends(guest)
        return guest.domain

    # Its parts

    async def plug(self, vm: str, device: Device) -> None:
        await self._begin("plug", vm)
        guest = self._guest(vm)
        await self._spend(self._settings.plug_seconds, unobserved)
        others = tuple(other for other in guest.domain.config.devices if other.key != device.key)
        self._configure(vm, devices=(*others, device))
        if guest.is_booted and device.kind == "vif":
            self._report(guest)

    async def unplug(self, vm: str, key: str, *, force: bool = False) -> None:
        try:
            await self._begin("unplug", vm)
        except ApiError as error:
            if error.code == "DEVICE_DETACH_REJECTED" and force:
                return self._drop_device(vm, key)
            if error.code == "DEVICE_DETACH_REJECTED":
                raise driver.DeviceRefusedError(key) from error
            raise
        self._guest(vm)
        await self._spend(self._settings.plug_seconds, unobserved)
        self._drop_device(vm, key)
        return None

    def _drop_device(self, vm: str, key: str) -> None:
        guest = self._guest(vm)
        self._configure(vm, devices=tuple(device for device in guest.domain.config.devices if device.key != key))
        if guest.is_booted:
            self._report(guest)

    async def set_memory(self, vm: str, target: int) -> None:
        await self._begin("set_memory", vm)
        guest = self._guest(vm)
        self._configure(vm, memory=target)
        self._plan(self._settings.balloon_seconds.sample(self._rng), lambda: self._balloon(guest, target))

    async def set_vcpus(self, vm: str, number: int) -> None:
        await self._begin("set_vcpus", vm)
        self._configure(vm, vcpus=number)

    async def set_shadow(self, vm: str, multiplier: float) -> None:
        await self._begin("set_shadow", vm)
        self._configure(vm, shadow_multiplier=multiplier)

    async def set_data(self, vm: str, data: Mapping[str, str]) -> None:
        self._guest(vm)  # guests here look at none of it

    async def ask_agent(self, vm: str, function: str, args: Mapping[str, str]) -> str:
        await self._begin("ask_agent", vm)
        guest = self._in_state(vm, "Running")
        await self._spend(self._settings.agent_seconds, unobserved)
        if guest.is_asleep or not (guest.kind.has_agent and guest.is_booted):
            raise driver.AgentError("no agent answers in the guest")
        return f"{args['username']}: exit status 0" if function == "run-script" else ""

    # Helpers

    async def _begin(self, operation: str, vm: str, host: str = "") -> None:
        guest = self._guests.get(vm)
        host = host or (guest.domain.config.host if guest else "")
        self._require_alive(host)
        await self.faults.strike(operation, vm, host)
        self._require_alive(host)  # a fault may have taken its time

    def _require_alive(self, host: str) -> None:
        if host in self._dead:
            raise driver.HostDownError(host)

    async def _spend(self, duration: Duration, progress: Progress, factor: float = 1.0) -> None:
        seconds = duration.sample(self._rng) * factor
        if seconds > 0:
            for step in range(STEPS):
                await progress(step / STEPS)
                await self._clock.sleep(seconds / STEPS)
        await progress(1.0)

    async def _end_politely(self, guest: _Guest, patience: float, progress: Progress) -> None:
        if guest.is_asleep or not guest.kind.obeys:
            await self._clock.sleep(patience)
            raise driver.GuestSilentError("the guest took no note")
        takes = self._settings.shutdown_seconds.sample(self._rng)
        await self._spend(Duration(min(takes, patience)), progress)
        if takes > patience:
            raise driver.GuestTooSlowError(patience)

    def _guest(self, vm: str) -> _Guest:
        guest = self._guests.get(vm)
        if guest is None:
            raise driver.NoDomainError("the VM has no domain")
        return guest

    def _in_state(self, vm: str, needed: str) -> _Guest:
        guest = self._guest(vm)
        if guest.state != needed:
            raise driver.DomainStateError(guest.state, needed)
        return guest

    def _next_domid(self, host: str) -> int:
        return next(self._domids.setdefault(host, itertools.count(1)))

    def _build(self, config: DomainConfig, started: float) -> Domain:
        self._require_alive(config.host)
        if config.vm in self._guests:
            raise driver.DomainStateError(self._guests[config.vm].state, "Halted")
        domid = self._next_domid(config.host)
        domain = Domain(config, domid, is_paused=True, started=started, consoles=_consoles(config))
        self._put(domain)
        return domain

    def _put(self, domain: Domain) -> _Guest:
        config = domain.config
        guest = _Guest(domain, kind_of(config, self._settings.guests), config.memory)
        self._guests[config.vm] = guest
        if domain.domid >= 1:  # what was adopted keeps its number, so that no other gets it
            highest = max(domain.domid + 1, next(self._domids.get(config.host, itertools.count(1))))
            self._domids[config.host] = itertools.count(highest)
        return guest

    def _remove(self, guest: _Guest) -> None:
        """Take the domain out of the table, unless the VM has another by now."""
        if self._guests.get(guest.domain.config.vm) is guest:
            del self._guests[guest.domain.config.vm]

    def _configure(self, vm: str, **changes: object) -> None:
        guest = self._guest(vm)
        config = replace(guest.domain.config, **changes)  # type: ignore[arg-type]  # names are checked by replace
        guest.domain = replace(guest.domain, config=config)

    def _balloon(self, guest: _Guest, target: int) -> None:
        if guest.domain.config.memory == target:  # else a later one came in between
            guest.memory = target

    def _boot(self, guest: _Guest) -> None:
        self._plan(self._settings.boot_seconds.sample(self._rng), lambda: self._booted(guest))

    def _booted(self, guest: _Guest) -> None:
        if self._guests.get(guest.domain.config.vm) is not guest or guest.ended:
            return
        guest.is_booted = True
        self._report(guest)
        self._plan_ends(guest)

    def _report(self, guest: _Guest) -> None:
        if guest.kind.has_agent:
            config = guest.domain.config
            self._happened.put_nowait(
                driver.GuestReported(config.vm, guest.domain.domid, report_of(guest.kind, config))
            )

    def _plan_ends(self, guest: _Guest) -> None:
        settings = self._settings
        rates: tuple[tuple[EndReason, float], ...] = (
            ("shutdown", settings.shutdowns_per_hour),
            ("reboot", settings.reboots_per_hour),
            ("crash", settings.crashes_per_hour),
        )
        for reason, per_hour in rates:
            if per_hour > 0:
                seconds = self._rng.expovariate(per_hour / SECONDS_PER_HOUR)
                self._plans.put_nowait((seconds, self._ending(guest, guest.domain.domid, reason)))

    def _ending(self, guest: _Guest, domid: int, reason: EndReason) -> Callable[[], None]:
        def end() -> None:
            vm = guest.domain.config.vm
            if self._guests.get(vm) is guest and guest.domain.domid == domid:
                self.end_guest(vm, reason)

        return end


def _consoles(config: DomainConfig) -> tuple[driver.Console, ...]:
    offered = (("rfb", config.has_display), ("vt100", config.has_serial_port))
    return tuple(driver.Console(protocol) for protocol, is_there in offered if is_there)
