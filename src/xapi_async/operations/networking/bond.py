"""Bond: combining a host's cards into one interface, and taking them apart again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.networking.bond_modes import completed, require_valid
from xapi_async.operations.networking.bonding import Step, combine, take_apart
from xapi_async.operations.networking.checks import (
    is_bond_slave,
    reach_pif,
    require_mac,
    require_managed,
    require_managed_network,
    require_unconnected,
    the_pool,
)
from xapi_async.operations.networking.links import bring_up
from xapi_async.operations.networking.moving import try_all


async def create(
    ctx: Context, network: str, members: Sequence[str], MAC: str, mode: str, properties: Mapping[str, str]
) -> str:
    """Bond.create: the bond takes over the address, VLANs, tunnels and local VIFs of its members.

    The records change at once; the interfaces follow one after the other. Raises what :func:`require_possible`
    raises, or as PIF.plug does, once everything was tried.
    """
    if members:
        reach_pif(ctx, members[0])
    async with ctx.store.transaction() as tx:
        chosen = require_possible(tx, network, members, MAC, mode, properties)
        bond, steps = combine(tx, chosen, network, MAC, mode, properties)
    await _take(ctx, steps)
    return bond


async def destroy(ctx: Context, self: str) -> None:
    """Bond.destroy: the primary member takes over what the bond had; running VIFs are moved, not refused.

    The records change at once; the interfaces follow one after the other. Raises
    HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE [], or as PIF.plug does, once everything was tried.
    """
    _reach(ctx, self)
    async with ctx.store.transaction() as tx:
        bond = tx.get(Bond, self)
        master = tx.find(PIF, bond.master)
        if master is not None and master.management and the_pool(tx).ha_enabled:
            raise ApiError("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
        steps = take_apart(tx, bond)
    await _take(ctx, steps)


async def set_mode(ctx: Context, self: str, value: str) -> None:
    """Bond.set_mode: properties that do not suit the mode go, its defaults come; the bond is brought up."""
    _reach(ctx, self)
    async with ctx.store.transaction() as tx:
        bond = tx.get(Bond, self)
        tx.set(bond, mode=value, properties=completed(value, bond.properties))
        master = bond.master
    await bring_up(ctx.services, master)


async def set_property(ctx: Context, self: str, name: str, value: str) -> None:
    """Bond.set_property; the bond is brought up. Raises INVALID_VALUE ["properties", "NAME = VALUE"]."""
    _reach(ctx, self)
    async with ctx.store.transaction() as tx:
        bond = tx.get(Bond, self)
        require_valid(bond.mode, name, value)
        tx.set(bond, properties={**bond.properties, name: value})
        master = bond.master
    await bring_up(ctx.services, master)


def _reach(ctx: Context, bond: str) -> None:
    """Check that the host of a bond can be reached. Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host]."""
    master = ctx.store.find(PIF, ctx.store.get(Bond, bond).master)
    if master is not None:
        reach(ctx, master.host)


def require_possible(
    tx: Transaction, network: str, members: Sequence[str], MAC: str, mode: str, properties: Mapping[str, str]
) -> list[PIF]:
    """The members, each once, where the bond is possible.

    Raises PIF_BOND_NEEDS_MORE_MEMBERS, NETWORK_UNMANAGED, NETWORK_ALREADY_CONNECTED, MAC_INVALID,
    INVALID_VALUE, those of :func:`_require_fit`, PIF_CANNOT_BOND_CROSS_HOST, INCOMPATIBLE_PIF_PROPERTIES or
    PIF_BOND_MORE_THAN_ONE_IP.
    """
    if not members:
        raise ApiError("PIF_BOND_NEEDS_MORE_MEMBERS")
    target = tx.get(Network, network)
    require_managed_network(target)
    require_unconnected(tx, target, tx.get(PIF, members[0]).host)
    if MAC:
        require_mac(MAC)
    for key, value in properties.items():
        require_valid(mode, key, value)
    chosen = [tx.get(PIF, ref) for ref in dict.fromkeys(members)]
    for member in chosen:
        _require_fit(tx, member)
    first = chosen[0]
    if any(member.host != first.host for member in chosen):
        raise ApiError("PIF_CANNOT_BOND_CROSS_HOST")
    if any(member.properties != first.properties for member in chosen):
        raise ApiError("INCOMPATIBLE_PIF_PROPERTIES")
    if sum(member.ip_configuration_mode != "None" for member in chosen) > 1:
        raise ApiError("PIF_BOND_MORE_THAN_ONE_IP")
    return chosen


async def _take(ctx: Context, steps: Sequence[Step]) -> None:
    """Take each step, also after one that failed, and tell how far it is; then raise the first error."""

    async def take(number: int, step: Step) -> None:
        try:
            await step(ctx.services)
        finally:
            await ctx.task.progress(round(number * 0.2, 1))

    await try_all(take(number, step) for number, step in enumerate(steps, 1))
    await ctx.task.progress(1.0)


def _require_fit(tx: Transaction, member: PIF) -> None:
    """Raise PIF_ALREADY_BONDED, PIF_VLAN_EXISTS [device], IS_TUNNEL_ACCESS_PIF,
    HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE [] or PIF_UNMANAGED for an interface that cannot be a member."""
    if is_bond_slave(tx, member):
        raise ApiError("PIF_ALREADY_BONDED", member.ref)
    if member.VLAN != -1:
        raise ApiError("PIF_VLAN_EXISTS", member.device)
    if member.tunnel_access_PIF_of:
        raise ApiError("IS_TUNNEL_ACCESS_PIF", member.ref)
    if member.management and the_pool(tx).ha_enabled:
        raise ApiError("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
    require_managed(member)


HANDLERS: Handlers = {
    "Bond.create": create,
    "Bond.destroy": destroy,
    "Bond.set_mode": set_mode,
    "Bond.set_property": set_property,
}
