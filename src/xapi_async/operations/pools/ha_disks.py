"""The disks that high availability and the redo log keep their state on: finding and making them,
and attaching them to hosts that start.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Services
from xapi_async.operations.storage import vdi
from xapi_async.operations.storage.attaching import Purpose, attach_on
from xapi_async.operations.storage.facts import live, pbds_of, sm_of, the_pool
from xapi_async.storage.driver import BackendError

STATEFILE_SIZE = 266_240
"""Bytes that the state of high availability needs."""

REDO_LOG_SIZE = 256 << 20
"""Bytes that the log of database changes needs."""

XHAD = "xhad"
"""The cluster stack that is used where no storage demands another."""

XHAD_TYPES = frozenset({"lvm", "lvmoiscsi", "lvmohba", "lvmofcoe", "hba", "iscsi", "nfs", "smb"})
"""Types of SR that xhad can keep its state on."""

HA_DISK_TYPES = ("ha_statefile", "redo_log")

OFFLINE_FEATURES = frozenset({"VDI_GENERATE_CONFIG", "VDI_ATTACH_OFFLINE"})
"""A host has to be able to attach the disk without a database: by one of these."""


log = logging.getLogger(__name__)


def cluster_stack(reader: Reader) -> str:
    """The cluster stack that attached storage demands, else xhad."""
    for pbd in reader.all(PBD):
        sr = reader.find(SR, pbd.SR) if pbd.currently_attached else None
        sm = sm_of(reader, sr.type) if sr is not None else None
        if sm is not None and sm.required_cluster_stack:
            return sm.required_cluster_stack[0]
    return XHAD


def statefile_error(reader: Reader, sr: SR, stack: str) -> ApiError | None:
    """Why an SR cannot hold the state of high availability; None where it can."""
    attached = {pbd.host for pbd in pbds_of(reader, sr) if pbd.currently_attached}
    if len(attached) < len(pbds_of(reader, sr)) or any(host.ref not in attached for host in reader.all(Host)):
        return ApiError("SR_HAS_NO_PBDS", sr.ref)
    sm = sm_of(reader, sr.type)
    demanded = sm.required_cluster_stack if sm is not None else ()
    if (stack not in demanded) if demanded else (stack != XHAD or sr.type not in XHAD_TYPES):
        return ApiError("INCOMPATIBLE_STATEFILE_SR", sr.type)
    if sm is None or not OFFLINE_FEATURES & set(sm.features):
        return ApiError("SR_OPERATION_NOT_SUPPORTED", sr.ref)
    return None


def statefile_sr(reader: Reader, wanted: Sequence[str], stack: str) -> str:
    """The SR for the state: the first that is wanted, else the first that can hold it.

    Raises CANNOT_CREATE_STATE_FILE [] where none can, or why the wanted one cannot.
    """
    if wanted:
        error = statefile_error(reader, reader.get(SR, wanted[0]), stack)
        if error is not None:
            raise error
        return wanted[0]
    for sr in reader.all(SR):
        if statefile_error(reader, sr, stack) is None:
            return sr.ref
    raise ApiError("CANNOT_CREATE_STATE_FILE")


async def find_or_create(ctx: Context, sr: str, kind: str, size: int, name: str) -> str:
    """A disk of a type and of at least that size, in bytes, in an SR. Raises as VDI.create."""
    for known in live(ctx.store, VDI, ctx.store.get(SR, sr).VDIs):
        if known.type == kind and known.virtual_size >= size:
            return known.ref
    values: dict[str, Any] = {
        "SR": sr,
        "name_label": name,
        "name_description": "Used by the pool itself",
        "virtual_size": size,
        "type": kind,
        "sharable": True,
        "read_only": False,
        "other_config": {},
        "xenstore_data": {},
        "sm_config": {"type": "raw"},
        "tags": (),
    }
    return await vdi.create(ctx, values)


def ha_disks(reader: Reader) -> list[str]:
    """The disks that high availability keeps its state and the database on."""
    statefiles = live(reader, VDI, the_pool(reader).ha_statefiles)
    repositories = live(reader, SR, dict.fromkeys(statefile.SR for statefile in statefiles))
    disks = (vdi for sr in repositories for vdi in live(reader, VDI, sr.VDIs))
    return [vdi.ref for vdi in disks if vdi.type in HA_DISK_TYPES]


async def attach_pool_disks(services: Services, host: str) -> None:
    """Attach what a host that has just started is to have; what cannot be attached is left out."""
    store, pool = services.store, the_pool(services.store)
    found = store.find(Host, host)
    wanted: list[tuple[str, Purpose]] = []
    if found is not None and found.ha_statefiles:
        wanted += [(disk, "ha") for disk in ha_disks(store)]
    if found is not None and pool.redo_log_enabled:
        wanted += [(vdi.ref, "redo_log") for vdi in live(store, VDI, [pool.redo_log_vdi])]
    for disk, purpose in wanted:
        try:
            await attach_on(services, disk, [host], purpose)
        except (ApiError, BackendError) as error:
            log.warning("VDI %s was not attached as host %s started: %s", disk, host, error)
