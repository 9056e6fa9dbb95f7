"""host: high availability as each host takes part in it: what enabling and disabling it does, host by host.

A host that is a member shows its peers. Only hosts of the pool may call these messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.step import Step
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts import local_database
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.storage.attaching import attach_on, detach_on, held_for
from xapi_async.operations.vm.features import the_pool
from xapi_async.storage.driver import BackendError

UNDECIDED = "ha.disable_failover_decisions"
"""The local value of a host that, while it is ``true``, neither restarts VMs as master nor becomes master."""


# What enabling and disabling is made of


async def attach_disks(services: Services, host: str, disks: Sequence[str]) -> None:
    """Have a host attach the disks of high availability. Raises VDI_NOT_AVAILABLE [VDI], HA_FAILED_TO_FORM_LIVESET."""
    for disk in disks:
        try:
            await attach_on(services, disk, [host], "ha")
        except BackendError as error:
            raise ApiError("VDI_NOT_AVAILABLE", disk) from error
        except ApiError as error:
            # The records said that it lives.
            raise ApiError("HA_FAILED_TO_FORM_LIVESET") from error


async def configure(services: Services, host: str, statefiles: Sequence[str]) -> None:
    """Have a host know where the state is, and begin anew in all it kept to itself."""
    await _decide_again(services, host)
    async with services.store.transaction() as tx:
        tx.set(tx.get(Host, host), ha_statefiles=tuple(statefiles))


async def join(services: Services, host: str) -> None:
    """Make a host a member: it sees the others, and they see it. Raises HA_FAILED_TO_FORM_LIVESET []."""
    if not services.hypervisor.is_alive(services.store.get(Host, host).uuid):
        raise ApiError("HA_FAILED_TO_FORM_LIVESET")
    services.pool.disarmed.discard(host)
    async with services.store.transaction() as tx:
        members = [one for one in tx.all(Host) if one.ref == host or is_member(one)]
        peers = tuple(one.uuid for one in members)
        for one in members:
            tx.set(one, ha_network_peers=peers)


async def leave(services: Services, hosts: Sequence[str]) -> None:
    """Have hosts be members no more; no error where they are none. What they have attached stays."""
    services.pool.unfenced.difference_update(hosts)
    if the_pool(services.store).ha_enabled:
        services.pool.disarmed.update(hosts)
    async with services.store.transaction() as tx:
        gone = {host.uuid for host in (tx.find(Host, ref) for ref in hosts) if host is not None}
        for host in tx.all(Host):
            left = tuple(peer for peer in host.ha_network_peers if host.uuid not in gone and peer not in gone)
            if left != host.ha_network_peers:
                tx.set(host, ha_network_peers=left)


async def release(services: Services, hosts: Sequence[str], disks: Sequence[str]) -> None:
    """Have hosts forget the others and detach the disks; what goes wrong with that is no matter."""
    await detach_on(services, disks, hosts, "ha")
    await leave(services, hosts)
    for host in hosts:
        await _decide_again(services, host)
    async with services.store.transaction() as tx:
        for host in hosts:
            found = tx.find(Host, host)
            if found is not None and found.ha_statefiles:
                tx.set(found, ha_statefiles=())


def is_member(host: Host) -> bool:
    """Whether a host takes part in high availability now."""
    return bool(host.ha_network_peers)


async def may_decide(services: Services, host: Host) -> bool:
    """Whether a host may take over from others that failed."""
    return await local_database.kept(services, host.uuid, UNDECIDED) != "true"


async def _decide_again(services: Services, host: str) -> None:
    found = services.store.find(Host, host)
    if found is not None:
        await local_database.keep(services, found.uuid, UNDECIDED, None)


# Messages


async def preconfigure_ha(
    ctx: Context, host: str, statefiles: Sequence[str], metadata_vdi: str, generation: str
) -> None:
    """host.preconfigure_ha: attach the disks and know of them, so that the host can join.

    generation: names the configuration; nothing depends on it, as all hosts have the same one at any time. Raises
    HA_IS_ENABLED [] for a member, HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host], VDI_NOT_AVAILABLE [VDI] or
    HA_FAILED_TO_FORM_LIVESET [].
    """
    _require_no_member(reach(ctx, host))
    disks = [ctx.store.get(VDI, ref).ref for ref in (*statefiles, metadata_vdi)]
    before = {disk.ref for disk in held_for(ctx.store, host, "ha")}
    try:
        await attach_disks(ctx.services, host, disks)
        await configure(ctx.services, host, statefiles)
    except BaseException:
        added = [disk for disk in disks if disk not in before]
        await asyncio.shield(detach_on(ctx.services, added, [host], "ha"))
        raise


async def ha_join_liveset(ctx: Context, host: str) -> None:
    """host.ha_join_liveset: take part from now on; nothing for a member.

    Raises HA_HOST_CANNOT_ACCESS_STATEFILE [] for a host that was not configured or whose disk is gone,
    HA_FAILED_TO_FORM_LIVESET [], HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    found = reach(ctx, host)
    if is_member(found):
        return
    if not found.ha_statefiles or not _are_there(ctx.store, found.ha_statefiles):
        raise ApiError("HA_HOST_CANNOT_ACCESS_STATEFILE")
    await join(ctx.services, host)
    ctx.services.pool.wake.set()


async def ha_disable_failover_decisions(ctx: Context, host: str) -> None:
    """host.ha_disable_failover_decisions: the host takes over nothing until it is configured anew.

    That outlasts the server. Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    await local_database.keep(ctx.services, reach(ctx, host).uuid, UNDECIDED, "true")


async def ha_disarm_fencing(ctx: Context, host: str) -> None:
    """host.ha_disarm_fencing: the host will not have been fenced, should it fail or be cut off.

    Raises HA_NOT_ENABLED [] for one that is no member, HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    if not is_member(reach(ctx, host)):
        raise ApiError("HA_NOT_ENABLED")
    ctx.services.pool.unfenced.add(host)


async def ha_stop_daemon(ctx: Context, host: str) -> None:
    """host.ha_stop_daemon: take part no more, until it joins or the server starts again; no error for no member.

    Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    await leave(ctx.services, [reach(ctx, host).ref])
    ctx.services.pool.wake.set()


async def ha_release_resources(ctx: Context, host: str) -> None:
    """host.ha_release_resources: detach the disks and forget the configuration.

    Raises HA_IS_ENABLED [] for a member, HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    found = reach(ctx, host)
    _require_no_member(found)
    attached = [disk.ref for disk in held_for(ctx.store, host, "ha")]
    await release(ctx.services, [host], [*dict.fromkeys((*attached, *found.ha_statefiles))])


async def ha_wait_for_shutdown_via_statefile(ctx: Context, host: str) -> None:
    """host.ha_wait_for_shutdown_via_statefile: answer once the host is no member any more; at once where it is none.

    The records say so, as the statefile would. It can be cancelled.
    """
    changed = asyncio.Event()

    def look(change: Step) -> None:
        changed.set()

    ctx.store.get(Host, host)
    stop = ctx.store.watch((host,), look)
    try:
        async with ctx.task.cancellable():
            while (found := ctx.store.find(Host, host)) is not None and is_member(found):
                await changed.wait()
                changed.clear()
    finally:
        stop()


def _require_no_member(host: Host) -> None:
    if is_member(host):
        raise ApiError("HA_IS_ENABLED")


def _are_there(reader: Reader, disks: Sequence[str]) -> bool:
    return all(reader.find(VDI, disk) is not None for disk in disks)


HANDLERS: Handlers = {
    "host.preconfigure_ha": preconfigure_ha,
    "host.ha_join_liveset": ha_join_liveset,
    "host.ha_disable_failover_decisions": ha_disable_failover_decisions,
    "host.ha_disarm_fencing": ha_disarm_fencing,
    "host.ha_stop_daemon": ha_stop_daemon,
    "host.ha_release_resources": ha_release_resources,
    "host.ha_wait_for_shutdown_via_statefile": ha_wait_for_shutdown_via_statefile,
}
