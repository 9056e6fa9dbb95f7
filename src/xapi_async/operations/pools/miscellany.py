"""pool: what is set or asked for all hosts at once, and what has no better place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.blob import create_new_blob
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handler, Handlers
from xapi_async.operations.pools.facts import slaves_first
from xapi_async.operations.storage.facts import has_feature as sr_has_feature
from xapi_async.operations.storage.facts import live
from xapi_async.operations.vm.features import the_pool

POST_SECONDS = 60.0
"""How long a test post may take."""


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


GUEST_AGENT_KEYS: dict[str, Callable[[str], bool]] = {
    "auto_update_enabled": lambda value: value in ("true", "false"),
    "auto_update_url": _is_web_address,
}
"""What guest agents can be told, and which values are good."""


async def add_to_guest_agent_config(ctx: Context, self: str, key: str, value: str) -> None:
    """pool.add_to_guest_agent_config. Raises INVALID_VALUE ["guest_agent_config", "key = value"], MAP_DUPLICATE_KEY."""
    is_good = GUEST_AGENT_KEYS.get(key)
    if is_good is None or not is_good(value):
        raise ApiError("INVALID_VALUE", "guest_agent_config", f"{key} = {value}")
    async with ctx.store.transaction() as tx:
        pool = tx.get(Pool, self)
        if key in pool.guest_agent_config:
            raise ApiError("MAP_DUPLICATE_KEY", "pool", "guest_agent_config", self, key)
        tx.set(pool, guest_agent_config={**pool.guest_agent_config, key: value})


async def remove_from_guest_agent_config(ctx: Context, self: str, key: str) -> None:
    """pool.remove_from_guest_agent_config; no error for a key that is not there."""
    async with ctx.store.transaction() as tx:
        pool = tx.get(Pool, self)
        tx.set(pool, guest_agent_config={k: v for k, v in pool.guest_agent_config.items() if k != key})


async def has_extension(ctx: Context, self: str, name: str) -> bool:
    """pool.has_extension: whether every host has it."""
    hosts = [host.ref for host in ctx.store.all(Host)]
    return all([await call(ctx, "host.has_extension", host, name) for host in hosts])


# On every host


async def on_every_host(ctx: Context, act: Callable[[str], Awaitable[object]]) -> None:
    """Do something on each host, the master last; goes on after a failure, and then raises the first."""
    failure: ApiError | None = None
    for host in slaves_first(ctx.store, the_pool(ctx.store)):
        try:
            await act(host.ref)
        except ApiError as error:
            failure = failure or error
    if failure is not None:
        raise failure


def _set_ssl_legacy(value: bool) -> Handler:
    async def set_everywhere(ctx: Context, self: str) -> None:
        """pool.enable_ssl_legacy and its opposite. Raises one of the errors of the hosts."""
        ctx.store.get(Pool, self)
        await on_every_host(ctx, lambda host: call(ctx, "host.set_ssl_legacy", host, value))

    return set_everywhere


def _set_binary_storage(message: str) -> Handler:
    async def set_everywhere(ctx: Context) -> None:
        """pool.enable_binary_storage and its opposite. Raises one of the errors of the hosts."""
        await on_every_host(ctx, lambda host: call(ctx, message, host))

    return set_everywhere


async def enable_local_storage_caching(ctx: Context, self: str) -> None:
    """pool.enable_local_storage_caching: on the first SR of each host's own that does it.

    Raises HOSTS_FAILED_TO_ENABLE_CACHING [host, …], the others having it enabled.
    """
    ctx.store.get(Pool, self)
    hosts = [host.ref for host in ctx.store.all(Host)]
    failed = [host for host in hosts if not await _enable_caching(ctx, host)]
    if failed:
        raise ApiError("HOSTS_FAILED_TO_ENABLE_CACHING", *failed)


async def _enable_caching(ctx: Context, host: str) -> bool:
    for pbd in list(live(ctx.store, PBD, ctx.store.get(Host, host).PBDs)):
        sr = ctx.store.find(SR, pbd.SR)
        is_own = sr is not None and not sr.shared and len(sr.PBDs) == 1
        if not is_own or not sr_has_feature(ctx.store, sr, "SR_SUPPORTS_LOCAL_CACHING"):
            continue
        try:
            await call(ctx, "host.enable_local_storage_caching", host, pbd.SR)
        except ApiError:
            continue
        return True
    return False


async def disable_local_storage_caching(ctx: Context, self: str) -> None:
    """pool.disable_local_storage_caching. Raises HOSTS_FAILED_TO_DISABLE_CACHING [host, …]."""
    ctx.store.get(Pool, self)
    failed = []
    for host in [host.ref for host in ctx.store.all(Host)]:
        try:
            await call(ctx, "host.disable_local_storage_caching", host)
        except ApiError:
            failed.append(host)
    if failed:
        raise ApiError("HOSTS_FAILED_TO_DISABLE_CACHING", *failed)


# Others


async def send_test_post(ctx: Context, host: str, port: int, body: str) -> str:
    """pool.send_test_post: what a server answers to a POST over HTTPS; its certificate is not looked at.

    Raises CANNOT_CONTACT_HOST [host and port] where there is no answer.
    """
    name = f"[{host}]" if ":" in host else host
    limit = aiohttp.ClientTimeout(total=POST_SECONDS)
    try:
        async with (
            ctx.task.cancellable(),
            aiohttp.ClientSession(timeout=limit) as client,
            client.post(f"https://{name}:{port}/", data=body.encode(), ssl=False) as answer,
        ):
            return await answer.text()
    except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
        raise ApiError("CANNOT_CONTACT_HOST", f"{host}:{port}") from error


async def slave_network_report(ctx: Context, *report: object) -> tuple[str, ...]:
    """pool.slave_network_report: long obsolete."""
    return ()


async def test_archive_target(ctx: Context, *args: object) -> str:
    """pool.test_archive_target: gone from the API. Raises MESSAGE_REMOVED []."""
    raise ApiError("MESSAGE_REMOVED")


HANDLERS: Handlers = {
    "pool.create_new_blob": create_new_blob(Pool),
    "pool.add_to_guest_agent_config": add_to_guest_agent_config,
    "pool.remove_from_guest_agent_config": remove_from_guest_agent_config,
    "pool.has_extension": has_extension,
    "pool.enable_ssl_legacy": _set_ssl_legacy(True),
    "pool.disable_ssl_legacy": _set_ssl_legacy(False),
    "pool.enable_binary_storage": _set_binary_storage("host.enable_binary_storage"),
    "pool.disable_binary_storage": _set_binary_storage("host.disable_binary_storage"),
    "pool.enable_local_storage_caching": enable_local_storage_caching,
    "pool.disable_local_storage_caching": disable_local_storage_caching,
    "pool.send_test_post": send_test_post,
    "pool.slave_network_report": slave_network_report,
    "pool.test_archive_target": test_archive_target,
}
