"""crashdump: dumps of guests' memory, of which there are none in normal use."""

from __future__ import annotations

import logging

from xapi_async.datamodel.classes.crashdump import Crashdump
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.storage import vdi
from xapi_async.operations.storage.sites import site_of

log = logging.getLogger(__name__)


async def destroy(ctx: Context, self: str) -> None:
    """crashdump.destroy: delete a dump, and its disk if that can be. Raises SR_HAS_NO_PBDS [SR]."""
    dump = ctx.store.get(Crashdump, self)
    site_of(ctx.services, ctx.store.get(VDI, dump.VDI).SR)
    try:
        await vdi.destroy(ctx, dump.VDI)
    except ApiError as error:
        log.info("the disk of crash dump %s is left behind: %s", self, error.description)
    async with ctx.store.transaction() as tx:
        found = tx.find(Crashdump, self)
        if found is not None:
            tx.delete(found)


HANDLERS: Handlers = {"crashdump.destroy": destroy}
