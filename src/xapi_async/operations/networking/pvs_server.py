"""PVS_server: the provisioning servers of a site."""

from __future__ import annotations

from collections.abc import Sequence

from xapi_async.datamodel.classes.pvs_server import PVSServer
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking.checks import require_feature, require_ip, require_port_range, require_vswitch


async def introduce(ctx: Context, addresses: Sequence[str], first_port: int, last_port: int, site: str) -> str:
    """PVS_server.introduce.

    Raises LICENCE_RESTRICTION ["PVS_proxy"], OPENVSWITCH_NOT_ACTIVE [], INVALID_IP_ADDRESS_SPECIFIED ["addresses"],
    PVS_SERVER_ADDRESS_IN_USE [addresses], VALUE_NOT_SUPPORTED [field, port, text] or INVALID_VALUE ["site", ref].
    """
    async with ctx.store.transaction() as tx:
        require_feature(tx, "PVS_proxy")
        require_vswitch(tx)
        for address in addresses:
            require_ip(address, "addresses")
        distinct = tuple(dict.fromkeys(addresses))
        known = {address for server in tx.all(PVSServer) for address in server.addresses}
        in_use = [address for address in distinct if address in known]
        if in_use:
            raise ApiError("PVS_SERVER_ADDRESS_IN_USE", *in_use)
        require_port_range(first_port, last_port, "first_port", "last_port")
        if tx.find(PVSSite, site) is None:
            raise ApiError("INVALID_VALUE", "site", site)
        return tx.create(PVSServer, addresses=distinct, first_port=first_port, last_port=last_port, site=site).ref


async def forget(ctx: Context, self: str) -> None:
    """PVS_server.forget."""
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(PVSServer, self))


HANDLERS: Handlers = {"PVS_server.introduce": introduce, "PVS_server.forget": forget}
