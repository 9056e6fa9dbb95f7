"""How much memory hosts have left and guests have taken, looked at again and again."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.objects.slices import sliced
from xapi_async.operations.context import Background, Services
from xapi_async.operations.storage.facts import live

PERIOD = 5.0
"""Seconds between looks."""


async def measure_memory(services: Services) -> None:
    """Background work: keep the memory figures of hosts and guests true. What stays as it is is not written."""
    while True:
        await services.clock.sleep(PERIOD)
        async for ref in sliced([host.ref for host in services.store.all(Host)], services.store.turns):
            await measure(services, ref)


async def measure(services: Services, ref: str) -> None:
    """Look at one host and its guests, and write what has changed."""
    store = services.store
    host = store.find(Host, ref)
    metrics = store.find(HostMetrics, host.metrics) if host is not None else None
    if host is None or metrics is None or not metrics.live or not services.hypervisor.is_alive(host.uuid):
        return
    free = metrics.memory_total - host.memory_overhead
    changed: dict[str, int] = {}
    async for vm in sliced(list(live(store, VM, host.resident_VMs)), services.store.turns):
        actual = vm.memory_target if vm.is_control_domain else services.hypervisor.memory(vm.uuid)
        free -= actual + vm.memory_overhead
        known = store.find(VMMetrics, vm.metrics)
        if known is not None and actual and known.memory_actual != actual:
            changed[known.ref] = actual
    await _write(services, metrics.ref, max(0, free), changed)


async def _write(services: Services, metrics: str, free: int, changed: Mapping[str, int]) -> None:
    known = services.store.find(HostMetrics, metrics)
    if not changed and (known is None or known.memory_free == free):
        return
    async with services.store.transaction() as tx:
        target = tx.find(HostMetrics, metrics)
        if target is not None and target.memory_free != free:
            tx.set(target, memory_free=free)
        for ref, actual in changed.items():
            guest = tx.find(VMMetrics, ref)
            if guest is not None:
                tx.set(guest, memory_actual=actual)


BACKGROUND: tuple[Background, ...] = (measure_memory,)
