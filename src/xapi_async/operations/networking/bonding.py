"""Making bonds and taking them apart: the records, in one transaction, and then what the host does about it.

A crash in between leaves whole records behind; the interfaces come up as the server starts again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import chain

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.networking.bond_modes import completed
from xapi_async.operations.networking.checks import pifs
from xapi_async.operations.networking.links import bring_up, drop, interface_of
from xapi_async.operations.networking.management import manage_through
from xapi_async.operations.networking.moving import (
    Moved,
    local_vifs,
    move_tunnels,
    move_vifs,
    move_vlans,
    put_in_place,
    switch_over_all,
    try_all,
)
from xapi_async.operations.networking.records import (
    NO_IPV4,
    delete_metrics,
    ipv4_settings,
    new_bond_master,
    put,
    vlans_over,
)

Step = Callable[[Services], Awaitable[None]]
"""A part of what a host does after its records have changed."""


def combine(
    tx: Transaction, members: Sequence[PIF], network: str, MAC: str, mode: str, properties: Mapping[str, str]
) -> tuple[str, list[Step]]:
    """Make the records of a bond, and move to it what its members have; gives the bond, and what is left to do."""
    primary, host, slaves = _primary(members), members[0].host, [member.ref for member in members]
    managing, managing_vlan = any(member.management for member in members), _manages_through_vlan(tx, members)
    vifs = local_vifs(tx, host, (member.network for member in members))
    master = new_bond_master(tx, host, network, MAC or primary.MAC, dict(members[0].properties))
    bond = tx.create(
        Bond, master=master.ref, primary_slave=primary.ref, mode=mode, properties=completed(mode, properties)
    )
    for member in members:
        tx.set(member, bond_slave_of=bond.ref)
    tx.set(master, **ipv4_settings(primary))
    put(tx, primary, **NO_IPV4)
    if managing:
        manage_through(tx, master)
    vlans, tunnels = move_vlans(tx, slaves, master.ref), move_tunnels(tx, slaves, master.ref)
    move_vifs(tx, vifs, network)
    if any(member.disallow_unplug for member in members):
        put(tx, master, disallow_unplug=True)
        for member in members:
            put(tx, member, disallow_unplug=False)
    own = [_up([master.ref]), _placed(vlans)]
    # Managed through a VLAN, the host keeps in touch if that moves first.
    own = own[::-1] if managing_vlan and not managing else own
    return bond.ref, [*own, _placed(tunnels), _connected(vifs)]


def take_apart(tx: Transaction, bond: Bond) -> list[Step]:
    """Delete the records of a bond, and move to its primary member what it has; gives what is left to do."""
    master, slaves = tx.find(PIF, bond.master), pifs(tx, bond.slaves)
    primary = tx.find(PIF, bond.primary_slave) or next(iter(slaves), None)
    for slave in slaves:
        tx.set(slave, bond_slave_of=NULL_REF)
    steps = _hand_back(tx, master, primary, slaves) if master is not None and primary is not None else []
    tx.delete(bond)
    if master is not None:
        delete_metrics(tx, master)
        tx.delete(master)
    return steps


def _hand_back(tx: Transaction, master: PIF, primary: PIF, slaves: Sequence[PIF]) -> list[Step]:
    managing, managing_vlan = master.management, _manages_through_vlan(tx, [master])
    attached, up = (
        master.currently_attached,
        [primary.ref, *(slave.ref for slave in slaves if slave.ref != primary.ref)],
    )
    gone = [Moved(master.ref, master.host, interface_of(tx, master), primary.ref)] if attached else []
    vifs = local_vifs(tx, master.host, [master.network])
    put(tx, primary, **ipv4_settings(master))
    if managing:
        manage_through(tx, primary)
    vlans, tunnels = move_vlans(tx, [master.ref], primary.ref), move_tunnels(tx, [master.ref], primary.ref)
    move_vifs(tx, vifs, primary.network)
    if master.disallow_unplug:
        put(tx, primary, disallow_unplug=True)
    own = [_up(up if managing or attached else (), gone), _placed(vlans)]
    own = own[::-1] if managing_vlan and not managing else own
    return [*own, _connected(vifs), _placed(tunnels)]


# What is left to do


def _up(refs: Sequence[str], gone: Sequence[Moved] = ()) -> Step:
    """Bring interfaces up, after those that have gone went down."""

    async def step(services: Services) -> None:
        downs = (drop(services, one.old, one.host, one.down) for one in gone if one.down is not None)
        ups = (bring_up(services, ref) for ref in refs if services.store.find(PIF, ref) is not None)
        await try_all(chain(downs, ups))

    return step


def _placed(moved: Sequence[Moved]) -> Step:
    async def step(services: Services) -> None:
        await put_in_place(services, moved)

    return step


def _connected(vifs: Iterable[str]) -> Step:
    async def step(services: Services) -> None:
        await switch_over_all(services, vifs)

    return step


# Which interfaces


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
