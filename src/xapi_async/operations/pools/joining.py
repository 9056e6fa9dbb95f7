"""pool: joining another pool. All is checked, at the other server too; then it is refused.

This server holds its pool's database and cannot become the slave of another.
"""

from __future__ import annotations

import xmlrpc.client
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from xml.parsers import expat

import aiohttp

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handler, Handlers
from xapi_async.operations.pools.facts import has_feature
from xapi_async.operations.pools.join_checks import Joining, Remote, require_joinable

CALL_SECONDS = 60.0


def _join(*, force: bool) -> Handler:
    async def join(ctx: Context, master_address: str, master_username: str, master_password: str) -> None:
        """pool.join, pool.join_force.

        Raises LICENCE_RESTRICTION [], JOINING_HOST_CONNECTION_FAILED [], JOINING_HOST_SERVICE_FAILED [], what
        logging in there gives, as :func:`~.join_checks.require_joinable`, or else OPERATION_NOT_ALLOWED [text].
        """
        if not has_feature(ctx.store, "Pooling"):
            raise ApiError("LICENCE_RESTRICTION")
        async with ctx.task.cancellable(), _logged_in(master_address, master_username, master_password) as other:
            remote = await _records(other)
        require_joinable(Joining(ctx.store, remote), force=force)
        raise ApiError("OPERATION_NOT_ALLOWED", "this server holds its own pool, and cannot become another's slave")

    return join


class _Other:
    """A session with another server."""

    def __init__(self, client: aiohttp.ClientSession, address: str) -> None:
        self._client = client
        self._url = f"https://{f'[{address}]' if address.count(':') > 1 else address}/"
        self.session = ""

    async def call(self, method: str, *params: Any) -> Any:
        """The value of a call there. Raises the error it gives, or as connecting does."""
        body = xmlrpc.client.dumps((self.session, *params) if self.session else params, method)
        headers = {"Content-Type": "text/xml"}
        try:
            async with self._client.post(self._url, data=body.encode(), headers=headers, ssl=False) as answer:
                if answer.status >= 400:
                    raise ApiError("JOINING_HOST_SERVICE_FAILED")
                text = await answer.text()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise ApiError("JOINING_HOST_CONNECTION_FAILED") from error
        try:
            answered, _ = xmlrpc.client.loads(text)
            envelope: Any = answered[0]
            status, value, failure = (envelope.get(key) for key in ("Status", "Value", "ErrorDescription"))
        except (xmlrpc.client.Error, expat.ExpatError, ValueError, LookupError, AttributeError) as error:
            raise ApiError("JOINING_HOST_SERVICE_FAILED") from error
        if status != "Success":
            raise ApiError(*(failure or ["JOINING_HOST_SERVICE_FAILED"]))
        return value


@asynccontextmanager
async def _logged_in(address: str, user: str, password: str) -> AsyncIterator[_Other]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as client:
        other = _Other(client, address)
        other.session = await other.call("session.login_with_password", user, password, "2.9", "pool.join")
        try:
            yield other
        finally:
            with suppress(ApiError):
                await other.call("session.logout")


async def _records(other: _Other) -> Remote:
    pools = await other.call("pool.get_all_records")
    classes = ("host", "PIF", "network", "pool_update", "SDN_controller")
    hosts, pifs, networks, updates, controllers = [await other.call(f"{name}.get_all_records") for name in classes]
    return Remote(next(iter(pools.values())), hosts, pifs, networks, updates, controllers)


HANDLERS: Handlers = {"pool.join": _join(force=False), "pool.join_force": _join(force=True)}
