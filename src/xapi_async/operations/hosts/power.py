"""host: switching machines off and on, and restarting their agents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.task import Task
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER
from xapi_async.hypervisor.driver import HypervisorError
from xapi_async.inventory.hosts import boot_times
from xapi_async.objects.clock import api_time
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.life import go_down, note_ending, start_agent
from xapi_async.operations.hosts.reaching import is_host_live, reach
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.marking import marked, refresh
from xapi_async.operations.storage.secrets import delete_secrets
from xapi_async.operations.vm.features import the_pool

LOOKS, LOOK_SECONDS = 120, 5.0
"""How often, and how many seconds apart, is looked whether a host that was switched on is there."""

AGENT_SECONDS = 1.0
"""Between the answer to shutdown_agent and the agent's end."""


async def shutdown(ctx: Context, host: str) -> None:
    """host.shutdown: the machine goes down in ten seconds, with whatever still runs on it.

    Raises HOST_NOT_DISABLED [], HA_LOST_STATEFILE [].
    """
    async with marked(ctx, RULES, host, "shutdown"):
        await _take_down(ctx, host, "Host is shutting down", comes_back=False)


async def reboot(ctx: Context, host: str) -> None:
    """host.reboot: the machine goes down in ten seconds, with whatever still runs on it, and comes back.

    Raises HOST_NOT_DISABLED [], HA_LOST_STATEFILE [].
    """
    async with marked(ctx, RULES, host, "reboot"):
        await _take_down(ctx, host, "Host is rebooting", comes_back=True)


async def _take_down(ctx: Context, ref: str, label: str, *, comes_back: bool) -> None:
    services = ctx.services
    host = reach(ctx, ref)
    if host.enabled:
        raise ApiError("HOST_NOT_DISABLED")
    if the_pool(ctx.store).ha_enabled and not host.ha_statefiles:
        raise ApiError("HA_LOST_STATEFILE")
    await note_ending(services, ref, comes_back=comes_back)
    above = ctx.store.find(Task, ctx.task.ref)
    async with ctx.store.transaction() as tx:
        target = tx.get(Host, ref)
        # It outlives the call: until it is back, the host stays marked.
        task = tx.create(
            Task,
            name_label=label,
            status="pending",
            type="<none/>",
            created=api_time(services.clock.now()),
            finished=NEVER,
            resident_on=the_pool(tx).master,
            subtask_of=ctx.task.ref,
            **({"session": above.session} if above else {}),
        )
        tx.set(target, current_operations={**target.current_operations, task.ref: "shutdown"})
        refresh(tx, RULES, ref)
    services.hosts.ending_tasks.setdefault(ref, set()).add(task.ref)
    services.hosts.errands.put_nowait(partial(go_down, services, ref, comes_back=comes_back))


async def power_on(ctx: Context, host: str) -> None:
    """host.power_on: switch a machine on in the way its mode says, and wait until it is there.

    On simulated hosts every mode does the same. Raises HOST_IS_LIVE [host], HOST_POWER_ON_MODE_DISABLED [],
    or INTERNAL_ERROR where it does not come up.
    """
    async with marked(ctx, RULES, host, "power_on"), ctx.task.cancellable():
        try:
            await ctx.services.hypervisor.start_host(ctx.store.get(Host, host).uuid)
        except HypervisorError as error:
            raise ApiError("INTERNAL_ERROR", str(error)) from error
        for _ in range(LOOKS):
            found = ctx.store.find(Host, host)
            if found is not None and is_host_live(ctx.store, found):
                return
            await ctx.services.clock.sleep(LOOK_SECONDS)
    raise ApiError("INTERNAL_ERROR", f"host {host} was switched on but did not come up")


async def set_power_on_mode(ctx: Context, self: str, power_on_mode: str, power_on_config: Mapping[str, str]) -> None:
    """host.set_power_on_mode: the secrets that the former settings name are destroyed."""
    async with ctx.store.transaction() as tx:
        host = tx.get(Host, self)
        delete_secrets(tx, host.power_on_config)
        tx.set(host, power_on_mode=power_on_mode, power_on_config=dict(power_on_config))
        refresh(tx, RULES, self)


# Agents


async def restart_agent(ctx: Context, host: str) -> None:
    """host.restart_agent: answered before it happens. It forgets that somebody disabled the host."""
    reach(ctx, host)
    ctx.services.hosts.errands.put_nowait(partial(_restart_agent, ctx.services, host))


async def _restart_agent(services: Services, ref: str) -> None:
    services.hosts.disabled_by_user.discard(ref)
    async with services.store.transaction() as tx:
        host = tx.find(Host, ref)
        if host is None:
            return
        started = boot_times(services.clock.now())["agent_start_time"]
        tx.set(host, other_config={**host.other_config, "agent_start_time": started})
    await start_agent(services, ref)


async def shutdown_agent(ctx: Context) -> None:
    """host.shutdown_agent: the agent of the host called is this server, which ends in a second."""
    master = the_pool(ctx.store).master
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Host, master), enabled=False)
        refresh(tx, RULES, master)
    ctx.services.hosts.errands.put_nowait(partial(_stop, ctx.services))


async def _stop(services: Services) -> None:
    await services.clock.sleep(AGENT_SECONDS)
    services.stop()


HANDLERS: Handlers = {
    "host.shutdown": shutdown,
    "host.reboot": reboot,
    "host.power_on": power_on,
    "host.set_power_on_mode": set_power_on_mode,
    "host.restart_agent": restart_agent,
    "host.shutdown_agent": shutdown_agent,
}
