"""SR: the disks on which copies of the pool's database are kept, so that another pool can recover its VMs.

What is here are the disks and where they are attached; nothing is written to them yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import STARTS
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import refresh
from xapi_async.operations.storage import vdi, vdi_rules
from xapi_async.operations.storage.facts import is_in_use, live, require_licence, the_pool, vbds_of_vdi
from xapi_async.operations.storage.records import stop_writing
from xapi_async.operations.storage.sites import failures, site_of
from xapi_async.operations.storage.sr import assert_supports_database_replication
from xapi_async.operations.storage.vbd_records import new_vbd

MOST_LOGS = 8
"""Disks that a pool may write copies of its database to."""

SIZE = 256 << 20
"""Bytes of such a disk, at least."""


async def enable_database_replication(ctx: Context, sr: str) -> None:
    """SR.enable_database_replication: a disk for the copy is found or made, and attached to the master.

    Raises LICENCE_RESTRICTION ["DR"], SR_HAS_NO_PBDS [SR], SR_OPERATION_NOT_SUPPORTED [SR],
    NO_MORE_REDO_LOGS_ALLOWED [] or CANNOT_ENABLE_REDO_LOG [text].
    """
    store = ctx.store
    store.get(SR, sr)
    require_licence(store, "restrict_dr", "DR")
    await assert_supports_database_replication(ctx, sr)
    if any(_is_written(store, log) for log in _logs(store, sr)):
        return
    if sum(_is_written(store, log) for one in store.all(SR) for log in _logs(store, one.ref)) >= MOST_LOGS:
        raise ApiError("NO_MORE_REDO_LOGS_ALLOWED")
    try:
        log = next((log.ref for log in _logs(store, sr) if log.virtual_size >= SIZE), None) or await _make(ctx, sr)
        await _attach(ctx, log)
    except ApiError as error:
        raise ApiError("CANNOT_ENABLE_REDO_LOG", " ".join(map(str, error.description))) from error


async def disable_database_replication(ctx: Context, sr: str) -> None:
    """SR.disable_database_replication: the pool's disks for it in the SR are detached and destroyed.

    Raises as VDI.destroy.
    """
    store = ctx.store
    for log in [log.ref for log in _logs(store, sr)]:
        async with store.transaction() as tx:
            stop_writing(tx, tx.get(VDI, log))
        found = store.get(VDI, log)
        site = site_of(ctx.services, found.SR)
        with failures(sr, log):
            await site.driver.unplug(site.host, site.sr, found.location)
        await vdi.destroy(ctx, log)


def _logs(reader: Reader, sr: str) -> Iterator[VDI]:
    pool = the_pool(reader).ref
    vdis = live(reader, VDI, reader.get(SR, sr).VDIs)
    return (one for one in vdis if one.type == "metadata" and one.metadata_of_pool == pool)


def _is_written(reader: Reader, log: VDI) -> bool:
    return any(is_in_use(vbd) for vbd in vbds_of_vdi(reader, log))


async def _make(ctx: Context, sr: str) -> str:
    fields = {name: start for name, start in STARTS[VDI].items() if VDI.FIELDS[name].qualifier != "RO/runtime"}
    wanted: dict[str, Any] = {
        "SR": sr,
        "name_label": "Metadata for DR",
        "name_description": "Copy of the pool's database",
        "type": "metadata",
        "virtual_size": SIZE,
        "sm_config": {"type": "raw"},
        "metadata_of_pool": the_pool(ctx.store).ref,
    }
    return await vdi.create(ctx, {**fields, **wanted})


async def _attach(ctx: Context, log: str) -> None:
    store = ctx.store
    found = store.get(VDI, log)
    site = site_of(ctx.services, found.SR)
    with failures(found.SR, log):
        await site.driver.plug(site.host, site.sr, found.location, read_only=False)
    async with store.transaction() as tx:
        domain = tx.get(VM, tx.get(Host, tx.get(PBD, site.pbd).host).control_domain)
        values = {"VDI": log, "mode": "RW", "type": "Disk", "userdevice": "autodetect", "empty": False}
        vbd = new_vbd(tx, domain, unpluggable=True, other_config={}, **values)
        tx.set(vbd, device=f"sm/backend/{found.uuid}", currently_attached=True)
        tx.set(tx.get(VDI, log), metadata_latest=True)
        refresh(tx, vdi_rules.RULES, log)


HANDLERS: Handlers = {
    "SR.enable_database_replication": enable_database_replication,
    "SR.disable_database_replication": disable_database_replication,
}
