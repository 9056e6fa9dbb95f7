"""VLAN: tagged networks over an interface, on one host or on all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import is_host_live, reach
from xapi_async.operations.networking.checks import (
    is_bond_slave,
    local_pif,
    reach_pif,
    require_managed,
    require_managed_network,
    require_protection_off,
    require_unconnected,
    the_pool,
)
from xapi_async.operations.networking.links import plug
from xapi_async.operations.networking.records import is_vlan, new_vlan, vlans_over
from xapi_async.operations.networking.unplugging import require_unpluggable, unplug

HIGHEST_TAG = 4094


async def create(ctx: Context, tagged_PIF: str, tag: int, network: str) -> str:
    """VLAN.create: a VLAN with its untagged interface, which is plugged. Where that fails the records stay."""
    reach_pif(ctx, tagged_PIF)
    vlan = await _introduce(ctx.services, tagged_PIF, tag, network)
    await plug(ctx.services, ctx.store.get(VLAN, vlan).untagged_PIF)
    return vlan


async def create_untagged(ctx: Context, tagged_PIF: str, tag: int, network: str) -> str:
    """As VLAN.create; gives the untagged interface."""
    return ctx.store.get(VLAN, await create(ctx, tagged_PIF, tag, network)).untagged_PIF


def require_vlan_possible(services: Services, reader: Reader, base: PIF, tag: int, network: Network) -> None:
    """Check that a VLAN can be made over an interface and joined to a network; raises as VLAN.create does."""
    require_managed_network(network)
    require_managed(base)
    require_unconnected(reader, network, base.host)
    if is_bond_slave(reader, base):
        raise ApiError("CANNOT_ADD_VLAN_TO_BOND_SLAVE", base.ref)
    if is_vlan(base):
        raise ApiError("PIF_IS_VLAN", base.ref)
    if not 0 <= tag <= HIGHEST_TAG:
        raise ApiError("VLAN_TAG_INVALID", tag)
    if any(vlan.tag == tag for vlan in vlans_over(reader, base)):
        raise ApiError("PIF_VLAN_EXISTS", base.device)
    if base.tunnel_access_PIF_of:
        raise ApiError("IS_TUNNEL_ACCESS_PIF", base.ref)
    if services.network.has_vlan(reader.get(Host, base.host).uuid, base.device, tag):
        raise ApiError("VLAN_IN_USE", base.device, tag)


async def destroy(ctx: Context, self: str) -> None:
    """VLAN.destroy: the VLAN and its untagged interface go; the network stays, and so do the shared metrics.

    Raises PIF_ALREADY_BONDED [PIF], PIF_IS_MANAGEMENT_INTERFACE [PIF], HA_IS_ENABLED [],
    REDO_LOG_IS_ENABLED [], PIF_IS_PHYSICAL [], or as PIF.unplug does.
    """
    store = ctx.store
    untagged = store.find(PIF, store.get(VLAN, self).untagged_PIF)
    if untagged is not None:
        reach(ctx, untagged.host)
        if is_bond_slave(store, untagged) or untagged.bond_master_of:
            raise ApiError("PIF_ALREADY_BONDED", untagged.ref)
        is_slave = untagged.host != the_pool(store).master
        if is_slave and untagged.currently_attached and untagged.management:
            raise ApiError("PIF_IS_MANAGEMENT_INTERFACE", untagged.ref)
        require_protection_off(store, untagged)
        if untagged.VLAN < 0:
            raise ApiError("PIF_IS_PHYSICAL")
        await unplug(ctx.services, untagged.ref)
    async with store.transaction() as tx:
        tx.delete(tx.get(VLAN, self))
        gone = tx.find(PIF, untagged.ref) if untagged is not None else None
        if gone is not None:
            require_unpluggable(tx, gone)  # while it went down somebody may have put it to use
            tx.delete(gone)


async def pool_introduce(
    ctx: Context, tagged_PIF: str, untagged_PIF: str, tag: int, other_config: Mapping[str, str]
) -> str:
    """VLAN.pool_introduce: the record as it is given, without a check."""
    async with ctx.store.transaction() as tx:
        return tx.create(VLAN, tagged_PIF=tagged_PIF, untagged_PIF=untagged_PIF, tag=tag, other_config=other_config).ref


# On all hosts


async def create_everywhere(ctx: Context, device: str, network: str, tag: int) -> tuple[str, ...]:
    """pool.create_VLAN: the VLAN on that device of every host; gives the untagged interfaces.

    A failure on one host undoes it on all and is raised.
    """
    bases = []
    for host in list(ctx.store.all(Host)):
        reach(ctx, host.ref)
        local = (ctx.store.get(PIF, ref) for ref in host.PIFs)
        base = next((pif.ref for pif in local if pif.device == device and pif.VLAN == -1), None)
        if base is None:
            raise ApiError("INVALID_VALUE", "device", device)
        bases.append(base)
    return await _create_over(ctx, bases, network, tag)


async def create_from_pif(ctx: Context, pif: str, network: str, VLAN: int) -> tuple[str, ...]:
    """pool.create_VLAN_from_PIF: the VLAN on every live host with an interface on the same network as ``pif``."""
    base_network = ctx.store.get(Network, ctx.store.get(PIF, pif).network)
    bases = [
        base.ref
        for host in ctx.store.all(Host)
        if is_host_live(ctx.store, host) and (base := local_pif(ctx.store, base_network, host.ref)) is not None
    ]
    return await _create_over(ctx, bases, network, VLAN)


async def _create_over(ctx: Context, bases: Sequence[str], network: str, tag: int) -> tuple[str, ...]:
    # One transaction for all hosts: it lands whole or not at all, so there is nothing to undo.
    async with ctx.store.transaction() as tx:
        target = tx.get(Network, network)
        untagged = []
        for ref in bases:
            base = tx.get(PIF, ref)
            require_vlan_possible(ctx.services, tx, base, tag, target)
            untagged.append(new_vlan(tx, base, tag, network).untagged_PIF)
    for ref in untagged:
        try:
            await plug(ctx.services, ref)
        except ApiError:
            continue  # a VLAN that is down somewhere is still a VLAN; it comes up when a VM needs it
    return tuple(untagged)


async def _introduce(services: Services, base: str, tag: int, network: str) -> str:
    async with services.store.transaction() as tx:
        tagged, target = tx.get(PIF, base), tx.get(Network, network)
        require_vlan_possible(services, tx, tagged, tag, target)
        return new_vlan(tx, tagged, tag, network).ref


HANDLERS: Handlers = {
    "VLAN.create": create,
    "VLAN.destroy": destroy,
    "VLAN.pool_introduce": pool_introduce,
    "pool.create_VLAN": create_everywhere,
    "pool.create_VLAN_from_PIF": create_from_pif,
}
