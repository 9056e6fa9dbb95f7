"""Keeping copies of the pool's database on disks, as long as the server runs."""

from __future__ import annotations

import asyncio
import logging

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Background, Services
from xapi_async.operations.replication.foreign import note_foreign
from xapi_async.operations.replication.replica import Replica
from xapi_async.operations.replication.targets import targets
from xapi_async.operations.storage.sites import serving_pbd

log = logging.getLogger(__name__)


async def keep_copies(services: Services) -> None:
    """Write copies to the disks that are marked for it, and look what other pools left on those that are attached."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_look_around(services))
        await services.replicas.run(
            lambda: targets(services),
            lambda vdi: Replica(services, vdi, lambda: vdi in targets(services)),
            services.store.tap,
        )


async def _look_around(services: Services) -> None:
    for sr in list(services.store.all(SR)):
        pbd = serving_pbd(services.store, sr)
        if pbd is not None and pbd.currently_attached:
            try:
                await note_foreign(services, sr.ref)
            except ApiError as error:
                log.info("SR %s was not searched for copies of databases: %s", sr.uuid, error.description)


BACKGROUND: tuple[Background, ...] = (keep_copies,)
