"""PBD: connecting hosts to SRs, and taking them off."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked, refresh
from xapi_async.operations.replication.foreign import forget_foreign, note_foreign
from xapi_async.operations.storage import sr_rules, vdi_rules
from xapi_async.operations.storage.attaching import is_held
from xapi_async.operations.storage.facts import (
    ha_plans,
    ha_protected,
    is_in_use,
    live,
    pbds_of,
    the_pool,
    vbds_of_vdi,
)
from xapi_async.operations.storage.metadata_disks import (
    detach_disk,
    is_written,
    metadata_disks,
    own_disks,
    resume_writing,
)
from xapi_async.operations.storage.records import stop_writing
from xapi_async.operations.storage.scanning import bring_in_line, make_dirty
from xapi_async.operations.storage.secrets import delete_secrets, with_own_secrets
from xapi_async.operations.storage.sites import driver_of, failures, repository, serving_pbd

log = logging.getLogger(__name__)

RESERVED_KEY = "SRmaster"
"""A key of device_config that only the server itself may give to a backend."""


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """PBD.create: a connection that is not in use yet; ``other_config`` is not kept.

    Raises PBD_EXISTS [SR, host, PBD], VALUE_NOT_SUPPORTED ["SRmaster", value, text].
    """
    async with marked(ctx, sr_rules.RULES, args["SR"], "pbd_create"), ctx.store.transaction() as tx:
        return new_pbd(tx, args["SR"], args["host"], args["device_config"])


def new_pbd(tx: Transaction, sr: str, host: str, device_config: Mapping[str, str]) -> str:
    """A connection, with copies of the secrets it names. Raises as :func:`create`."""
    tx.get(Host, host)
    for pbd in pbds_of(tx, tx.get(SR, sr)):
        if pbd.host == host:
            raise ApiError("PBD_EXISTS", sr, host, pbd.ref)
    if RESERVED_KEY in device_config:
        value = device_config[RESERVED_KEY]
        raise ApiError("VALUE_NOT_SUPPORTED", RESERVED_KEY, value, "the server sets this key by itself")
    return tx.create(PBD, SR=sr, host=host, device_config=with_own_secrets(tx, device_config)).ref


async def destroy(ctx: Context, self: str) -> None:
    """PBD.destroy: forget a connection that is not in use. Raises OPERATION_NOT_ALLOWED [text]."""
    async with marked(ctx, sr_rules.RULES, ctx.store.get(PBD, self).SR, "pbd_destroy"), ctx.store.transaction() as tx:
        pbd = tx.get(PBD, self)
        if pbd.currently_attached:
            raise ApiError("OPERATION_NOT_ALLOWED", f"PBD {self} is plugged; unplug it first")
        delete_pbd(tx, pbd)


def delete_pbd(tx: Transaction, pbd: PBD) -> None:
    """Delete a connection and the secrets it names."""
    delete_secrets(tx, pbd.device_config)
    tx.delete(pbd)


async def plug(ctx: Context, self: str) -> None:
    """PBD.plug: let the host use the SR, and find out what is in it where this host does that for the pool.

    Raises SR_UNKNOWN_DRIVER [type], SR_NOT_SHARABLE [SR, host], SR_HAS_MULTIPLE_PBDS [PBD uuids], or what the backend
    does.
    """
    services, store = ctx.services, ctx.store
    sr = store.get(PBD, self).SR
    async with marked(ctx, sr_rules.RULES, sr, "plug"):
        pbd, found = store.get(PBD, self), store.get(SR, sr)
        host = require_reachable(services, pbd.host)
        driver = driver_of(services, found)
        if not pbd.currently_attached:
            if not found.shared:
                for other in pbds_of(store, found):
                    if other.currently_attached and other.ref != self:
                        raise ApiError("SR_NOT_SHARABLE", sr, other.host)
            sr_rules.exclusive_host(store, found)
            with failures(sr):
                await driver.attach(host.uuid, repository(found, pbd))
            async with store.transaction() as tx:
                _note_attached(tx, tx.get(PBD, self), is_attached=True)
        serving = serving_pbd(store, store.get(SR, sr))
        if serving is not None and serving.ref == self:
            try:
                await bring_in_line(services, sr)
                await _find_metadata(services, store.get(SR, sr))
            except ApiError as error:
                log.warning("SR %s was plugged but not scanned: %s", sr, error.description)
                async with store.transaction() as tx:
                    make_dirty(tx, sr)


async def _find_metadata(services: Services, sr: SR) -> None:
    """Look for copies of pool databases in an SR that the whole pool sees; this pool's own is written again."""
    if sr.shared:
        await note_foreign(services, sr.ref)
        await resume_writing(services, sr.ref)


async def unplug(ctx: Context, self: str) -> None:
    """PBD.unplug: take the SR from the host. No error where the host does not use it.

    Raises SR_HAS_MULTIPLE_PBDS [PBD uuids], HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [], HA_IS_ENABLED [],
    VDI_IN_USE [every VDI in use], or what the backend does.
    """
    services, store = ctx.services, ctx.store
    sr = store.get(PBD, self).SR
    sr_rules.exclusive_host(store, store.get(SR, sr))
    async with marked(ctx, sr_rules.RULES, sr, "unplug"):
        pbd, found = store.get(PBD, self), store.get(SR, sr)
        host = require_reachable(services, pbd.host)
        if not pbd.currently_attached:
            return
        _require_ha_whole(store, host, found)
        _require_unused(store, pbd.host, found)
        is_serving = serving_pbd(store, found) is not None and pbd.host == the_pool(store).master
        if is_serving:
            await _drop_metadata(services, sr)
        try:
            with failures(sr):
                await driver_of(services, found).detach(host.uuid, found.uuid)
        except ApiError:
            if is_serving:
                await _find_metadata(services, found)
            raise
        async with store.transaction() as tx:
            _note_attached(tx, tx.get(PBD, self), is_attached=False)


def _note_attached(tx: Transaction, pbd: PBD, *, is_attached: bool) -> None:
    tx.set(pbd, currently_attached=is_attached)
    sr = tx.get(SR, pbd.SR)
    if not any(other.currently_attached for other in pbds_of(tx.view, sr) if other.ref != pbd.ref):
        # The first or the last: what is allowed of the disks depends on whether any host uses the SR.
        for vdi in sr.VDIs:
            refresh(tx, vdi_rules.RULES, vdi)


def _require_ha_whole(reader: Reader, host: Host, sr: SR) -> None:
    """Check that high availability can do without the SR on the host."""
    pool = the_pool(reader)
    vdis = list(live(reader, VDI, sr.VDIs)) if pool.ha_enabled else []
    if host.enabled and ha_plans(reader):
        owners = (reader.find(VM, vbd.VM) for vdi in vdis for vbd in vbds_of_vdi(reader, vdi))
        if any(vm is not None and ha_protected(vm) for vm in owners):
            raise ApiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")
    statefiles = {vdi.ref for vdi in vdis if vdi.type == "ha_statefile"}
    if statefiles.intersection(pool.ha_statefiles):
        raise ApiError("HA_IS_ENABLED")


def _require_unused(reader: Reader, host: str, sr: SR) -> None:
    """Raise VDI_IN_USE with every disk of the SR that a VM on the host uses, or the host itself."""
    used = dict.fromkeys(vdi.ref for vdi in live(reader, VDI, sr.VDIs) if is_held(vdi, host))
    for vm in live(reader, VM, reader.get(Host, host).resident_VMs):
        for vbd in live(reader, VBD, vm.VBDs):
            vdi = None if vbd.empty or not is_in_use(vbd) else reader.find(VDI, vbd.VDI)
            if vdi is not None and sr.ref == vdi.SR and vdi.type != "metadata":
                used[vdi.ref] = None
    if used:
        raise ApiError("VDI_IN_USE", *used)


async def _drop_metadata(services: Services, sr: str) -> None:
    """Copies of pool databases in an SR are written no more, and no longer the latest that can be read."""
    for disk in list(own_disks(services.store, sr)):
        if is_written(services.store, disk):
            await detach_disk(services, disk.ref)
    async with services.store.transaction() as tx:
        for disk in metadata_disks(tx, sr):
            stop_writing(tx, disk)
    await forget_foreign(services, sr)


HANDLERS: Handlers = {
    "PBD.create": create,
    "PBD.destroy": destroy,
    "PBD.plug": plug,
    "PBD.unplug": unplug,
}
