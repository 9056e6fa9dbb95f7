"""host: what is measured of a host, and which of it is recorded."""

from __future__ import annotations

import math
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.session import Session
from xapi_async.datamodel.classes.task import Task
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import Statistic
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import is_master, reach
from xapi_async.operations.storage.facts import live

KIB = 1024


def statistics(services: Services, host: Host) -> list[Statistic]:
    """Everything that is measured of a host, as it is now."""
    return [*_of_machine(services, host), *_of_agent(services, host)]


def is_recorded(services: Services, host: Host, figure: Statistic) -> bool:
    """Whether a history of a measurement is wanted: of the standard ones unless somebody said otherwise."""
    return services.hosts.recorded.get(host.ref, {}).get(figure.name, figure.is_standard)


def _of_machine(services: Services, host: Host) -> Iterator[Statistic]:
    cpus = host.cpu_info.get("cpu_count", "")
    cards = sorted(pif.device for pif in live(services.store, PIF, host.PIFs) if pif.physical)
    yield from services.hypervisor.host_statistics(host.uuid, int(cpus) if cpus.isdigit() else 0, cards)
    metrics = services.store.find(HostMetrics, host.metrics)
    if metrics is not None:
        yield Statistic("memory_total_kib", "Memory of the machine", "KiB", metrics.memory_total / KIB)
        yield Statistic("memory_free_kib", "Memory no domain has", "KiB", metrics.memory_free / KIB)


def _of_agent(services: Services, host: Host) -> Iterator[Statistic]:
    """One process is the agent of all hosts; what it needs counts on the one it runs for, the master."""
    if not is_master(services.store, host.ref):
        return
    store = services.store
    yield Statistic("pool_session_count", "Sessions of the pool", "sessions", float(len(store.table(Session))))
    yield Statistic("pool_task_count", "Tasks of the pool", "tasks", float(len(store.table(Task))))
    yield Statistic("xapi_memory_usage_kib", "Most memory the agent has had", "KiB", _memory_kib())
    with suppress(OSError):
        yield Statistic("xapi_open_fds", "Files the agent has open", "files", float(len(os.listdir("/proc/self/fd"))))


def _memory_kib() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / KIB if sys.platform == "darwin" else float(used)


async def get_data_sources(ctx: Context, host: str) -> tuple[Mapping[str, Any], ...]:
    """host.get_data_sources: the values are not given here, but by query_data_source."""
    target = reach(ctx, host)
    return tuple(
        {
            "name_label": figure.name,
            "name_description": figure.doc,
            "enabled": is_recorded(ctx.services, target, figure),
            "standard": figure.is_standard,
            "units": figure.units,
            "min": figure.minimum,
            "max": figure.maximum,
            "value": 0.0,
        }
        for figure in statistics(ctx.services, target)
    )


async def query_data_source(ctx: Context, host: str, data_source: str) -> float:
    """host.query_data_source: the latest value. Raises INTERNAL_ERROR where nothing of that name is recorded."""
    target = reach(ctx, host)
    figure = _figure(ctx, target, data_source)
    return figure.value if is_recorded(ctx.services, target, figure) else math.nan


async def record_data_source(ctx: Context, host: str, data_source: str) -> None:
    """host.record_data_source. Raises INTERNAL_ERROR for unknown names."""
    _set_recorded(ctx, host, data_source, recorded=True)


async def forget_data_source_archives(ctx: Context, host: str, data_source: str) -> None:
    """host.forget_data_source_archives. Raises INTERNAL_ERROR for unknown names."""
    _set_recorded(ctx, host, data_source, recorded=False)


def _set_recorded(ctx: Context, host: str, name: str, *, recorded: bool) -> None:
    _figure(ctx, reach(ctx, host), name)
    ctx.services.hosts.recorded.setdefault(host, {})[name] = recorded


def _figure(ctx: Context, host: Host, name: str) -> Statistic:
    for figure in statistics(ctx.services, host):
        if figure.name == name:
            return figure
    raise ApiError("INTERNAL_ERROR", f"nothing called {name} is measured of host {host.ref}")


HANDLERS: Handlers = {
    "host.get_data_sources": get_data_sources,
    "host.query_data_source": query_data_source,
    "host.record_data_source": record_data_source,
    "host.forget_data_source_archives": forget_data_source_archives,
}
