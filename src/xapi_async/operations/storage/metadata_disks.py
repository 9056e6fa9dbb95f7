"""The disks that copies of the pool's database are written to: which there are, attaching and detaching them."""

from __future__ import annotations

from collections.abc import Iterator

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.marking import refresh
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.facts import is_in_use, live, the_pool, vbds_of_vdi
from xapi_async.operations.storage.plugging import drop_content_id, give_content_id
from xapi_async.operations.storage.records import stop_writing
from xapi_async.operations.storage.sites import failures, site_of
from xapi_async.operations.storage.vbd_records import new_vbd


def metadata_disks(reader: Reader, sr: str) -> list[VDI]:
    """The disks for copies of any pool's database in an SR."""
    return [one for one in live(reader, VDI, reader.get(SR, sr).VDIs) if one.type == "metadata"]


def own_disks(reader: Reader, sr: str) -> Iterator[VDI]:
    """The disks for copies of this pool's database in an SR."""
    pool = the_pool(reader).ref
    return (one for one in metadata_disks(reader, sr) if one.metadata_of_pool == pool)


def foreign_disks(reader: Reader, sr: str) -> Iterator[VDI]:
    """The disks with copies of other pools' databases in an SR."""
    pool = the_pool(reader).ref
    return (one for one in metadata_disks(reader, sr) if one.metadata_of_pool != pool)


def is_written(reader: Reader, disk: VDI) -> bool:
    """Whether a disk is attached for copies to be written to it."""
    return any(is_in_use(vbd) for vbd in vbds_of_vdi(reader, disk))


async def attach_disk(services: Services, disk: str) -> None:
    """Attach a disk to the control domain of the host that writes it. Raises as the backend does."""
    store = services.store
    found = store.get(VDI, disk)
    site = site_of(services, found.SR)
    with failures(found.SR, disk):
        await site.driver.plug(site.host, site.sr, found.location, read_only=False)
    async with store.transaction() as tx:
        domain = tx.get(VM, tx.get(Host, tx.get(PBD, site.pbd).host).control_domain)
        values = {"VDI": disk, "mode": "RW", "type": "Disk", "userdevice": "autodetect", "empty": False}
        vbd = new_vbd(tx, domain, unpluggable=True, other_config={}, **values)
        tx.set(vbd, device=f"sm/backend/{found.uuid}", currently_attached=True)
        written = tx.get(VDI, disk)
        drop_content_id(tx, written)
        tx.set(written, metadata_latest=True)
        refresh(tx, vdi_rules.RULES, disk)


async def detach_disk(services: Services, disk: str) -> None:
    """Have nothing more written to a disk, and detach it. Raises as the backend does."""
    async with services.store.transaction() as tx:
        written = tx.get(VDI, disk)
        stop_writing(tx, written)
        give_content_id(tx, written)
    await services.replicas.stop(disk)
    found = services.store.get(VDI, disk)
    site = site_of(services, found.SR)
    with failures(found.SR, disk):
        await site.driver.unplug(site.host, site.sr, found.location)


async def resume_writing(services: Services, sr: str) -> None:
    """Write copies again to the disks for them in an SR that was plugged. Raises as the backend does."""
    for disk in list(own_disks(services.store, sr)):
        if not is_written(services.store, disk):
            await attach_disk(services, disk.ref)
    services.replicas.refresh()
