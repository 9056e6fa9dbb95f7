"""host: what can be asked of a host, and what the API declares but answers with an error."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.clock import api_time
from xapi_async.operations.blob import create_new_blob
from xapi_async.operations.context import Context, Handler, Handlers
from xapi_async.operations.host_memory import free_memory
from xapi_async.operations.hosts.logs import hypervisor_log
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.hosts.report import capabilities_xml
from xapi_async.operations.storage.facts import live
from xapi_async.operations.vm.features import the_pool


async def compute_free_memory(ctx: Context, host: str) -> int:
    """host.compute_free_memory: bytes left for more VMs."""
    return free_memory(ctx.store, ctx.store.get(Host, host))


async def compute_memory_overhead(ctx: Context, host: str) -> int:
    """host.compute_memory_overhead: bytes that the hypervisor keeps for itself."""
    return ctx.store.get(Host, host).memory_overhead


async def get_servertime(ctx: Context, host: str) -> str:
    """host.get_servertime: now, in UTC."""
    reach(ctx, host)
    return api_time(ctx.services.clock.now())


async def get_server_localtime(ctx: Context, host: str) -> str:
    """host.get_server_localtime: now, as a clock on the wall shows it; no zone is said."""
    reach(ctx, host)
    return datetime.fromtimestamp(int(ctx.services.clock.now())).strftime("%Y%m%dT%H:%M:%S")


async def dmesg(ctx: Context, host: str) -> str:
    """host.dmesg: the log of the hypervisor."""
    return hypervisor_log(ctx.services, reach(ctx, host))


async def send_debug_keys(ctx: Context, host: str, keys: str) -> None:
    """host.send_debug_keys: what the hypervisor answers is in its log."""
    await ctx.services.hypervisor.send_debug_keys(reach(ctx, host).uuid, keys)


async def get_system_status_capabilities(ctx: Context, host: str) -> str:
    """host.get_system_status_capabilities: XML that lists the parts of a status report."""
    reach(ctx, host)
    return capabilities_xml()


async def get_diagnostic_timing_stats(ctx: Context, host: str) -> Mapping[str, str]:
    """host.get_diagnostic_timing_stats: by message, how often it was called and how long that took."""
    reach(ctx, host)
    return ctx.services.timings()


async def get_thread_diagnostics(ctx: Context, host: str) -> str:
    """host.get_thread_diagnostics: what the agent is doing, a line for each piece of work."""
    reach(ctx, host)
    return "\n".join(sorted(f"{task.get_name()}: {_place(task)}" for task in asyncio.all_tasks()))


def _place(task: asyncio.Task[Any]) -> str:
    """What a piece of work waits in, from the outside in."""
    names: list[str] = []
    work: Any = task.get_coro()
    while inspect.iscoroutine(work):
        names.append(work.__qualname__)
        work = work.cr_await
    return " > ".join(names) or "about to end"


async def get_sm_diagnostics(ctx: Context, host: str) -> str:
    """host.get_sm_diagnostics: the storage the host has plugged in, and the disks in use on it."""
    target, lines = reach(ctx, host), []
    for pbd in live(ctx.store, PBD, target.PBDs):
        sr = ctx.store.find(SR, pbd.SR)
        if sr is None or not pbd.currently_attached:
            continue
        lines.append(f"SR {sr.uuid} ({sr.type}): attached")
        used = (vdi for vdi in live(ctx.store, VDI, sr.VDIs) if f"host_{host}" in vdi.sm_config)
        lines += [f"  VDI {vdi.location}: active, {vdi.sm_config[f'host_{host}']}" for vdi in used]
    return "\n".join(lines)


async def get_server_certificate(ctx: Context, host: str) -> str:
    """host.get_server_certificate: the first that the server presents. Raises CERTIFICATE_LIBRARY_CORRUPT []."""
    reach(ctx, host)
    head, end, _ = ctx.services.certificate().partition(PEM_END)
    if not end:
        raise ApiError("CERTIFICATE_LIBRARY_CORRUPT")
    return f"{head}{end}\n"


PEM_END = "-----END CERTIFICATE-----"


async def nobody(ctx: Context, self: str) -> tuple[str, ...]:
    """What hosts once listed of VMs that do not give memory back, and nowadays never do."""
    reach(ctx, self)
    return ()


async def is_in_emergency_mode(ctx: Context) -> bool:
    """host.is_in_emergency_mode: whoever answers here is the master, and so never cut off from it."""
    return False


async def local_assert_healthy(ctx: Context) -> None:
    """host.local_assert_healthy: as :func:`is_in_emergency_mode`."""


async def retrieve_wlb_evacuate_recommendations(ctx: Context, self: str) -> Mapping[str, tuple[str, ...]]:
    """host.retrieve_wlb_evacuate_recommendations, as far as it goes without a service to ask.

    Raises LICENCE_RESTRICTION ["WLB"], WLB_NOT_INITIALIZED [], WLB_DISABLED [], or else NOT_IMPLEMENTED.
    """
    ctx.store.get(Host, self)
    pool = the_pool(ctx.store)
    if pool.restrictions.get("restrict_wlb") != "false":
        raise ApiError("LICENCE_RESTRICTION", "WLB")
    if not pool.wlb_url:
        raise ApiError("WLB_NOT_INITIALIZED")
    if not pool.wlb_enabled:
        raise ApiError("WLB_DISABLED")
    raise ApiError("NOT_IMPLEMENTED", "host.retrieve_wlb_evacuate_recommendations")


def _unavailable(name: str) -> Handler:
    async def refuse(ctx: Context, *args: Any) -> None:
        """Answer NOT_IMPLEMENTED [name], as the API has it."""
        raise ApiError("NOT_IMPLEMENTED", name)

    return refuse


HANDLERS: Handlers = {
    "host.compute_free_memory": compute_free_memory,
    "host.compute_memory_overhead": compute_memory_overhead,
    "host.get_servertime": get_servertime,
    "host.get_server_localtime": get_server_localtime,
    "host.dmesg": dmesg,
    "host.send_debug_keys": send_debug_keys,
    "host.get_system_status_capabilities": get_system_status_capabilities,
    "host.get_diagnostic_timing_stats": get_diagnostic_timing_stats,
    "host.get_thread_diagnostics": get_thread_diagnostics,
    "host.get_sm_diagnostics": get_sm_diagnostics,
    "host.get_server_certificate": get_server_certificate,
    "host.get_uncooperative_resident_VMs": nobody,
    "host.get_uncooperative_domains": nobody,
    "host.is_in_emergency_mode": is_in_emergency_mode,
    "host.local_assert_healthy": local_assert_healthy,
    "host.retrieve_wlb_evacuate_recommendations": retrieve_wlb_evacuate_recommendations,
    "host.create_new_blob": create_new_blob(Host),
    "host.dmesg_clear": _unavailable("dmesg_clear"),
    "host.get_log": _unavailable("get_log"),
    "host.list_methods": _unavailable("list_method"),
}
