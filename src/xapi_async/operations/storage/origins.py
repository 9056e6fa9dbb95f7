"""Telling backends which disk a snapshot is of, where that changes: a scan believes what they say."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.operations.context import Services
from xapi_async.operations.storage.facts import live
from xapi_async.storage.driver import BackendError

log = logging.getLogger(__name__)


async def note_origins(services: Services, vdis: Iterable[str]) -> None:
    """Have backends note what the records of snapshots say; a failure is only logged, and costs no more than that."""
    store = services.store
    for vdi in list(live(store, VDI, vdis)):
        sr, original = store.find(SR, vdi.SR), store.find(VDI, vdi.snapshot_of)
        if sr is None or not vdi.is_a_snapshot:
            continue
        name = "" if original is None else original.location if original.SR == vdi.SR else original.uuid
        driver = services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
        try:
            await driver.set_origin(sr.uuid, vdi.location, name, vdi.snapshot_time)
        except BackendError as error:
            log.warning("SR %s does not know what VDI %s is a snapshot of: %s", sr.uuid, vdi.uuid, error)
