"""The disks on which a copy of the pool's database is to be kept, as the records say."""

from __future__ import annotations

from collections.abc import Iterator

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.pools.ha_disks import ha_disks
from xapi_async.operations.storage.facts import live, the_pool
from xapi_async.operations.storage.metadata_disks import is_written


def targets(services: Services) -> frozenset[str]:
    """The disks for recovery that are attached for it, and the redo logs in use, where the storage keeps bytes."""
    return frozenset(vdi.ref for vdi in _marked(services.store) if keeps(services, vdi))


def keeps(services: Services, vdi: VDI) -> bool:
    """Whether what is written to a disk can be read again."""
    sr = services.store.find(SR, vdi.SR)
    return sr is not None and services.storage.driver(sr.type, is_tools=sr.is_tools_sr).keeps(vdi.type)


def _marked(reader: Reader) -> Iterator[VDI]:
    pool = the_pool(reader)
    for vdi in live(reader, VDI, pool.metadata_VDIs):
        if vdi.type == "metadata" and is_written(reader, vdi):
            yield vdi
    if pool.redo_log_enabled:
        yield from live(reader, VDI, (pool.redo_log_vdi,))
    if pool.ha_enabled:
        yield from (vdi for vdi in live(reader, VDI, ha_disks(reader)) if vdi.type == "redo_log")
