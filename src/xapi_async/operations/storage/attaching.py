"""Disks that hosts have attached outside of any VM, each host for one purpose or several.

A disk is held for each purpose by itself, so that one that ends leaves the others what they need. None is held after
a start of the server, or of a host, until whoever wants it held attaches it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Literal

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import refresh
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.facts import live
from xapi_async.storage.driver import BackendError

Purpose = Literal["ha", "redo_log", "static"]
"""What a host has a disk for: high availability, a copy of the database, or that it was told to."""

log = logging.getLogger(__name__)


async def attach_on(services: Services, ref: str, hosts: Iterable[str], purpose: Purpose) -> None:
    """Attach a disk on hosts; those that have it for the purpose keep it.

    Raises what the backend does, as BackendError, HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    found = services.store.get(VDI, ref)
    sr = services.store.get(SR, found.SR)
    driver = services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
    for host in hosts:
        if is_held(services.store.get(VDI, ref), host, purpose):
            continue
        uuid = require_reachable(services, host).uuid
        # Noted first: a disk that is about to be attached must not be destroyed.
        await _note(services, ref, host, purpose, held=True)
        try:
            await driver.plug(uuid, sr.uuid, found.location, read_only=False)
        except BaseException:
            await asyncio.shield(_note(services, ref, host, purpose, held=False))
            raise


async def detach_on(services: Services, refs: Iterable[str], hosts: Iterable[str], purpose: Purpose) -> None:
    """Detach disks from hosts that have them for the purpose; what goes wrong with that is no matter."""
    hosts = tuple(hosts)
    for found in list(live(services.store, VDI, refs)):
        sr = services.store.find(SR, found.SR)
        for host in hosts:
            if not is_held(found, host, purpose):
                continue
            try:
                if sr is not None:
                    driver = services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
                    await driver.unplug(require_reachable(services, host).uuid, sr.uuid, found.location)
            except (ApiError, BackendError):
                log.info("VDI %s could not be detached from host %s", found.ref, host)
            await _note(services, found.ref, host, purpose, held=False)


def is_held(vdi: VDI, host: str, purpose: Purpose | None = None) -> bool:
    """Whether a host has a disk attached outside of any VM, for a purpose or for any."""
    return any(holder.startswith(_holder(host, purpose or "")) for holder in vdi.held_by)


def held_for(reader: Reader, host: str, purpose: Purpose) -> Iterator[VDI]:
    """The disks that a host has attached for a purpose."""
    return (vdi for vdi in reader.all(VDI) if is_held(vdi, host, purpose))


def forget_holder(tx: Transaction, host: str) -> None:
    """Note that a host has nothing attached any more, because it went down or is no host of the pool."""
    for vdi in list(tx.view.all(VDI)):
        left = tuple(holder for holder in vdi.held_by if not holder.startswith(_holder(host)))
        if len(left) < len(vdi.held_by):
            tx.set(vdi, held_by=left)
            refresh(tx, vdi_rules.RULES, vdi.ref)


async def _note(services: Services, ref: str, host: str, purpose: Purpose, *, held: bool) -> None:
    async with services.store.transaction() as tx:
        vdi = tx.find(VDI, ref)
        if vdi is None:
            return
        others = tuple(holder for holder in vdi.held_by if holder != _holder(host, purpose))
        tx.set(vdi, held_by=(*others, _holder(host, purpose)) if held else others)
        refresh(tx, vdi_rules.RULES, ref)


def _holder(host: str, purpose: str = "") -> str:
    return f"{host} {purpose}"
