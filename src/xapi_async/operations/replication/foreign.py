"""Copies of other pools' databases: finding them on the disks of an SR, and saying whose they are."""

from __future__ import annotations

import logging
from typing import Any

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.replication.copy_reader import FoundCopy, find_copy
from xapi_async.operations.storage.metadata_disks import foreign_disks
from xapi_async.operations.storage.sites import failures, site_of

log = logging.getLogger(__name__)


async def note_foreign(services: Services, sr: str) -> None:
    """Look for copies of other pools' databases in an SR, and show whose they are and which is the latest.

    A disk that cannot be read counts as one without a copy. Raises SR_HAS_NO_PBDS [SR] and its like.
    """
    found = services.replicas.found
    for disk in list(foreign_disks(services.store, sr)):
        copy = await _read(services, disk)
        if copy is None:
            found.pop(disk.ref, None)
        else:
            found[disk.ref] = copy
    async with services.store.transaction() as tx:
        _show(tx, found)


async def forget_foreign(services: Services, sr: str) -> None:
    """Know no more of the copies in an SR that is unplugged."""
    found = services.replicas.found
    for disk in foreign_disks(services.store, sr):
        found.pop(disk.ref, None)
    async with services.store.transaction() as tx:
        _show(tx, found)


async def _read(services: Services, disk: VDI) -> FoundCopy | None:
    site = site_of(services, disk.SR)
    try:
        with failures(disk.SR, disk.ref):
            async with site.driver.opened(site.sr, disk.location, writable=False) as image:
                return await find_copy(image)
    except (ApiError, OSError, ValueError) as error:
        log.warning("VDI %s cannot be looked at for a copy of a database: %s", disk.uuid, error)
        return None


def _show(tx: Transaction, found: dict[str, FoundCopy]) -> None:
    """Show whose the copies are, and that of each pool's those with the highest generation are the latest."""
    newest: dict[str, int] = {}
    for copy in found.values():
        newest[copy.lead.pool_uuid] = max(copy.generation, newest.get(copy.lead.pool_uuid, 0))
    for ref, copy in found.items():
        disk = tx.find(VDI, ref)
        if disk is None:
            continue
        shown: dict[str, Any] = {"metadata_latest": copy.generation == newest[copy.lead.pool_uuid]}
        if tx.find(Pool, copy.lead.pool_ref) is None:  # whoever wrote the disk could say that it is ours
            shown["metadata_of_pool"] = copy.lead.pool_ref
        if any(getattr(disk, name) != value for name, value in shown.items()):
            tx.set(disk, **shown)
