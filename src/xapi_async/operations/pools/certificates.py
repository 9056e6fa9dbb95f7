"""pool: trusted certificates and lists of revoked ones, which every host keeps as the master does."""

from __future__ import annotations

from collections.abc import Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handler, Handlers
from xapi_async.operations.vm.features import the_pool


def _install(kind: str) -> Handler:
    async def install(ctx: Context, name: str, cert: str) -> None:
        """pool.certificate_install, pool.crl_install: on the master, then everywhere; undone if that fails."""
        master = the_pool(ctx.store).master
        await call(ctx, f"host.{kind}_install", master, name, cert)
        try:
            await sync(ctx)
        except ApiError:
            await call(ctx, f"host.{kind}_uninstall", master, name)
            raise

    return install


def _uninstall(kind: str) -> Handler:
    async def uninstall(ctx: Context, name: str) -> None:
        """pool.certificate_uninstall, pool.crl_uninstall: on the master, then everywhere."""
        await call(ctx, f"host.{kind}_uninstall", the_pool(ctx.store).master, name)
        await sync(ctx)

    return uninstall


def _list(kind: str) -> Handler:
    async def names(ctx: Context) -> Sequence[str]:
        """pool.certificate_list, pool.crl_list: what the master has."""
        found: Sequence[str] = await call(ctx, f"host.{kind}_list", the_pool(ctx.store).master)
        return found

    return names


async def sync(ctx: Context) -> None:
    """pool.certificate_sync: every other host gets what the master has, and loses the rest."""
    master = the_pool(ctx.store).master
    for host in [host.ref for host in ctx.store.all(Host) if host.ref != master]:
        await call(ctx, "host.certificate_sync", host)


HANDLERS: Handlers = {
    "pool.certificate_install": _install("certificate"),
    "pool.certificate_uninstall": _uninstall("certificate"),
    "pool.certificate_list": _list("certificate"),
    "pool.crl_install": _install("crl"),
    "pool.crl_uninstall": _uninstall("crl"),
    "pool.crl_list": _list("crl"),
    "pool.certificate_sync": sync,
}
