"""Tracking of changed blocks that ends by itself, because the log cannot be relied on or cannot be kept."""

from __future__ import annotations

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.operations.context import Services
from xapi_async.operations.storage.sites import failures

PRIORITY = 3


async def check_tracking(services: Services, ref: str) -> None:
    """Track a disk that is about to be written no more if its log of changes does not fit it. Raises as the backend."""
    store = services.store
    vdi = store.get(VDI, ref)
    if not vdi.cbt_enabled or vdi.is_a_snapshot:
        return
    sr = store.get(SR, vdi.SR)
    with failures(sr.ref, ref):
        fits = await services.storage.driver(sr.type, is_tools=sr.is_tools_sr).check_log(sr.uuid, vdi.location)
    if fits:
        return
    async with store.transaction() as tx:
        found = tx.find(VDI, ref)
        if found is not None:
            tx.set(found, cbt_enabled=False)
    text = "The blocks that change are no longer tracked, as the log of them is damaged or gone"
    await tell_lost(services, vdi, "VDI_CBT_METADATA_INCONSISTENT", text)


async def tell_lost(services: Services, vdi: VDI, name: str, text: str) -> None:
    """Post a message about a disk whose changes are no longer tracked."""
    if services.messages is not None:
        await services.messages.post(name, PRIORITY, "VDI", vdi.uuid, text)
