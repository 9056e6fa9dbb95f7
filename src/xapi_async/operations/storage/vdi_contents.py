"""VDI: what a disk holds, and how to reach it over the network."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cryptography import x509

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.replication.copy_reader import read_copy
from xapi_async.operations.storage.facts import incompatible_type, live, pbds_of
from xapi_async.operations.storage.sites import failures, site_of
from xapi_async.storage.driver import PIECE, STRETCH, Image
from xapi_async.storage.nbd_listener import NbdListener

NBD_PURPOSES = frozenset({"nbd", "insecure_nbd"})
"""Purposes of networks over which disks may be read."""


async def checksum(ctx: Context, self: str) -> str:
    """VDI.checksum: MD5 of the whole disk in hexadecimal.

    Raises SR_HAS_NO_PBDS [SR], VDI_IO_ERROR [text], or what the backend does.
    """
    vdi = ctx.store.get(VDI, self)
    site = site_of(ctx.services, vdi.SR)
    try:
        with failures(vdi.SR, self):
            async with site.driver.opened(site.sr, vdi.location, writable=False) as image:
                return await _md5(ctx, image)
    except OSError as error:
        raise ApiError("VDI_IO_ERROR", str(error)) from error


async def _md5(ctx: Context, image: Image) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for offset in range(0, image.size, STRETCH):
        async with ctx.task.cancellable():
            data = await image.read(offset, min(STRETCH, image.size - offset))
            view = memoryview(data)
            # A piece at a time: on a single core, calls wait for as long as the thread computes.
            for start in range(0, len(view), PIECE):
                await asyncio.to_thread(digest.update, view[start : start + PIECE])
        await ctx.task.progress(min(1.0, (offset + STRETCH) / image.size))
    return digest.hexdigest()


async def get_nbd_info(ctx: Context, self: str) -> Sequence[Mapping[str, Any]]:
    """VDI.get_nbd_info: where the disk can be read by NBD. Raises VDI_INCOMPATIBLE_TYPE [VDI, type]."""
    store = ctx.store
    vdi = store.get(VDI, self)
    if vdi.type == "cbt_metadata":
        raise incompatible_type(self, vdi.type)
    sr, listener, certificate = store.find(SR, vdi.SR), ctx.services.nbd, ctx.services.certificate()
    attached = [pbd.host for pbd in pbds_of(store, sr) if pbd.currently_attached] if sr is not None else []
    return [
        {
            "exportname": f"/{vdi.uuid}?session_id={ctx.caller.session}",
            "address": address,
            "port": listener.port,
            "cert": certificate,
            "subject": _subject(certificate, host),
        }
        for host in live(store, Host, attached)
        for address in _told(list(_nbd_addresses(store, host)), listener)
    ]


def _told(addresses: Sequence[str], listener: NbdListener) -> Sequence[str]:
    """What clients are told of a host's addresses: the listener's own one where it has one, by whatever network."""
    return (listener.address,) if addresses and listener.address else addresses


def _subject(certificate: str, host: Host) -> str:
    """The name by which a client checks the certificate: the first DNS name in it without ``*``, else the last."""
    try:
        names = x509.load_pem_x509_certificate(certificate.encode()).extensions
        known = names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return ""
    except ValueError:
        return host.hostname
    return next((name for name in known if "*" not in name), known[-1] if known else "")


def _nbd_addresses(reader: Reader, host: Host) -> Iterator[str]:
    """The host's addresses on networks that carry NBD."""
    for pif in live(reader, PIF, host.PIFs):
        network = reader.find(Network, pif.network)
        if network is None or not pif.currently_attached or NBD_PURPOSES.isdisjoint(network.purpose):
            continue
        yield from (address for address in (pif.IP, *pif.IPv6) if address)


async def open_database(ctx: Context, self: str) -> str:
    """VDI.open_database: a session that sees the copy of a pool's database on the disk, and may only read.

    Raises VDI_INCOMPATIBLE_TYPE [VDI, type], else COULD_NOT_IMPORT_DATABASE [text].
    """
    services, vdi = ctx.services, ctx.store.get(VDI, self)
    if vdi.type != "metadata":
        raise incompatible_type(self, vdi.type)
    with suppress(DatabaseError):  # then it is as new as it could be kept
        await services.replicas.catch_up(self)
    try:
        site = site_of(services, vdi.SR)
        with failures(vdi.SR, self):
            async with site.driver.opened(site.sr, vdi.location, writable=False) as image:
                copy = await read_copy(image)
    except ApiError as error:
        raise ApiError("COULD_NOT_IMPORT_DATABASE", " ".join(map(str, error.description))) from error
    except (DatabaseError, OSError) as error:
        raise ApiError("COULD_NOT_IMPORT_DATABASE", f"VDI {vdi.uuid}: {error}") from error
    assert services.open_copy is not None  # servers have it
    return await services.open_copy(copy)


async def read_database_pool_uuid(ctx: Context, self: str) -> str:
    """VDI.read_database_pool_uuid: of another pool whose copy was found when the SR was plugged; else empty."""
    ctx.store.get(VDI, self)
    copy = ctx.services.replicas.found.get(self)
    return copy.lead.pool_uuid if copy is not None else ""


HANDLERS: Handlers = {
    "VDI.checksum": checksum,
    "VDI.get_nbd_info": get_nbd_info,
    "VDI.open_database": open_database,
    "VDI.read_database_pool_uuid": read_database_pool_uuid,
}
