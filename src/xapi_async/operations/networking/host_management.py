"""host and pool: the interface that hosts are managed through, and what is switched for all hosts."""

from __future__ import annotations

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.networking.checks import (
    is_bond_slave,
    local_pif,
    reach_pif,
    require_feature,
    require_vswitch,
    the_pool,
)
from xapi_async.operations.networking.links import attach_network, bring_up, obtained_addresses
from xapi_async.operations.networking.management import manage_through, settle_address, stop_managing
from xapi_async.operations.networking.records import delete_metrics, host_pifs, management_pif, put
from xapi_async.operations.networking.scanning import learn_all


async def management_reconfigure(ctx: Context, pif: str) -> None:
    """host.management_reconfigure: manage the PIF's host through it; the former one keeps its address and stays up.

    Raises HA_IS_ENABLED [], or as :func:`require_usable` does.
    """
    chosen = reach_pif(ctx, pif)
    _require_ha_off(ctx.store)
    require_usable(ctx.store, chosen)
    await _move_management(ctx, pif)


def require_usable(reader: Reader, pif: PIF) -> None:
    """Check that a host can be managed through an interface; of one that others manage nothing is asked.

    Raises CANNOT_PLUG_BOND_SLAVE, PIF_HAS_NO_NETWORK_CONFIGURATION or PIF_HAS_NO_V6_NETWORK_CONFIGURATION [PIF].
    """
    if not pif.managed:
        return
    if is_bond_slave(reader, pif):
        raise ApiError("CANNOT_PLUG_BOND_SLAVE", pif.ref)
    if pif.primary_address_type == "IPv4" and pif.ip_configuration_mode == "None":
        raise ApiError("PIF_HAS_NO_NETWORK_CONFIGURATION", pif.ref)
    if pif.primary_address_type == "IPv6" and pif.ipv6_configuration_mode == "None":
        raise ApiError("PIF_HAS_NO_V6_NETWORK_CONFIGURATION", pif.ref)


async def management_disable(ctx: Context) -> None:
    """host.management_disable, for the host called, which is always the master.

    Raises HA_IS_ENABLED [].
    """
    _require_ha_off(ctx.store)
    async with ctx.store.transaction() as tx:
        stop_managing(tx, the_pool(tx).master)


async def get_management_interface(ctx: Context, host: str) -> str:
    """host.get_management_interface. Raises INTERNAL_ERROR [text] where the host has none."""
    pif = management_pif(ctx.store, host)
    if pif is None:
        raise ApiError("INTERNAL_ERROR", f"host {host} has no management interface")
    return pif.ref


async def local_management_reconfigure(ctx: Context, interface: str) -> None:
    """host.local_management_reconfigure: only for hosts cut off from their master, which none ever is here.

    Raises NOT_IN_EMERGENCY_MODE [].
    """
    raise ApiError("NOT_IN_EMERGENCY_MODE")


async def signal_networking_change(ctx: Context) -> None:
    """host.signal_networking_change: read the master's addresses again, and let what follows from them follow."""
    host = the_pool(ctx.store).master
    found = {
        pif.ref: await obtained_addresses(ctx.services, pif)
        for pif in host_pifs(ctx.store, host)
        if pif.currently_attached
    }
    async with ctx.store.transaction() as tx:
        for ref, values in found.items():
            pif = tx.find(PIF, ref)
            if pif is not None:
                put(tx, pif, **values)
        settle_address(tx, host)


async def reset_networking(ctx: Context, host: str) -> None:
    """host.reset_networking: every Bond, VLAN, tunnel and PIF record of the host goes; a scan finds the cards again."""
    learn_all(ctx.services, host)
    async with ctx.store.transaction() as tx:
        for pif in host_pifs(tx, host):
            for ref in pif.bond_master_of:
                tx.delete(tx.get(Bond, ref))
            for ref in pif.VLAN_slave_of:
                tx.delete(tx.get(VLAN, ref))
            for ref in pif.tunnel_transport_PIF_of:
                tx.delete(tx.get(Tunnel, ref))
        for pif in host_pifs(tx, host):
            delete_metrics(tx, pif)
            tx.delete(pif)


# The whole pool


async def pool_management_reconfigure(ctx: Context, network: str) -> None:
    """pool.management_reconfigure: manage every host through its interface on the network, the master last.

    Raises HA_IS_ENABLED [], PIF_NOT_PRESENT [host, network], PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE [PIF], or as
    :func:`require_usable` does.
    """
    store = ctx.store
    _require_ha_off(store)
    target, master = store.get(Network, network), the_pool(store).master
    chosen: list[PIF] = []
    for host in store.all(Host):
        pif = local_pif(store, target, host.ref)
        if pif is None:
            raise ApiError("PIF_NOT_PRESENT", host.ref, network)
        chosen.append(pif)
    for pif in chosen:
        if pif.primary_address_type != chosen[0].primary_address_type:
            raise ApiError("PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", pif.ref)
    for pif in chosen:
        reach(ctx, pif.host)
        require_usable(store, pif)
    for ref in sorted((pif.ref for pif in chosen), key=lambda ref: store.get(PIF, ref).host == master):
        await _move_management(ctx, ref)


async def set_igmp_snooping_enabled(ctx: Context, self: str, value: bool) -> None:
    """pool.set_igmp_snooping_enabled: stored, then taken into use on every host.

    Raises LICENCE_RESTRICTION ["IGMP_snooping"], OPENVSWITCH_NOT_ACTIVE [] or, the setting stored,
    COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE [].
    """
    async with ctx.store.transaction() as tx:
        pool = tx.get(Pool, self)
        if value:
            require_feature(tx, "IGMP_snooping")
        require_vswitch(tx)
        tx.set(pool, igmp_snooping_enabled=value)
    failed = False
    for pif in list(ctx.store.all(PIF)):
        if pif.VLAN != -1 or is_bond_slave(ctx.store, pif):
            continue
        try:
            await attach_network(ctx.services, pif.network, pif.host, again=True)
        except ApiError:
            failed = True
    if failed:
        raise ApiError("COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE")


async def _move_management(ctx: Context, ref: str) -> None:
    if ctx.store.get(PIF, ref).management:
        return
    await bring_up(ctx.services, ref)
    async with ctx.store.transaction() as tx:
        manage_through(tx, tx.get(PIF, ref))


def _require_ha_off(reader: Reader) -> None:
    if the_pool(reader).ha_enabled:
        raise ApiError("HA_IS_ENABLED")


HANDLERS: Handlers = {
    "host.management_reconfigure": management_reconfigure,
    "host.management_disable": management_disable,
    "host.get_management_interface": get_management_interface,
    "host.local_management_reconfigure": local_management_reconfigure,
    "host.signal_networking_change": signal_networking_change,
    "host.reset_networking": reset_networking,
    "pool.management_reconfigure": pool_management_reconfigure,
    "pool.set_igmp_snooping_enabled": set_igmp_snooping_enabled,
}
