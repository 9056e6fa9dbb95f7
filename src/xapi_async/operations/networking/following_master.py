"""What a slave has like the master once its agent has started.

That is bonds of equal cards, and VLANs and tunnels that join it to the same networks.
"""

from __future__ import annotations

import logging

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.networking.bond import require_possible
from xapi_async.operations.networking.bonding import Step, combine, take_apart
from xapi_async.operations.networking.checks import pifs, the_pool
from xapi_async.operations.networking.moving import try_all
from xapi_async.operations.networking.records import (
    bond_of,
    bond_slaves,
    host_pifs,
    new_tunnel,
    new_vlan,
    tunnels_over,
    vlans_over,
)
from xapi_async.operations.networking.tunnel import require_tunnel_possible
from xapi_async.operations.networking.vlan import require_vlan_possible

VLANS_KEY, VLANS_OFF = "sync_vlans", "nosync"
"""What a host's other_config says where VLANs are not to be made by themselves."""

log = logging.getLogger(__name__)


async def follow_master(services: Services, host: str) -> None:
    """Make the master's bonds on a host, as far as it has the cards, and the VLANs and tunnels it lacks; never fails.

    Bonds there of other cards than these are made anew. New VLANs and tunnels are not plugged.
    """
    store = services.store
    own, master = store.find(Host, host), the_pool(store).master
    if own is None or host == master:
        return
    for bond in [bond for pif in host_pifs(store, master) if (bond := bond_of(store, pif)) is not None]:
        try:
            await _follow_bond(services, bond.ref, host)
        except ApiError as error:
            log.warning("host %s did not get the master's bond %s: %s", own.uuid, bond.uuid, error)
    await follow_vlans(services, host)
    await follow_tunnels(services, host)


async def _follow_bond(services: Services, ref: str, host: str) -> None:
    if _is_alike(services.store, services.store.get(Bond, ref), host):
        return
    async with services.store.transaction() as tx:
        steps = _copy_bond(tx, tx.get(Bond, ref), host)
    await try_all(step(services) for step in steps)


def _is_alike(reader: Reader, bond: Bond, host: str) -> bool:
    """Whether a host has no card for a bond, or has that bond of all the cards it has for it."""
    wanted = _cards(reader, bond, host)
    existing = _bond_on(reader, reader.get(PIF, bond.master).network, host)
    return not wanted or (existing is not None and set(existing.slaves) == {pif.ref for pif in wanted})


def _copy_bond(tx: Transaction, bond: Bond, host: str) -> list[Step]:
    master, members = tx.get(PIF, bond.master), _cards(tx, bond, host)
    existing = _bond_on(tx, master.network, host)
    before = [] if existing is None else take_apart(tx, existing)
    # The same card lends its address as on the master; without it the host's own choice holds.
    device = next((pif.device for pif in pifs(tx, bond.slaves) if master.MAC == pif.MAC), "")
    MAC = next((pif.MAC for pif in members if pif.device == device), "")
    refs = [pif.ref for pif in members]
    chosen = require_possible(tx, master.network, refs, MAC, bond.mode, bond.properties)
    return [*before, *combine(tx, chosen, master.network, MAC, bond.mode, bond.properties)[1]]


def _cards(reader: Reader, bond: Bond, host: str) -> list[PIF]:
    """The cards of a host that are named like the members of another's bond, in that order."""
    own = {pif.device: pif for pif in host_pifs(reader, host) if pif.physical}
    return [own[pif.device] for pif in pifs(reader, bond.slaves) if pif.device in own]


def _bond_on(reader: Reader, network: str, host: str) -> Bond | None:
    """The bond that joins a host to a network."""
    found = (bond_of(reader, pif) for pif in host_pifs(reader, host) if pif.network == network)
    return next(
        (bond for bond in found if bond is not None and bond_slaves(reader, reader.get(PIF, bond.master))), None
    )


async def follow_vlans(services: Services, host: str) -> None:
    """Make the VLANs on a host that the master has on networks both are on, unless the host's settings forbid it."""
    store = services.store
    own = store.get(Host, host)
    if own.other_config.get(VLANS_KEY) == VLANS_OFF:
        return
    ways = _networks_of(store, host)
    missing = [
        (ways[pif.network], vlan.tag, network)
        for pif in host_pifs(store, the_pool(store).master)
        for vlan in vlans_over(store, pif)
        if pif.network in ways and (network := _network_of(store, vlan.untagged_PIF)) and network not in ways
    ]
    if not missing:
        return
    async with store.transaction() as tx:
        for ref, tag, network in missing:
            pif, target = tx.get(PIF, ref), tx.get(Network, network)
            try:
                require_vlan_possible(services, tx, pif, tag, target)
            except ApiError as error:
                log.warning("host %s did not get VLAN %s of the master: %s", own.uuid, tag, error)
            else:
                new_vlan(tx, pif, tag, network)


async def follow_tunnels(services: Services, host: str) -> None:
    """Make the tunnels on a host that the master has over networks both are on."""
    store = services.store
    own = store.get(Host, host)
    ways = _networks_of(store, host)
    missing = [
        (ways[pif.network], network)
        for pif in host_pifs(store, the_pool(store).master)
        for tunnel in tunnels_over(store, pif)
        if pif.network in ways and (network := _network_of(store, tunnel.access_PIF)) and network not in ways
    ]
    if not missing:
        return
    async with store.transaction() as tx:
        for ref, network in missing:
            pif, target = tx.get(PIF, ref), tx.get(Network, network)
            try:
                require_tunnel_possible(tx, pif, target)
            except ApiError as error:
                log.warning("host %s did not get the master's tunnel of network %s: %s", own.uuid, network, error)
            else:
                new_tunnel(tx, pif, network)


def _networks_of(reader: Reader, host: str) -> dict[str, str]:
    """The interface by which a host is on each network."""
    return {pif.network: pif.ref for pif in host_pifs(reader, host)}


def _network_of(reader: Reader, pif: str) -> str:
    found = reader.find(PIF, pif)
    return found.network if found is not None else ""
