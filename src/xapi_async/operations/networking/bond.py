"""Bond: combining a host's cards into one interface, and taking them apart again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking.bond_modes import completed, require_valid
from xapi_async.operations.networking.checks import (
    is_bond_slave,
    pifs,
    require_mac,
    require_managed,
    require_managed_network,
    require_unconnected,
    the_pool,
)
from xapi_async.operations.networking.links import bring_up
from xapi_async.operations.networking.management import manage_through
from xapi_async.operations.networking.moving import local_vifs, move_tunnels, move_vifs, move_vlans
from xapi_async.operations.networking.records import (
    NO_IPV4,
    delete_metrics,
    ipv4_settings,
    new_bond_master,
    put,
    vlans_over,
)


async def create(
    ctx: Context, network: str, members: Sequence[str], MAC: str, mode: str, properties: Mapping[str, str]
) -> str:
    """Bond.create: the bond takes over the address, VLANs, tunnels and local VIFs of its members.

    Raises what :func:`_require_possible` raises, or as PIF.plug does.
    """
    store, services = ctx.store, ctx.services
    async with store.transaction() as tx:
        chosen = _require_possible(tx, network, members, MAC, mode, properties)
        primary, host = _primary(chosen), chosen[0].host
        managing = any(member.management for member in chosen)
        managing_vlan = _manages_through_vlan(tx, chosen)
        vifs = local_vifs(tx, host, (member.network for member in chosen))
        master = new_bond_master(tx, host, network, MAC or primary.MAC, dict(chosen[0].properties))
        bond = tx.create(
            Bond,
            master=master.ref,
            primary_slave=primary.ref,
            mode=mode,
            properties=completed(mode, properties),
        )
        for member in chosen:
            tx.set(member, bond_slave_of=bond.ref)
        tx.set(master, **ipv4_settings(primary))
        put(tx, primary, **NO_IPV4)
        ref, master_ref, slaves = bond.ref, master.ref, [member.ref for member in chosen]

    if managing:
        await bring_up(services, master_ref)
        async with store.transaction() as tx:
            manage_through(tx, tx.get(PIF, master_ref))
    elif not managing_vlan:
        await bring_up(services, master_ref)
    await ctx.task.progress(0.2)
    await move_vlans(services, slaves, master_ref)
    if managing_vlan and not managing:
        await bring_up(services, master_ref)
    await ctx.task.progress(0.4)
    await move_tunnels(services, slaves, master_ref)
    await ctx.task.progress(0.6)
    await move_vifs(services, vifs, network)
    await ctx.task.progress(0.8)
    async with store.transaction() as tx:
        held = [member for member in pifs(tx, slaves) if member.disallow_unplug]
        if held:
            put(tx, tx.get(PIF, master_ref), disallow_unplug=True)
        for member in held:
            put(tx, member, disallow_unplug=False)
    await ctx.task.progress(1.0)
    return ref


async def destroy(ctx: Context, self: str) -> None:
    """Bond.destroy: the primary member takes over what the bond had; running VIFs are moved, not refused.

    Raises HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE [].
    """
    store, services = ctx.store, ctx.services
    async with store.transaction() as tx:
        bond = tx.get(Bond, self)
        master = tx.get(PIF, bond.master)
        if the_pool(tx).ha_enabled and master.management:
            raise ApiError("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
        slaves = pifs(tx, bond.slaves)
        primary = tx.find(PIF, bond.primary_slave) or slaves[0]
        managing, attached = master.management, master.currently_attached
        managing_vlan = _manages_through_vlan(tx, [master])
        vifs = local_vifs(tx, master.host, [master.network])
        put(tx, primary, **ipv4_settings(master))
        put(tx, master, **NO_IPV4)
        master_ref, primary_ref, home = master.ref, primary.ref, primary.network
        others = [slave.ref for slave in slaves if slave.ref != primary_ref]

    async def plug_members() -> None:
        for ref in (primary_ref, *others):
            await bring_up(services, ref)

    if managing:
        await bring_up(services, primary_ref)
        async with store.transaction() as tx:
            manage_through(tx, tx.get(PIF, primary_ref))
        for ref in others:
            await bring_up(services, ref)
    elif attached and not managing_vlan:
        await plug_members()
    await ctx.task.progress(0.2)
    await move_vlans(services, [master_ref], primary_ref)
    if attached and managing_vlan and not managing:
        await plug_members()
    await ctx.task.progress(0.4)
    await move_vifs(services, vifs, home)
    await ctx.task.progress(0.6)
    await move_tunnels(services, [master_ref], primary_ref)
    await ctx.task.progress(0.8)
    async with store.transaction() as tx:
        bond, master = tx.get(Bond, self), tx.get(PIF, master_ref)
        if master.disallow_unplug:
            put(tx, tx.get(PIF, primary_ref), disallow_unplug=True)
        for slave in pifs(tx, bond.slaves):
            tx.set(slave, bond_slave_of=NULL_REF)
        tx.delete(bond)
        delete_metrics(tx, master)
        tx.delete(master)
    await ctx.task.progress(1.0)


async def set_mode(ctx: Context, self: str, value: str) -> None:
    """Bond.set_mode: properties that do not suit the mode go, its defaults come; the bond is brought up."""
    async with ctx.store.transaction() as tx:
        bond = tx.get(Bond, self)
        tx.set(bond, mode=value, properties=completed(value, bond.properties))
        master = bond.master
    await bring_up(ctx.services, master)


async def set_property(ctx: Context, self: str, name: str, value: str) -> None:
    """Bond.set_property; the bond is brought up. Raises INVALID_VALUE ["properties", "NAME = VALUE"]."""
    async with ctx.store.transaction() as tx:
        bond = tx.get(Bond, self)
        require_valid(bond.mode, name, value)
        tx.set(bond, properties={**bond.properties, name: value})
        master = bond.master
    await bring_up(ctx.services, master)


def _require_possible(
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


def _primary(members: Sequence[PIF]) -> PIF:
    """The member whose addresses the bond takes over."""
    wishes = (
        (member for member in members if member.management),
        (member for member in members if member.ip_configuration_mode != "None"),
        members,
    )
    return next(member for wish in wishes for member in wish)


def _manages_through_vlan(reader: Reader, bases: Sequence[PIF]) -> bool:
    """Whether the host is managed through a VLAN over one of the interfaces."""
    over = (vlan.untagged_PIF for base in bases for vlan in vlans_over(reader, base))
    return any(pif.management for pif in pifs(reader, over))


HANDLERS: Handlers = {
    "Bond.create": create,
    "Bond.destroy": destroy,
    "Bond.set_mode": set_mode,
    "Bond.set_property": set_property,
}
