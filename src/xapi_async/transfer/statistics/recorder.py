"""Records what hosts and guests are measured to do, every few seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from xapi_async.datamodel.classes import PIF, VM, Host, HostMetrics, Pool, Session, Task
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import Statistic
from xapi_async.objects.slices import sliced
from xapi_async.operations.context import Services
from xapi_async.transfer.statistics.archives import STEP, Recording
from xapi_async.transfer.statistics.settings import StatisticsSettings

EXTREMES = "create_min_max_in_new_VM_RRDs"
"""The key of the pool's other_config that asks for the least and greatest values too."""

_KIB = 1024

Measured = Mapping[str, tuple[float, float, float]]


class Recorder:
    """Recordings of hosts and guests, by uuid. time: of the last pass, in seconds since 1970."""

    def __init__(self, services: Services, settings: StatisticsSettings) -> None:
        self._services = services
        self._settings = settings
        # Those asked for last are at the end, so that the first is the one to go.
        self._guests: OrderedDict[str, Recording] = OrderedDict()
        self._hosts: dict[str, Recording] = {}
        self.time = self._point()

    async def run(self) -> None:
        """Record at every full step, until cancelled."""
        clock = self._services.clock
        while True:
            await clock.sleep(STEP - clock.now() % STEP)
            await self.record()

    async def record(self) -> None:
        """One pass; nothing where there was one in this step already."""
        time = self._point()
        if time <= self.time:
            return
        extremes = self._wants_extremes()
        async for host in sliced(self._chosen_hosts(), self._services.store.turns):
            recording = self._hosts.setdefault(host.uuid, Recording(self.time, extremes=extremes))
            recording.record(time, _measured(self._of_host(host)))
        await self._choose_guests(extremes=extremes)
        hypervisor = self._services.hypervisor
        async for uuid, recording in sliced(tuple(self._guests.items()), self._services.store.turns):
            statistics = hypervisor.statistics(uuid)
            if statistics:
                recording.record(time, _measured(statistics))
        self.time = time

    # For those who ask

    def guest(self, uuid: str) -> Recording | None:
        """What is recorded of a VM, now or while it ran; a running VM that is not recorded is from now on."""
        found = self._guests.get(uuid)
        if found is None and self._services.hypervisor.domain(uuid) is not None:
            if len(self._guests) >= self._settings.guests:
                self._guests.popitem(last=False)
            found = self._guests[uuid] = Recording(self.time, extremes=self._wants_extremes())
        if found is not None:
            self._guests.move_to_end(uuid)
        return found

    def running(self) -> Iterable[tuple[str, Recording]]:
        """What is recorded of VMs that run now."""
        domain = self._services.hypervisor.domain
        return ((uuid, recording) for uuid, recording in self._guests.items() if domain(uuid) is not None)

    def hosts(self) -> Iterable[tuple[str, Recording]]:
        """What is recorded of hosts."""
        return self._hosts.items()

    def master(self) -> Recording | None:
        """What is recorded of the pool's master, which is the host that clients have reached."""
        store = self._services.store
        host = next((store.find(Host, pool.master) for pool in store.all(Pool)), None)
        return None if host is None else self._hosts.get(host.uuid)

    # What is recorded

    async def _choose_guests(self, *, extremes: bool) -> None:
        hypervisor, store = self._services.hypervisor, self._services.store
        async for uuid in sliced(
            [uuid for uuid in self._guests if hypervisor.domain(uuid) is None], self._services.store.turns
        ):
            try:
                store.by_uuid(VM, uuid)
            except ApiError:
                self._guests.pop(uuid, None)
        async for domain in sliced(tuple(hypervisor.domains()), self._services.store.turns):
            if len(self._guests) >= self._settings.guests:
                return
            if domain.config.vm not in self._guests:
                self._guests[domain.config.vm] = Recording(self.time, extremes=extremes)

    def _chosen_hosts(self) -> list[Host]:
        store = self._services.store
        hosts = list(store.all(Host))
        there = {host.uuid for host in hosts}
        for uuid in [uuid for uuid in self._hosts if uuid not in there]:
            del self._hosts[uuid]
        master = next((pool.master for pool in store.all(Pool)), "")
        hosts.sort(key=lambda host: (host.ref != master, host.uuid not in self._hosts))
        return [host for host in hosts[: self._settings.hosts] if self._services.hypervisor.is_alive(host.uuid)]

    def _of_host(self, host: Host) -> Iterable[Statistic]:
        store, hypervisor = self._services.store, self._services.hypervisor
        cards = [pif.device for ref in host.PIFs if (pif := store.find(PIF, ref)) is not None and pif.physical]
        yield from hypervisor.host_statistics(host.uuid, len(host.host_CPUs), cards)
        metrics = store.find(HostMetrics, host.metrics)
        if metrics is not None:
            yield Statistic("memory_total_kib", "Memory of the host", "KiB", metrics.memory_total / _KIB)
            yield Statistic("memory_free_kib", "Memory nobody uses", "KiB", metrics.memory_free / _KIB)
        if any(pool.master == host.ref for pool in store.all(Pool)):
            yield Statistic("pool_session_count", "Sessions", "sessions", float(len(store.table(Session))))
            yield Statistic("pool_task_count", "Tasks", "tasks", float(len(store.table(Task))))

    def _wants_extremes(self) -> bool:
        return any(pool.other_config.get(EXTREMES) == "true" for pool in self._services.store.all(Pool))

    def _point(self) -> int:
        return int(self._services.clock.now()) // STEP * STEP


def _measured(statistics: Iterable[Statistic]) -> Measured:
    return {each.name: (each.value, each.minimum, each.maximum) for each in statistics if each.is_standard}
