"""host: certificates and revocation lists that the pool trusts, kept by name for each host.

What the pool's messages do with them is built from the same parts: a kind of :data:`KINDS`, and a host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.vm.features import the_pool

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.pem")


@dataclass(frozen=True)
class Kind:
    """What is kept. document: begins the names of the documents they are kept in. code: begins error codes."""

    document: str
    code: str


CERTIFICATE = Kind("certificates", "CERTIFICATE")
CRL = Kind("revocations", "CRL")
KINDS = (CERTIFICATE, CRL)


async def installed(services: Services, kind: Kind, host: str) -> dict[str, str]:
    """What a host has, by name."""
    kept: dict[str, str] = await services.documents.get(_document(services.store, kind, host)) or {}
    return kept


async def install(services: Services, kind: Kind, host: str, name: str, content: str) -> None:
    """Keep a certificate or list. Raises …_NAME_INVALID [name], …_ALREADY_EXISTS [name]."""
    _require_name(kind, name)
    kept = await installed(services, kind, host)
    if name in kept:
        raise ApiError(f"{kind.code}_ALREADY_EXISTS", name)
    await services.documents.put(_document(services.store, kind, host), {**kept, name: content})


async def uninstall(services: Services, kind: Kind, host: str, name: str) -> None:
    """Forget a certificate or list. Raises …_NAME_INVALID [name], …_DOES_NOT_EXIST [name]."""
    _require_name(kind, name)
    kept = await installed(services, kind, host)
    if name not in kept:
        raise ApiError(f"{kind.code}_DOES_NOT_EXIST", name)
    rest = {other: content for other, content in kept.items() if other != name}
    await services.documents.put(_document(services.store, kind, host), rest)


async def synchronise(services: Services, host: str) -> None:
    """Have a host keep what the master does, and nothing else."""
    master = the_pool(services.store).master
    for kind in KINDS if host != master else ():
        await services.documents.put(_document(services.store, kind, host), await installed(services, kind, master))


def _require_name(kind: Kind, name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise ApiError(f"{kind.code}_NAME_INVALID", name)


def _document(reader: Reader, kind: Kind, host: str) -> str:
    return f"{kind.document} of {reader.get(Host, host).uuid}"


# Messages


async def certificate_install(ctx: Context, host: str, name: str, cert: str) -> None:
    """host.certificate_install."""
    await install(ctx.services, CERTIFICATE, reach(ctx, host).ref, name, cert)


async def certificate_uninstall(ctx: Context, host: str, name: str) -> None:
    """host.certificate_uninstall."""
    await uninstall(ctx.services, CERTIFICATE, reach(ctx, host).ref, name)


async def certificate_list(ctx: Context, host: str) -> tuple[str, ...]:
    """host.certificate_list."""
    return tuple(sorted(await installed(ctx.services, CERTIFICATE, reach(ctx, host).ref)))


async def crl_install(ctx: Context, host: str, name: str, crl: str) -> None:
    """host.crl_install."""
    await install(ctx.services, CRL, reach(ctx, host).ref, name, crl)


async def crl_uninstall(ctx: Context, host: str, name: str) -> None:
    """host.crl_uninstall."""
    await uninstall(ctx.services, CRL, reach(ctx, host).ref, name)


async def crl_list(ctx: Context, host: str) -> tuple[str, ...]:
    """host.crl_list."""
    return tuple(sorted(await installed(ctx.services, CRL, reach(ctx, host).ref)))


async def certificate_sync(ctx: Context, host: str) -> None:
    """host.certificate_sync: certificates and revocation lists alike."""
    await synchronise(ctx.services, reach(ctx, host).ref)


HANDLERS: Handlers = {
    "host.certificate_install": certificate_install,
    "host.certificate_uninstall": certificate_uninstall,
    "host.certificate_list": certificate_list,
    "host.certificate_sync": certificate_sync,
    "host.crl_install": crl_install,
    "host.crl_uninstall": crl_uninstall,
    "host.crl_list": crl_list,
}
