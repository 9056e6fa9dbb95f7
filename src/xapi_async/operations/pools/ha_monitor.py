"""What high availability does by itself: it notices that hosts failed, and starts protected VMs elsewhere.

A host counts as failed once the hypervisor has not heard of it for as long as the timeout says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.clock import api_time
from xapi_async.operations.context import Background, Services
from xapi_async.operations.hosts.availability import settle_pool
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.hosts.rules import RULES as HOST_RULES
from xapi_async.operations.marking import refresh
from xapi_async.operations.own_work import own_context
from xapi_async.operations.pools.facts import post
from xapi_async.operations.pools.ha import base_timeout
from xapi_async.operations.pools.ha_members import may_decide
from xapi_async.operations.pools.plan_fields import note_overcommitted, recompute_plan
from xapi_async.operations.pools.planning import is_protected, situation
from xapi_async.operations.vm import states
from xapi_async.operations.vm.features import find_pool
from xapi_async.operations.vm.resources import give_back
from xapi_async.operations.vm.starting import start, start_on

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
"""How often the monitor looks."""

PLAN_SECONDS = 1800.0
"""How often the plan is computed anew without a reason."""

RETRY_SECONDS = 120.0
"""How long a VM that could not be restarted is left alone."""

BEST_EFFORT = "best-effort"
RECOVERED = 4
"""The priority of messages about what went wrong and is over."""

DATA_LOST = 2
"""The priority of messages about VMs that are down though they should not be."""

_STOPPED = ("Halted", "Suspended")

Start = Callable[..., Coroutine[Any, Any, None]]


@dataclass
class Watch:
    """What the monitor remembers between two looks.

    silent: since when each host has not been heard of. live: the hosts last known to count. planned: when the
    plan was last computed. tried: when each VM was last tried. complained: VMs whose failure was told of. fenced:
    hosts that failed and have not come back.
    """

    silent: dict[str, float] = field(default_factory=dict)
    live: frozenset[str] | None = None
    planned: float = 0.0
    tried: dict[str, float] = field(default_factory=dict)
    complained: set[str] = field(default_factory=set)
    fenced: set[str] = field(default_factory=set)


async def watch_pool(services: Services) -> None:
    """Background work: look every so often, or when asked to."""
    watch = Watch(planned=services.clock.now())
    while True:
        await _wait(services)
        try:
            await look(services, watch)
        except Exception:
            # One look that fails must not be the last.
            log.exception("the monitor of high availability failed")


async def _wait(services: Services) -> None:
    timer = asyncio.ensure_future(services.clock.sleep(LOOK_SECONDS))
    asked = asyncio.ensure_future(services.pool.wake.wait())
    try:
        await asyncio.wait((timer, asked), return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        asked.cancel()
    services.pool.wake.clear()


async def look(services: Services, watch: Watch) -> None:
    """Do what is due now, where high availability is on."""
    pool = find_pool(services.store)
    if pool is None or not pool.ha_enabled:
        watch.silent.clear()
        watch.live = None
        return
    reset = await _note_failures(services, watch, base_timeout(services.store))
    now, alive = services.clock.now(), _live_set(services)
    is_due = services.pool.is_plan_wanted or bool(reset) or now - watch.planned >= PLAN_SECONDS
    if is_due or (watch.live is not None and alive != watch.live):
        services.pool.is_plan_wanted = False
        watch.planned = now
        await recompute_plan(services)
    watch.live = alive
    if now >= services.pool.restarts_from and await may_decide(services, services.store.get(Host, pool.master)):
        await restart_protected(services, watch)
        await _restart_best_effort(services, reset)


def _live_set(services: Services) -> frozenset[str]:
    hosts = services.store.all(Host)
    return frozenset(host.ref for host in hosts if host.enabled and is_host_live(services.store, host))


# Hosts


async def _note_failures(services: Services, watch: Watch, patience: float) -> list[str]:
    """Show which hosts failed and which are back; gives the VMs that went down with the former."""
    now, reset = services.clock.now(), []
    for host in list(services.store.all(Host)):
        if services.hypervisor.is_alive(host.uuid):
            watch.silent.pop(host.ref, None)
            await _take_back(services, watch, host)
        elif now - watch.silent.setdefault(host.ref, now) >= patience:
            reset += await _give_up(services, watch, host)
    await _show_members(services)
    return reset


async def _take_back(services: Services, watch: Watch, host: Host) -> None:
    await _set_live(services, host, True)
    if host.ref in watch.fenced:
        watch.fenced.discard(host.ref)
        body = f"Host {host.name_label} has rebooted after it was cut off from the others"
        await post(services, "HA_HOST_WAS_FENCED", "Host", host.uuid, body, RECOVERED)


async def _give_up(services: Services, watch: Watch, host: Host) -> list[str]:
    """Take a host as failed: its guests are halted. Nothing for one that is known to have failed."""
    guests = [services.store.get(VM, ref) for ref in host.resident_VMs]
    down = [vm.ref for vm in guests if vm.power_state not in _STOPPED and not vm.is_control_domain]
    if not is_host_live(services.store, host) and not down:
        return []
    if "shutdown" not in host.current_operations.values():
        if host.ref not in services.pool.unfenced:
            watch.fenced.add(host.ref)
        body = f"Host {host.name_label} has failed and was taken out of the pool's live set"
        await post(services, "HA_HOST_FAILED", "Host", host.uuid, body)
    services.pool.unfenced.discard(host.ref)
    await _set_live(services, host, False)
    await _replace_master(services, host)
    async with services.store.transaction() as tx:
        for ref in down:
            states.force_reset(tx, ref, "Halted")
    for ref in down:
        await give_back(services, ref, host.ref)
    return down


async def _replace_master(services: Services, failed: Host) -> None:
    """Where the master failed, have another host take over, if one is left."""
    store = services.store
    pool = find_pool(store)
    if pool is None or pool.master != failed.ref:
        return
    alive = [host for host in store.all(Host) if is_host_live(store, host) and services.hypervisor.is_alive(host.uuid)]
    left = [host for host in alive if await may_decide(services, host)]
    if not left:
        return
    chosen = min(left, key=lambda host: host.uuid)
    async with store.transaction() as tx:
        tx.set(tx.get(Pool, pool.ref), master=chosen.ref)
        settle_pool(tx)
    body = f"Host {chosen.name_label} has become the master"
    await post(services, "POOL_MASTER_TRANSITION", "Host", chosen.uuid, body, RECOVERED)


async def _show_members(services: Services) -> None:
    """Have each host show whom it sees, and whether it sees the statefile: one that failed or left sees nothing."""
    pool = find_pool(services.store)
    hosts = list(services.store.all(Host))
    disarmed = services.pool.disarmed
    live = [host for host in hosts if is_host_live(services.store, host) and host.ref not in disarmed]
    peers = tuple(host.uuid for host in live)
    async with services.store.transaction() as tx:
        for host in hosts:
            wanted = (pool.ha_statefiles, peers) if pool is not None and host in live else ((), ())
            if (host.ha_statefiles, host.ha_network_peers) != wanted:
                tx.set(tx.get(Host, host.ref), ha_statefiles=wanted[0], ha_network_peers=wanted[1])


async def _set_live(services: Services, host: Host, value: bool) -> None:
    metrics = services.store.find(HostMetrics, host.metrics)
    if metrics is None or metrics.live == value:
        return
    async with services.store.transaction() as tx:
        tx.set(tx.get(HostMetrics, host.metrics), live=value, last_updated=api_time(services.clock.now()))
        refresh(tx, HOST_RULES, host.ref)


# VMs


async def restart_protected(services: Services, watch: Watch) -> None:
    """Start every protected VM that runs nowhere, one after the other, by its order."""
    store, now = services.store, services.clock.now()
    down = [vm for vm in store.all(VM) if is_protected(vm) and vm.resident_on == NULL_REF and not vm.is_a_template]
    watch.complained &= {vm.ref for vm in down}
    due = [
        vm
        for vm in down
        if vm.power_state == "Halted"
        and not vm.current_operations
        and now - watch.tried.get(vm.ref, -RETRY_SECONDS) >= RETRY_SECONDS
    ]
    if not due:
        return
    plan = situation(store)
    for vm in sorted(due, key=lambda vm: vm.order if vm.order >= 0 else float("inf")):
        watch.tried[vm.ref] = now
        host = plan.starts.get(vm.ref) if plan.is_placed else None
        if not await _start(services, vm.ref, host) and not await _start(services, vm.ref, None):
            await _complain(services, watch, vm)
        else:
            watch.tried.pop(vm.ref, None)


async def _start(services: Services, vm: str, host: str | None) -> bool:
    """Start a VM, on a host or on any; whether that worked. What would break the plan is tried once more."""
    for _ in range(2):
        try:
            async with own_context(services, "VM.start") as ctx:
                if host is None:
                    await start(ctx, vm, False, False)
                else:
                    await start_on(ctx, vm, host, False, False)
            return True
        except ApiError as error:
            log.info("VM %s could not be restarted: %s", vm, error.description)
            if error.code != "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN":
                return False
            await note_overcommitted(services)
            await recompute_plan(services)
    return False


async def _complain(services: Services, watch: Watch, vm: VM) -> None:
    if vm.ref in watch.complained:
        return
    watch.complained.add(vm.ref)
    body = f"VM '{vm.name_label}' is protected but could not be restarted"
    await post(services, "HA_PROTECTED_VM_RESTART_FAILED", "VM", vm.uuid, body, DATA_LOST)


async def _restart_best_effort(services: Services, reset: Iterable[str]) -> None:
    for ref in reset:
        vm = services.store.find(VM, ref)
        if vm is not None and vm.ha_restart_priority == BEST_EFFORT and vm.power_state == "Halted":
            await _start(services, ref, None)


BACKGROUND: tuple[Background, ...] = (watch_pool,)
