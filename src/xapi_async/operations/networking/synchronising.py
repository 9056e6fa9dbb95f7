"""host: what the master has done on a host as its agent starts, so that its records and networks are as they should.

Only hosts of the pool may call these; this server does the same by itself when it, or a host, starts.
"""

from __future__ import annotations

from collections.abc import Collection

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking.checks import is_bond_slave
from xapi_async.operations.networking.following_master import follow_tunnels, follow_vlans
from xapi_async.operations.networking.records import host_pifs, put


async def sync_vlans(ctx: Context, host: str) -> None:
    """host.sync_vlans: the host gets the VLANs of the master that it lacks, not plugged. The master follows nobody."""
    ctx.store.get(Host, host)
    await follow_vlans(ctx.services, host)


async def sync_tunnels(ctx: Context, host: str) -> None:
    """host.sync_tunnels: the host gets the tunnels of the master that it lacks, not plugged."""
    ctx.store.get(Host, host)
    await follow_tunnels(ctx.services, host)


async def sync_pif_currently_attached(ctx: Context, host: str, bridges: Collection[str]) -> None:
    """host.sync_pif_currently_attached: show those interfaces as up whose network has one of the bridges there are.

    Members of bonds are never up by themselves. Nothing is brought up or taken down.
    """
    async with ctx.store.transaction() as tx:
        tx.get(Host, host)
        for pif in host_pifs(tx, host):
            network = tx.find(Network, pif.network)
            is_up = network is not None and network.bridge in bridges and not is_bond_slave(tx, pif)
            put(tx, pif, currently_attached=is_up)


HANDLERS: Handlers = {
    "host.sync_vlans": sync_vlans,
    "host.sync_tunnels": sync_tunnels,
    "host.sync_pif_currently_attached": sync_pif_currently_attached,
}
