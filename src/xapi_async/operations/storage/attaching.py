"""Disks that hosts have attached outside of any VM."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Services
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.storage.facts import live
from xapi_async.storage.driver import BackendError

log = logging.getLogger(__name__)


async def attach_on(services: Services, ref: str, hosts: Iterable[str]) -> None:
    """Attach a disk on hosts, outside of any VM. Raises what the backend does, as BackendError, or HOST_OFFLINE …"""
    found = services.store.get(VDI, ref)
    sr = services.store.get(SR, found.SR)
    driver = services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
    for host in hosts:
        uuid = require_reachable(services, host).uuid
        await driver.plug(uuid, sr.uuid, found.location, read_only=False)


async def detach_on(services: Services, refs: Iterable[str], hosts: Iterable[str]) -> None:
    """Detach disks from hosts; hosts that do not answer, and disks that are gone, are left out."""
    hosts = tuple(hosts)
    for found in live(services.store, VDI, refs):
        sr = services.store.find(SR, found.SR)
        if sr is None:
            continue
        driver = services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
        for host in hosts:
            try:
                await driver.unplug(require_reachable(services, host).uuid, sr.uuid, found.location)
            except (ApiError, BackendError):
                log.info("VDI %s could not be detached from host %s", found.ref, host)
