"""pool: workload balancing, which another server does.

Its protocol is not spoken here: calls are checked as ever, the settings can be cleared, and what would need an
answer of that server is refused as not implemented.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.secret import Secret
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.pools.facts import require_feature
from xapi_async.operations.vm.features import the_pool

PORTS = 65536
CONNECT_SECONDS = 30
TIMEOUT_KEY = "wlb_timeout"

_URL = re.compile(r"(?P<host>[^\s:\[\]]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def require_initialised(reader: Reader) -> None:
    """Raise LICENCE_RESTRICTION ["WLB"] or WLB_NOT_INITIALIZED [] where there is no server to ask."""
    require_feature(reader, "WLB")
    if not the_pool(reader).wlb_url:
        raise ApiError("WLB_NOT_INITIALIZED")


def require_usable(reader: Reader) -> None:
    """As :func:`require_initialised`, or WLB_DISABLED [] where its advice is not wanted."""
    require_initialised(reader)
    if not the_pool(reader).wlb_enabled:
        raise ApiError("WLB_DISABLED")


async def initialize_wlb(
    ctx: Context,
    wlb_url: str,
    wlb_username: str,
    wlb_password: str,
    xenserver_username: str,
    xenserver_password: str,
) -> None:
    """pool.initialize_wlb. Raises LICENCE_RESTRICTION ["WLB"], WLB_URL_INVALID [url], or how connecting failed.

    A server that can be reached is not spoken to: NOT_IMPLEMENTED [message].
    """
    require_feature(ctx.store, "WLB")
    parsed = _URL.fullmatch(wlb_url)
    if parsed is None or not 0 < int(parsed["port"]) < PORTS:
        raise ApiError("WLB_URL_INVALID", wlb_url)
    await _connect(ctx, parsed["host"].strip("[]"), int(parsed["port"]))
    raise ApiError("NOT_IMPLEMENTED", "pool.initialize_wlb")


async def _connect(ctx: Context, host: str, port: int) -> None:
    text = the_pool(ctx.store).other_config.get(TIMEOUT_KEY, "")
    seconds = int(text) if text.isascii() and text.isdigit() else CONNECT_SECONDS
    try:
        async with ctx.task.cancellable(), asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except TimeoutError:
        raise ApiError("WLB_TIMEOUT", seconds) from None
    except socket.gaierror:
        raise ApiError("WLB_UNKNOWN_HOST") from None
    except ConnectionResetError:
        raise ApiError("WLB_CONNECTION_RESET") from None
    except OSError:
        raise ApiError("WLB_CONNECTION_REFUSED") from None


async def deconfigure_wlb(ctx: Context) -> None:
    """pool.deconfigure_wlb: forget the server and the password for it. Raises WLB_NOT_INITIALIZED []."""
    async with ctx.store.transaction() as tx:
        pool = tx.get(Pool, the_pool(tx.view).ref)
        if not pool.wlb_url:
            raise ApiError("WLB_NOT_INITIALIZED")
        password = tx.find(Secret, pool.wlb_password)
        if password is not None:
            tx.delete(password)
        tx.set(pool, wlb_url="", wlb_username="", wlb_password=NULL_REF, wlb_enabled=False)


async def send_wlb_configuration(ctx: Context, config: Mapping[str, str]) -> None:
    """pool.send_wlb_configuration. Raises as :func:`require_initialised`, then NOT_IMPLEMENTED [message]."""
    require_initialised(ctx.store)
    raise ApiError("NOT_IMPLEMENTED", "pool.send_wlb_configuration")


async def retrieve_wlb_configuration(ctx: Context) -> dict[str, str]:
    """pool.retrieve_wlb_configuration. Raises as :func:`require_initialised`, then NOT_IMPLEMENTED [message]."""
    require_initialised(ctx.store)
    raise ApiError("NOT_IMPLEMENTED", "pool.retrieve_wlb_configuration")


async def retrieve_wlb_recommendations(ctx: Context) -> dict[str, tuple[str, ...]]:
    """pool.retrieve_wlb_recommendations. Raises as :func:`require_usable`, then NOT_IMPLEMENTED [message]."""
    require_usable(ctx.store)
    raise ApiError("NOT_IMPLEMENTED", "pool.retrieve_wlb_recommendations")


HANDLERS: Handlers = {
    "pool.initialize_wlb": initialize_wlb,
    "pool.deconfigure_wlb": deconfigure_wlb,
    "pool.send_wlb_configuration": send_wlb_configuration,
    "pool.retrieve_wlb_configuration": retrieve_wlb_configuration,
    "pool.retrieve_wlb_recommendations": retrieve_wlb_recommendations,
}
