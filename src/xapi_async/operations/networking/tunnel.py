"""tunnel: networks that span hosts over another interface."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking.checks import (
    is_bond_slave,
    reach_pif,
    require_managed,
    require_managed_network,
    require_unconnected,
    require_vswitch,
)
from xapi_async.operations.networking.links import plug
from xapi_async.operations.networking.records import new_tunnel
from xapi_async.operations.networking.unplugging import require_unpluggable, unplug


async def create(ctx: Context, transport_PIF: str, network: str) -> str:
    """tunnel.create: a tunnel with its access interface, which is plugged. Where that fails the records stay.

    Raises NETWORK_UNMANAGED, PIF_UNMANAGED, CANNOT_ADD_TUNNEL_TO_BOND_SLAVE, NETWORK_ALREADY_CONNECTED,
    OPENVSWITCH_NOT_ACTIVE, IS_TUNNEL_ACCESS_PIF or TRANSPORT_PIF_NOT_CONFIGURED.
    """
    reach_pif(ctx, transport_PIF)
    async with ctx.store.transaction() as tx:
        target, transport = tx.get(Network, network), tx.get(PIF, transport_PIF)
        require_tunnel_possible(tx, transport, target)
        tunnel = new_tunnel(tx, transport, network)
        ref, access = tunnel.ref, tunnel.access_PIF
    await plug(ctx.services, access)
    return ref


def require_tunnel_possible(reader: Reader, transport: PIF, target: Network) -> None:
    """Check that a tunnel over an interface can join its host to a network. Raises as :func:`create` says."""
    require_managed_network(target)
    require_managed(transport)
    if is_bond_slave(reader, transport):
        raise ApiError("CANNOT_ADD_TUNNEL_TO_BOND_SLAVE", transport.ref)
    require_unconnected(reader, target, transport.host)
    for host in reader.all(Host):
        require_vswitch(reader, host.ref)
    if transport.tunnel_access_PIF_of:
        raise ApiError("IS_TUNNEL_ACCESS_PIF", transport.ref)


async def destroy(ctx: Context, self: str) -> None:
    """tunnel.destroy: the tunnel and its access interface go; raises as PIF.unplug does."""
    access = ctx.store.get(Tunnel, self).access_PIF
    if ctx.store.find(PIF, access) is not None:
        reach_pif(ctx, access)
        await unplug(ctx.services, access)
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(Tunnel, self))
        gone = tx.find(PIF, access)
        if gone is not None:
            require_unpluggable(tx, gone)  # while it went down somebody may have put it to use
            tx.delete(gone)


HANDLERS: Handlers = {"tunnel.create": create, "tunnel.destroy": destroy}
