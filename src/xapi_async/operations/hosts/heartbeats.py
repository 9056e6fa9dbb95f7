"""host: what hosts tell the master of themselves, and the master them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.clock import api_time
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import is_master, reach
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.marking import refresh
from xapi_async.operations.vm.features import the_pool

TIME = "time"
"""The key under which a heartbeat has the clock of its host, in seconds since 1970."""

SHUTTING_DOWN = "shutting-down"
"""The key that only the last heartbeat of a host has."""

SKEW, NO_SKEW = 300.0, 150.0
"""Seconds by which a clock has to be wrong to be told of, and below which that counts as mended."""

PRIORITY = 3


async def tickle_heartbeat(ctx: Context, host: str, stuff: Mapping[str, str]) -> Mapping[str, str]:
    """host.tickle_heartbeat: a host lives, or goes down. Gives nothing.

    It changes nothing for the master, where high availability keeps watch, nor does a host live that the hypervisor
    knows to be down. Raises INVALID_VALUE ["time", text].
    """
    found = ctx.store.get(Host, host)
    clock = _clock_of(stuff)
    if clock is not None:
        await _compare_clocks(ctx, found, clock)
    is_live = SHUTTING_DOWN not in stuff
    is_believed = not is_live or ctx.services.hypervisor.is_alive(found.uuid)
    if is_master(ctx.store, host) or the_pool(ctx.store).ha_enabled or not is_believed:
        return {}
    async with ctx.store.transaction() as tx:
        metrics = tx.find(HostMetrics, found.metrics)
        if metrics is not None and metrics.live != is_live:
            tx.set(metrics, live=is_live, last_updated=api_time(ctx.services.clock.now()))
            refresh(tx, RULES, host)
    return {}


def _clock_of(stuff: Mapping[str, str]) -> float | None:
    if TIME not in stuff:
        return None
    try:
        clock = float(stuff[TIME])
    except ValueError:
        clock = float("nan")
    if not isfinite(clock):
        raise ApiError("INVALID_VALUE", TIME, stuff[TIME])
    return clock


async def _compare_clocks(ctx: Context, host: Host, clock: float) -> None:
    """Tell once of a clock that goes wrong."""
    skewed, skew = ctx.services.hosts.skewed, abs(ctx.services.clock.now() - clock)
    if skew < NO_SKEW:
        skewed.discard(host.ref)
    elif skew > SKEW and host.ref not in skewed:
        skewed.add(host.ref)
        if ctx.services.messages is not None:
            body = f"The clock of host {host.name_label} is {skew:.0f} s away from the master's"
            await ctx.services.messages.post("HOST_CLOCK_SKEW_DETECTED", PRIORITY, "Host", host.uuid, body)


async def notify(ctx: Context, ty: str, params: str) -> None:
    """host.notify: taken note of. Nothing follows from it, as all hosts are told of every change by the database."""


async def request_backup(ctx: Context, host: str, generation: int, force: bool) -> None:
    """host.request_backup: the host keeps a copy of the database, unless it has one that is as new.

    generation: of the database to be copied, as the caller knows it. force: copy it whatever the host has. It is a
    file beside the database, as ``xapi-async backup`` makes; a server that keeps nothing makes none.
    Raises HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host], or INTERNAL_ERROR [text] where it cannot be written.
    """
    uuid = reach(ctx, host).uuid
    copied = ctx.services.hosts.copied
    if force or generation > copied.get(uuid, -1):
        current = ctx.store.generation
        await ctx.services.back_up(uuid)
        copied[uuid] = current


HANDLERS: Handlers = {
    "host.tickle_heartbeat": tickle_heartbeat,
    "host.notify": notify,
    "host.request_backup": request_backup,
}
