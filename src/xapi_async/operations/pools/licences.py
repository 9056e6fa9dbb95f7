"""pool: the edition that all hosts are licensed for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.inventory.licences import LACKING
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers

log = logging.getLogger(__name__)

NEVER = "never"

RANKS: Mapping[str, int] = {edition: rank for rank, edition in enumerate(LACKING)}
"""Editions by how much they have, the lowest first."""


def rank(edition: str) -> int:
    """Where an edition stands; unknown ones are the lowest."""
    return RANKS.get(edition, -1)


async def get_license_state(ctx: Context, self: str) -> dict[str, str]:
    """pool.get_license_state: the lowest edition of any host, and the earliest expiry of those that have it."""
    ctx.store.get(Pool, self)
    hosts = list(ctx.store.all(Host))
    lowest = min((host.edition for host in hosts), key=rank)
    ends = [host.license_params["expiry"] for host in hosts if host.edition == lowest and _expires(host)]
    return {"edition": lowest, "expiry": min(ends, default=NEVER)}


def _expires(host: Host) -> bool:
    return host.license_params.get("expiry", NEVER) not in (NEVER, "")


async def apply_edition(ctx: Context, self: str, edition: str) -> None:
    """pool.apply_edition: host by host. A failure is raised once the hosts before have their former edition again."""
    ctx.store.get(Pool, self)
    before: list[tuple[str, str]] = []
    for host in list(ctx.store.all(Host)):
        former = host.edition
        try:
            await call(ctx, "host.apply_edition", host.ref, edition, False)
        except BaseException:
            await asyncio.shield(_give_back(ctx, before))
            raise
        before.append((host.ref, former))


async def _give_back(ctx: Context, editions: list[tuple[str, str]]) -> None:
    for host, edition in editions:
        try:
            await call(ctx, "host.apply_edition", host, edition, False)
        except ApiError as error:
            log.warning("host %s did not get its edition %s back: %s", host, edition, error.description)


HANDLERS: Handlers = {"pool.get_license_state": get_license_state, "pool.apply_edition": apply_edition}
