"""Switching external authentication on and off: the messages of host and pool that do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from xapi_async.datamodel.classes import Host, Pool, Subject
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.directory import DirectoryError, UnknownError
from xapi_async.operations.notices import Messages
from xapi_async.operations.subject import DIRECTORY_TYPE, has_ad
from xapi_async.rpc.authentication.external import External

Config = Mapping[str, str]

NON_HOMOGENEOUS = "EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS"
_NON_HOMOGENEOUS_PRIORITY = 2


def handlers(external: External, revalidate: Callable[[], Awaitable[None]], messages: Messages) -> Handlers:
    """The messages. revalidate: ends the sessions of users who may no longer be logged in."""

    async def enable_host(ctx: Context, host: str, config: Config, service_name: str, auth_type: str) -> None:
        if auth_type == DIRECTORY_TYPE and not has_ad(ctx.store):
            raise ApiError("LICENCE_RESTRICTION", "AD")
        await external.enable(host, config, service_name, auth_type)

    async def disable_host(ctx: Context, host: str, config: Config) -> None:
        ctx.store.get(Host, host)
        await external.disable(host)
        await revalidate()

    async def enable_pool(ctx: Context, pool: str, config: Config, service_name: str, auth_type: str) -> None:
        hosts = _master_first(ctx, pool)
        for host in hosts:
            if host.external_auth_type:
                raise ApiError("POOL_AUTH_ALREADY_ENABLED", host.ref)
        _assert_names_differ(hosts)
        for number, host in enumerate(hosts, 1):
            try:
                await enable_host(ctx, host.ref, config, service_name, auth_type)
            except ApiError as error:
                for tried in hosts[:number]:
                    await external.disable(tried.ref)
                raise _of_pool(error, host.ref) from error
        await _forget_unknown_subjects(ctx, external)

    async def disable_pool(ctx: Context, pool: str, config: Config) -> None:
        for host in _master_first(ctx, pool):
            await external.disable(host.ref)
        await revalidate()

    async def detect(ctx: Context, pool: str) -> None:
        hosts = _master_first(ctx, pool)
        for host in hosts[1:]:
            if _service(host) != _service(hosts[0]):
                body = (
                    f"host_external_auth_type={host.external_auth_type}, "
                    f"host_external_auth_service_name={host.external_auth_service_name}, "
                    f"master_external_auth_type={hosts[0].external_auth_type}, "
                    f"master_external_auth_service_name={hosts[0].external_auth_service_name}"
                )
                await messages.post(NON_HOMOGENEOUS, _NON_HOMOGENEOUS_PRIORITY, "Host", host.uuid, body)

    return {
        "host.enable_external_auth": enable_host,
        "host.disable_external_auth": disable_host,
        "pool.enable_external_auth": enable_pool,
        "pool.disable_external_auth": disable_pool,
        "pool.detect_nonhomogeneous_external_auth": detect,
    }


def _master_first(ctx: Context, pool: str) -> list[Host]:
    master = ctx.store.get(Pool, pool).master
    return sorted(ctx.store.all(Host), key=lambda host: host.ref != master)


def _service(host: Host) -> tuple[str, str]:
    return host.external_auth_type, host.external_auth_service_name


def _assert_names_differ(hosts: list[Host]) -> None:
    by_name: dict[str, str] = {}
    for host in hosts:
        other = by_name.setdefault(host.hostname, host.ref)
        if other != host.ref:
            text = f"{other} has the host name {host.hostname} too"
            raise ApiError("POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME", host.ref, text)


def _of_pool(error: ApiError, host: str) -> ApiError:
    """A host's failure as the pool tells it."""
    text = error.params[0] if error.params else error.code
    if error.code == "AUTH_UNKNOWN_TYPE":
        return ApiError("AUTH_UNKNOWN_TYPE", text)
    if error.code.startswith("AUTH_ENABLE_FAILED"):
        return ApiError(f"POOL_{error.code}", host, text)
    return ApiError("POOL_AUTH_ENABLE_FAILED", host, text)


async def _forget_unknown_subjects(ctx: Context, external: External) -> None:
    directory = external.current()
    for subject in list(ctx.store.all(Subject)):
        try:
            await directory.information(subject.subject_identifier)
        except UnknownError:
            async with ctx.store.transaction() as tx:
                gone = tx.find(Subject, subject.ref)
                if gone is not None:
                    tx.delete(gone)
        except DirectoryError:
            continue  # not known to be unknown
