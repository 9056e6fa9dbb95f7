"""SDN_controller: who steers the hosts' virtual switches."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.sdn_controller import SDNController
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.networking.checks import require_ip, require_port, the_pool, uses_vswitch

DEFAULT_PORT = 6632
"""Where a controller is called when no port is named."""


async def introduce(ctx: Context, protocol: str, address: str, port: int) -> str:
    """SDN_controller.introduce: at most one in a pool.

    Raises OPERATION_NOT_ALLOWED [text], INVALID_VALUE [field, value], INVALID_IP_ADDRESS_SPECIFIED ["address"]
    or VALUE_NOT_SUPPORTED ["port", port, text].
    """
    async with ctx.store.transaction() as tx:
        return _introduce(tx, protocol, address, port)


async def forget(ctx: Context, self: str) -> None:
    """SDN_controller.forget."""
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(SDNController, self))


async def set_vswitch_controller(ctx: Context, address: str) -> None:
    """pool.set_vswitch_controller (deprecated): the one controller, called over SSL; an empty address for none.

    Raises OPERATION_NOT_ALLOWED [text] or INVALID_IP_ADDRESS_SPECIFIED ["address"].
    """
    async with ctx.store.transaction() as tx:
        _require_vswitch(tx)
        pool = the_pool(tx)
        if pool.vswitch_controller == address:
            return
        if address:
            require_ip(address, "address")
        tx.set(pool, vswitch_controller=address)
        for controller in list(tx.all(SDNController)):
            tx.delete(controller)
        if address:
            _introduce(tx, "ssl", address, DEFAULT_PORT)


def _introduce(tx: Transaction, protocol: str, address: str, port: int) -> str:
    _require_vswitch(tx)
    if any(True for _ in tx.all(SDNController)):
        raise ApiError("OPERATION_NOT_ALLOWED", "the pool has a controller already; forget it first")
    if protocol == "pssl":
        # Here the controller calls the hosts, so there is nothing to say where it is.
        if address:
            raise ApiError("INVALID_VALUE", "address", address)
        if port:
            raise ApiError("INVALID_VALUE", "port", port)
    else:
        if not address:
            raise ApiError("INVALID_VALUE", "address", "")
        require_ip(address, "address")
    if port:
        require_port(port, "port")
    chosen = DEFAULT_PORT if protocol == "ssl" and not port else port
    return tx.create(SDNController, protocol=protocol, address=address, port=chosen).ref


def _require_vswitch(reader: Reader) -> None:
    if not uses_vswitch(reader.get(Host, the_pool(reader).master)):
        raise ApiError("OPERATION_NOT_ALLOWED", "the pool's hosts use plain bridges, not the virtual switch")


HANDLERS: Handlers = {
    "SDN_controller.introduce": introduce,
    "SDN_controller.forget": forget,
    "pool.set_vswitch_controller": set_vswitch_controller,
}
