"""Hosts that go down and come back, by themselves or because they were told to; and what calls leave behind.

The master is a host like the others here: its guests end, it starts again. Only the API stays up meanwhile, as
it is served by this process and not by the machine that the record stands for.
"""

from __future__ import annotations

import asyncio
import logging
import random
from functools import partial

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.task import Task
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import HostChanged, HypervisorError
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.start import refresh_host
from xapi_async.objects.clock import api_time
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Background, Services
from xapi_async.operations.host_states import Errand
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.hosts.static_disks import attach_again
from xapi_async.operations.marking import refresh, unmark
from xapi_async.operations.networking.following_master import follow_master
from xapi_async.operations.networking.links import bring_up
from xapi_async.operations.networking.starting import comes_up_at_start, note_nothing_up
from xapi_async.operations.own_work import own_context
from xapi_async.operations.pools.ha_disks import attach_pool_disks
from xapi_async.operations.storage import pbd as pbds
from xapi_async.operations.storage.attaching import forget_holder
from xapi_async.operations.vm import states
from xapi_async.operations.vm.facts import is_live
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm.resources import give_back

SILENCE = 600.0
"""Seconds without a heartbeat after which a host counts as dead."""

GRACE = 10.0
"""Seconds between the answer to a shutdown and the machine going down."""

ENDINGS = "hosts going down"
"""The document that says so."""

AFTER_BOOT = {"enable_on_reboot": "enabled", "disable_on_reboot": "disabled"}
"""What becomes at a boot of what waited for it."""

_log = logging.getLogger(__name__)


# By themselves


async def note_host(services: Services, event: HostChanged) -> None:
    """Show that a host died or came back; the VMs of a dead one stay as they are until somebody declares it dead."""
    try:
        host = services.store.by_uuid(Host, event.host).ref
    except ApiError:
        return
    if event.is_alive:
        await _come_back(services, host)
    else:
        await _be_gone(services, host)


async def _be_gone(services: Services, ref: str) -> None:
    if ref not in services.hosts.awaiting_reboot:  # else its last heartbeat said so
        await services.clock.sleep(SILENCE)
    async with services.store.transaction() as tx:
        host = tx.find(Host, ref)
        if host is None or services.hypervisor.is_alive(host.uuid):
            return
        metrics = tx.find(HostMetrics, host.metrics)
        if metrics is not None and metrics.live:
            tx.set(metrics, live=False)
        refresh(tx, RULES, ref)


async def _come_back(services: Services, ref: str) -> None:
    known = services.hosts
    known.starting.add(ref)
    known.disabled_by_user.discard(ref)
    known.awaiting_reboot.discard(ref)
    async with services.store.transaction() as tx:
        host = tx.find(Host, ref)
        if host is None:
            return
        tx.set(host, enabled=False)
        forget_holder(tx, ref)
        refresh_host(_maker(tx, services), host, known.hardware.get(host.uuid), rebooted=True)
        _note_boot(tx, host)
        note_nothing_up(tx, services, host)
        _end_tasks(tx, services, ref)
        halted = _reset_guests(tx, services, host)
        refresh(tx, RULES, ref)
    await forget_ending(services, host.uuid)
    for vm in halted:
        await give_back(services, vm, ref)
    await _bring_up_networks(services, ref)
    await start_agent(services, ref)


def _maker(tx: Transaction, services: Services) -> Maker:
    """What makes records; a seed that was used before does not give the same identities again."""
    now = services.clock.now()
    return Maker(tx, random.Random(f"{services.rng.getrandbits(64)} {now}"), now)  # noqa: S311  (not secrets)


def _note_boot(tx: Transaction, host: Host) -> None:
    tx.set(host, display=AFTER_BOOT.get(host.display, host.display), updates_requiring_reboot=())
    for pgpu in (tx.find(PGPU, ref) for ref in host.PGPUs):
        if pgpu is not None and pgpu.dom0_access in AFTER_BOOT:
            tx.set(pgpu, dom0_access=AFTER_BOOT[pgpu.dom0_access])
    control_domain = tx.find(VM, host.control_domain)
    if control_domain is not None and control_domain.requires_reboot:
        tx.set(control_domain, requires_reboot=False)


def _end_tasks(tx: Transaction, services: Services, ref: str) -> None:
    """End the tasks that stood for the host's going down."""
    for key in services.hosts.ending_tasks.pop(ref, set()):
        unmark(tx, RULES, ref, key)
        task = tx.find(Task, key)
        if task is not None and task.status == "pending":
            tx.set(task, status="cancelled", finished=api_time(services.clock.now()), progress=1.0)


def _reset_guests(tx: Transaction, services: Services, host: Host) -> list[str]:
    """Halt what ran there before: nothing of it can have lived on."""
    halted = []
    for vm in (tx.find(VM, ref) for ref in host.resident_VMs):
        if vm is not None and not vm.is_control_domain and services.hypervisor.domain(vm.uuid) is None:
            states.force_reset(tx, vm.ref, "Halted")
            halted.append(vm.ref)
    return halted


# The agent's start


async def start_agent(services: Services, ref: str) -> None:
    """Do what ends the start of a host's agent: plug its storage, and let it take VMs where nothing is against that."""
    services.hosts.starting.add(ref)
    try:
        complete = await _plug_storage(services, ref)
        await attach_again(services, ref)
        await attach_pool_disks(services, ref)
        async with services.store.transaction() as tx:
            host = tx.find(Host, ref)
            if host is None or host.enabled or ref in services.hosts.disabled_by_user | services.hosts.awaiting_reboot:
                return
            if not complete and the_pool(tx).ha_enabled:
                return
            tx.set(host, enabled=True)
            refresh(tx, RULES, ref)
    finally:
        services.hosts.starting.discard(ref)


async def _plug_storage(services: Services, ref: str) -> bool:
    """Plug in what is not; gives whether all of it is then."""
    store = services.store
    host = store.find(Host, ref)
    unplugged = [pbd for pbd in (store.find(PBD, one) for one in (host.PBDs if host else ())) if pbd is not None]
    unplugged = [pbd for pbd in unplugged if not pbd.currently_attached]
    complete = True
    for pbd in unplugged:
        try:
            async with own_context(services, "plugging of storage") as ctx:
                await pbds.plug(ctx, pbd.ref)
        except ApiError as error:
            complete = False
            _log.warning("PBD %s was not plugged as its host started: %s", pbd.uuid, error)
    return complete


async def _bring_up_networks(services: Services, ref: str) -> None:
    store = services.store
    host = store.get(Host, ref)
    for pif in [pif for pif in (store.find(PIF, one) for one in host.PIFs) if pif is not None]:
        if comes_up_at_start(store, pif):
            try:
                await bring_up(services, pif.ref)
            except ApiError as error:
                _log.warning("PIF %s did not come up as its host started: %s", pif.uuid, error)
    await follow_master(services, ref)


async def start_agents(services: Services) -> None:
    """Background work, once: the server's start is that of the agents of all hosts that are up.

    Hosts that were down stay so, but for those that were on their way, and the master, which cannot be down.
    """
    store, known = services.store, services.hosts
    kept = await services.documents.get(ENDINGS) or {}
    known.going_down.update({host.uuid: kept[host.uuid] for host in store.all(Host) if host.uuid in kept})
    master = the_pool(store).master
    for ref in [host.ref for host in store.all(Host)]:
        host = store.find(Host, ref)
        metrics = store.find(HostMetrics, host.metrics) if host is not None else None
        if host is None or metrics is None:
            continue
        comes_back = known.going_down.get(host.uuid)
        if comes_back is not None:
            known.awaiting_reboot.add(ref)
        if not metrics.live:
            if comes_back or ref == master:
                known.errands.put_nowait(partial(services.hypervisor.start_host, host.uuid))
        elif comes_back is not None:
            known.errands.put_nowait(partial(go_down, services, ref, comes_back=comes_back))
        else:
            await start_agent(services, ref)


# Because they were told to


async def note_ending(services: Services, ref: str, *, comes_back: bool) -> None:
    """Remember, beyond the server's end, that a host was told to go down. comes_back: and to start again."""
    services.hosts.awaiting_reboot.add(ref)
    services.hosts.going_down[services.store.get(Host, ref).uuid] = comes_back
    await services.documents.put(ENDINGS, dict(services.hosts.going_down))


async def forget_ending(services: Services, uuid: str) -> None:
    """Note that a host is back, or gone for good."""
    if services.hosts.going_down.pop(uuid, None) is not None:
        await services.documents.put(ENDINGS, dict(services.hosts.going_down))


async def go_down(services: Services, ref: str, *, comes_back: bool) -> None:
    """Have a host go down a while from now. comes_back: and start again."""
    await services.clock.sleep(GRACE)
    host = services.store.find(Host, ref)
    if host is None:
        return
    await services.hypervisor.stop_host(host.uuid)
    if comes_back:
        await services.hypervisor.start_host(host.uuid)


async def do_errands(services: Services) -> None:
    """Background work: do what calls have left to be done after their answers."""
    async with asyncio.TaskGroup() as doing:
        while True:
            doing.create_task(_do(await services.hosts.errands.get()))


async def _do(errand: Errand) -> None:
    try:
        await errand()
    except (ApiError, HypervisorError) as error:
        _log.warning("what a call left to be done could not be: %s", error)
    except Exception:
        _log.exception("what a call left to be done failed")


def halt_residents(tx: Transaction, host: Host) -> list[str]:
    """Record every guest of a dead host as halted; gives those."""
    guests = [vm for vm in (tx.find(VM, ref) for ref in host.resident_VMs) if vm is not None]
    halted = [vm.ref for vm in guests if not vm.is_control_domain and is_live(vm)]
    for ref in halted:
        states.force_reset(tx, ref, "Halted")
    return halted


BACKGROUND: tuple[Background, ...] = (do_errands, start_agents)
