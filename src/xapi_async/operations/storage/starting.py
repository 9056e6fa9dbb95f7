"""What storage does as the server starts: drivers learn what the records say."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.store import Store
from xapi_async.operations.context import Services
from xapi_async.operations.marking import refresh
from xapi_async.operations.storage import sr_rules
from xapi_async.operations.storage.facts import live, pbds_of
from xapi_async.operations.storage.loopback import TASK_KEY
from xapi_async.operations.storage.records import delete_vbd
from xapi_async.operations.storage.scanning import bring_in_line
from xapi_async.operations.storage.sites import repository, serving_pbd
from xapi_async.storage.driver import BackendError, DiskState, RepositoryState, Storage

log = logging.getLogger(__name__)


async def settle_storage(services: Services, types: Collection[str]) -> None:
    """Bring records and what storage holds together after a stop or a crash; drivers know the SRs already.

    types: those of SRs whose drivers have books of their own. An SR that cannot be used is shown as unplugged.
    """
    await _drop_loopbacks(services.store)
    for sr in [sr for sr in services.store.all(SR) if sr.type in types and not sr.is_tools_sr]:
        pbd = serving_pbd(services.store, sr)
        if pbd is None or not pbd.currently_attached:
            continue
        try:
            await bring_in_line(services, sr.ref)
        except ApiError as error:
            log.warning("SR %s (%s) cannot be used: %s", sr.uuid, sr.name_label, error.description)
            await _note_unusable(services, sr, error)


async def _drop_loopbacks(store: Store) -> None:
    """Delete the block devices of transfers and copies, which a crash has ended."""
    async with store.transaction() as tx:
        for host in tx.all(Host):
            domain = tx.find(VM, host.control_domain)
            for vbd in list(live(tx, VBD, domain.VBDs if domain is not None else ())):
                if TASK_KEY in vbd.other_config:
                    delete_vbd(tx, vbd)


async def _note_unusable(services: Services, sr: SR, error: ApiError) -> None:
    driver, hosts = services.storage.driver(sr.type), list[Host]()
    async with services.store.transaction() as tx:
        for pbd in pbds_of(tx, sr):
            if pbd.currently_attached:
                tx.set(pbd, currently_attached=False)
                hosts += live(tx, Host, (pbd.host,))
        refresh(tx, sr_rules.RULES, sr.ref)
    text = f"SR {sr.uuid} could not be plugged as the server started: {' '.join(map(str, error.description))}"
    for host in hosts:
        with suppress(BackendError):  # it may not know it, or not reach it
            await driver.detach(host.uuid, sr.uuid)
        if services.messages is not None:
            await services.messages.post("PBD_PLUG_FAILED_ON_SERVER_START", 1, "Host", host.uuid, text)


async def found_storage(store: Store, storage: Storage, types: Collection[str]) -> None:
    """Have the drivers make the SRs of a new pool, which so far are records; sizes then are what there really is.

    types: those of SRs that a driver of its own keeps.
    """
    for sr in [sr for sr in store.all(SR) if sr.type in types]:
        for pbd in pbds_of(store, sr)[:1]:
            driver, site = storage.driver(sr.type, is_tools=sr.is_tools_sr), repository(sr, pbd)
            host = store.get(Host, pbd.host).uuid
            await driver.create(host, site)
            await driver.attach(host, site)
            state = await driver.state(sr.uuid)
            async with store.transaction() as tx:
                sizes = {"physical_size": state.physical_size, "physical_utilisation": state.physical_utilisation}
                tx.set(tx.get(SR, sr.ref), **sizes)


def adopt_storage(store: Store, storage: Storage) -> None:
    """Tell the drivers of every SR and disk on record, before anything else is asked of them."""
    for sr in store.all(SR):
        pbds = pbds_of(store, sr)
        pbd = serving_pbd(store, sr) or next(iter(pbds), None)
        if pbd is None:
            continue
        hosts = [host.uuid for host in live(store, Host, [one.host for one in pbds if one.currently_attached])]
        sizes = RepositoryState(sr.physical_size, sr.physical_utilisation)
        disks = [disk_state(store, vdi) for vdi in live(store, VDI, sr.VDIs)]
        storage.driver(sr.type, is_tools=sr.is_tools_sr).adopt(repository(sr, pbd), hosts, sizes, disks)


def disk_state(reader: Reader, vdi: VDI) -> DiskState:
    """A disk as its record describes it."""
    original = reader.find(VDI, vdi.snapshot_of) if vdi.snapshot_of != NULL_REF else None
    pool = reader.find(Pool, vdi.metadata_of_pool)
    return DiskState(
        location=vdi.location,
        uuid=vdi.uuid,
        virtual_size=vdi.virtual_size,
        physical_utilisation=vdi.physical_utilisation,
        name_label=vdi.name_label,
        name_description=vdi.name_description,
        type=vdi.type,
        managed=vdi.managed,
        read_only=vdi.read_only,
        is_a_snapshot=vdi.is_a_snapshot,
        snapshot_of=original.location if original is not None else "",
        snapshot_time=vdi.snapshot_time,
        metadata_of_pool=pool.uuid if pool is not None else "",
        cbt_enabled=vdi.cbt_enabled,
        sm_config=vdi.sm_config,
    )
