"""pool, host: what the hosts of a pool tell each other so that each lets the others, and root, in."""

from __future__ import annotations

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import reach
from xapi_async.rpc.passwords import LONGEST, Passwords


def handlers(passwords: Passwords) -> Handlers:
    """The messages. passwords: the pool's, which all its hosts share here."""

    async def initial_auth(ctx: Context) -> str:
        """pool.initial_auth: the secret by which a host that has joined is let in."""
        return passwords.pool_secret

    async def update_pool_secret(ctx: Context, host: str, pool_secret: str) -> None:
        """host.update_pool_secret: another secret counts from now on, for every host. Sessions go on.

        Raises HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host], or INVALID_VALUE ["pool_secret", text] for one that is
        empty or too long.
        """
        reach(ctx, host)
        if not pool_secret or len(pool_secret) > LONGEST:
            raise ApiError("INVALID_VALUE", "pool_secret", f"it must have 1 to {LONGEST} characters")
        await passwords.set_pool_secret(pool_secret)

    async def request_config_file_sync(ctx: Context, host: str, hash: str) -> None:
        """host.request_config_file_sync: have a host take over the hash of root's password, unless it has it.

        All hosts share the one that there is, so nothing is left to be done whatever ``hash`` is.
        Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
        """
        reach(ctx, host)

    return {
        "pool.initial_auth": initial_auth,
        "host.update_pool_secret": update_pool_secret,
        "host.request_config_file_sync": request_config_file_sync,
    }
