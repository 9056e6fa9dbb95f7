"""host: editions, licence files, and what a host may do by them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from xml.parsers import expat

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.inventory.licences import FEATURES, LACKING, feature_params
from xapi_async.inventory.software import software_version
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.availability import settle_pool
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.vm.features import the_pool

UNLICENSED = frozenset({"free", "free/libre"})
"""Editions that nobody has to be asked for."""

FREE = "free"

ELEMENT = "xe_license"
"""The element of a licence file whose attributes count."""

OF_A_FILE = ("productcode", "serialnumber", "sockets", "expiry", "grace", "version", "company", "name")
"""What license_params takes over from a licence file."""

EXPIRY_KEYS = frozenset({"expiry", "grace"})
"""What license_params says of one licence only, and not of the next."""


async def apply_edition(ctx: Context, host: str, edition: str, force: bool) -> None:
    """host.apply_edition. ``force`` makes no difference: no licence is ever short.

    Raises HA_IS_ENABLED [], INVALID_EDITION [edition], MISSING_CONNECTION_DETAILS [].
    """
    target = reach(ctx, host)
    if the_pool(ctx.store).ha_enabled:
        raise ApiError("HA_IS_ENABLED")
    if edition not in LACKING:
        raise ApiError("INVALID_EDITION", edition)
    server = target.license_server
    if edition not in UNLICENSED and not (server.get("address") and server.get("port")):
        raise ApiError("MISSING_CONNECTION_DETAILS")
    async with ctx.store.transaction() as tx:
        license_host(tx, tx.get(Host, host), edition, {})


async def license_add(ctx: Context, host: str, contents: str) -> None:
    """host.license_add: the edition of a licence file, which is XML, comes into force with what else the file says.

    Nothing can check who signed it. Raises LICENSE_PROCESSING_ERROR [].
    """
    reach(ctx, host)
    licence = _licence(contents)
    edition = licence.get("edition") or licence.get("sku_type") or ""
    if edition not in LACKING:
        raise ApiError("LICENSE_PROCESSING_ERROR")
    async with ctx.store.transaction() as tx:
        said = {key: value for key in OF_A_FILE if (value := licence.get(key)) is not None}
        license_host(tx, tx.get(Host, host), edition, said)


async def license_remove(ctx: Context, host: str) -> None:
    """host.license_remove: back to the free edition."""
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        license_host(tx, tx.get(Host, host), FREE, {})


async def set_license_params(ctx: Context, self: str, value: Mapping[str, str]) -> None:
    """host.set_license_params: stored as they are."""
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Host, self), license_params=dict(value))
        settle_pool(tx)


def license_host(tx: Transaction, host: Host, edition: str, said: Mapping[str, str]) -> None:
    """Put an edition into force on a host. said: what further license_params a licence brings."""
    own = {
        key: value
        for key, value in host.license_params.items()
        if key not in EXPIRY_KEYS and key not in FEATURES.values()
    }
    params = {**own, "sku_type": edition, **said, **feature_params(edition)}
    backend = host.software_version.get("network_backend", "openvswitch")
    versions = {**host.software_version, **software_version(backend, edition)}
    if edition == "free/libre":
        versions.pop("dbv", None)
    tx.set(host, edition=edition, license_params=params, software_version=versions)
    settle_pool(tx)


def _licence(contents: str) -> Mapping[str, str]:
    """What the element of a licence file says that grants something. Raises LICENSE_PROCESSING_ERROR []."""
    found: list[Mapping[str, str]] = []

    def begin(tag: str, attributes: Mapping[str, str]) -> None:
        if tag == ELEMENT:
            found.append(attributes)

    def refuse(*declaration: object) -> None:
        raise ValueError("licence files declare no document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(base64.b64decode(contents, validate=True), True)
    except (ValueError, expat.ExpatError):
        raise ApiError("LICENSE_PROCESSING_ERROR") from None
    if not found:
        raise ApiError("LICENSE_PROCESSING_ERROR")
    return found[0]


HANDLERS: Handlers = {
    "host.apply_edition": apply_edition,
    "host.license_add": license_add,
    "host.license_remove": license_remove,
    "host.set_license_params": set_license_params,
}
