"""SR: making, introducing and removing storage repositories, and their properties."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.blob import create_new_blob
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked, refresh
from xapi_async.operations.storage import scanning, sr_rules
from xapi_async.operations.storage.facts import live, pbds_of, rolling_upgrade, sm_of, the_pool
from xapi_async.operations.storage.pbd import delete_pbd, new_pbd, plug
from xapi_async.operations.storage.secrets import delete_secrets
from xapi_async.operations.storage.sites import driver_of, failures, not_supported, repository, site_of
from xapi_async.storage.driver import DEVICE_IN_USE, BackendError, Repository
from xapi_async.storage.kinds import devices

log = logging.getLogger(__name__)


async def introduce(
    ctx: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    type: str,
    content_type: str,
    shared: bool,
    sm_config: Mapping[str, str],
) -> str:
    """SR.introduce: a record of an SR, which no host uses yet. Raises SR_UUID_EXISTS [uuid]."""
    async with ctx.store.transaction() as tx:
        if uuid and any(sr.uuid == uuid for sr in ctx.store.all(SR)):
            raise ApiError("SR_UUID_EXISTS", uuid)
        return _new_sr(
            tx,
            uuid=uuid or new_uuid(),
            name_label=name_label,
            name_description=name_description,
            type=type.lower(),
            content_type=content_type,
            shared=shared,
            sm_config=sm_config,
        ).ref


def _new_sr(tx: Transaction, **values: Any) -> SR:
    unknown: dict[str, Any] = {"physical_size": -1, "physical_utilisation": -1, "virtual_allocation": 0}
    sr = tx.create(SR, **unknown, default_vdi_visibility=True, **values)
    refresh(tx, sr_rules.RULES, sr.ref)
    return sr


async def create(
    ctx: Context,
    host: str,
    device_config: Mapping[str, str],
    physical_size: int,
    name_label: str,
    name_description: str,
    type: str,
    content_type: str,
    shared: bool,
    sm_config: Mapping[str, str],
) -> str:
    """SR.create: an SR made by its backend, and plugged into its host, or into every host where it is shared.

    Raises NOT_SUPPORTED_DURING_UPGRADE [], as PBD.create, SR_UNKNOWN_DRIVER [type], SR_DEVICE_IN_USE [] where another
    SR is on the device, or what the backend does. That a host cannot plug it does not make it fail.
    """
    store, services = ctx.store, ctx.services
    if rolling_upgrade(store):
        raise ApiError("NOT_SUPPORTED_DURING_UPGRADE")
    worker = the_pool(store).master if shared else host
    where = require_reachable(services, worker)
    others = [one.ref for one in store.all(Host) if one.ref != worker] if shared else []
    async with store.transaction() as tx:
        made = _new_sr(
            tx,
            uuid=new_uuid(),
            name_label=name_label,
            name_description=name_description,
            type=type.lower(),
            content_type=content_type,
            shared=shared,
            sm_config=sm_config,
        )
        pbds = [new_pbd(tx, made.ref, one, device_config) for one in (worker, *others)]
        refresh(tx, sr_rules.RULES, made.ref)
    sr = made.ref
    try:
        found = store.get(SR, sr)
        with failures(sr, unimplemented=not_supported(sr)):
            facts = repository(found, store.get(PBD, pbds[0]), physical_size)
            _require_free(store, facts, where)
            added = await driver_of(services, found).create(where.uuid, facts)
    except BaseException:
        await asyncio.shield(_remove(ctx, sr))
        raise
    if added:
        async with store.transaction() as tx:
            tx.set(tx.get(SR, sr), sm_config={**tx.get(SR, sr).sm_config, **added})
    for pbd in pbds:
        try:
            await plug(ctx, pbd)
        except ApiError as error:
            log.warning("PBD %s of the new SR %s could not be plugged: %s", pbd, sr, error.description)
    return sr


def _require_free(reader: Reader, wanted: Repository, host: Host) -> None:
    """Raise DEVICE_IN_USE where another SR in use on the host is on one of the devices."""
    needed = devices(wanted.type, wanted.device_config)
    for pbd in live(reader, PBD, host.PBDs):
        sr = reader.find(SR, pbd.SR) if pbd.currently_attached else None
        taken = needed & devices(sr.type, pbd.device_config) if sr is not None else ()
        for device in taken:
            raise BackendError(DEVICE_IN_USE, device)


async def make(ctx: Context, host: str, *rest: Any) -> str:
    """SR.make: long obsolete. Raises MESSAGE_DEPRECATED []."""
    ctx.store.get(Host, host)
    raise ApiError("MESSAGE_DEPRECATED")


async def destroy(ctx: Context, sr: str) -> None:
    """SR.destroy: delete an SR with what is in it, and its records.

    Raises SR_HAS_PBD [SR], SR_INDESTRUCTIBLE [SR], SR_IS_CACHE_SR [host], or what the backend does.
    """
    store, services = ctx.store, ctx.services
    async with marked(ctx, sr_rules.RULES, sr, "destroy"):
        site = site_of(services, sr, plugged=False)
        found = store.get(SR, sr)
        if any(pbd.currently_attached for pbd in pbds_of(store, found)):
            raise ApiError("SR_HAS_PBD", sr)
        if found.other_config.get("indestructible") == "true":
            raise ApiError("SR_INDESTRUCTIBLE", sr)
        for host in store.all(Host):
            if host.local_cache_sr == sr:
                raise ApiError("SR_IS_CACHE_SR", host.ref)
        driver, facts = driver_of(services, found), repository(found, store.get(PBD, site.pbd))
        with failures(sr, unimplemented=not_supported(sr)):
            await driver.attach(site.host, facts)
            await driver.detach(site.host, facts.uuid)
            await driver.delete(site.host, facts)
        await _remove(ctx, sr)


async def forget(ctx: Context, sr: str) -> None:
    """SR.forget: delete the records of an SR; what is in it stays. Raises SR_HAS_PBD [SR]."""
    async with marked(ctx, sr_rules.RULES, sr, "forget"):
        await _remove(ctx, sr, with_secrets=False)


async def _remove(ctx: Context, sr: str, *, with_secrets: bool = True) -> None:
    """Delete the records of an SR, of its connections and of its disks."""
    async with ctx.store.transaction() as tx:
        found = tx.find(SR, sr)
        if found is None:
            return
        if with_secrets:
            delete_secrets(tx, found.sm_config)
        for pbd in pbds_of(tx, found):
            delete_pbd(tx, pbd)
        for vdi in list(live(tx.view, VDI, found.VDIs)):
            # Block devices are left to the collector of orphans, which keeps CD drives.
            tx.delete(vdi)
        tx.delete(found)


async def update(ctx: Context, sr: str) -> None:
    """SR.update: read the sizes again. Raises SR_HAS_NO_PBDS [SR], or what the backend does."""
    await scanning.refresh_sizes(ctx.services, sr)


async def get_supported_types(ctx: Context) -> Sequence[str]:
    """SR.get_supported_types: the types there are plugins for."""
    return sorted({sm.type for sm in ctx.store.all(SM)})


async def probe(
    ctx: Context, host: str, device_config: Mapping[str, str], type: str, sm_config: Mapping[str, str]
) -> str:
    """SR.probe: what a backend finds at a place, as XML.

    Raises SR_UNKNOWN_DRIVER [type], SR_BACKEND_FAILURE [text, "", ""] where the type cannot be probed, or
    what the backend does; its third parameter is XML where the configuration is incomplete.
    """
    kind = type.lower()
    where = require_reachable(ctx.services, host)
    sm = sm_of(ctx.store, kind)
    if sm is None:
        raise ApiError("SR_UNKNOWN_DRIVER", kind)
    if "SR_PROBE" not in sm.features:
        raise ApiError("SR_BACKEND_FAILURE", f"storage of type {kind} cannot be probed", "", "")
    with failures(NULL_REF):
        return await ctx.services.storage.driver(kind).probe(where.uuid, kind, device_config, sm_config)


async def set_shared(ctx: Context, sr: str, value: bool) -> None:
    """SR.set_shared. Raises SR_HAS_MULTIPLE_PBDS [PBD, …] where several hosts have it."""
    async with ctx.store.transaction() as tx:
        found = tx.get(SR, sr)
        if not value and len(found.PBDs) > 1:
            raise ApiError("SR_HAS_MULTIPLE_PBDS", *found.PBDs)
        tx.set(found, shared=value)


async def set_name_label(ctx: Context, sr: str, value: str) -> None:
    """SR.set_name_label. Raises SR_HAS_NO_PBDS [SR]."""
    await _rename(ctx, sr, name_label=value)


async def set_name_description(ctx: Context, sr: str, value: str) -> None:
    """SR.set_name_description. Raises SR_HAS_NO_PBDS [SR]."""
    await _rename(ctx, sr, name_description=value)


async def _rename(ctx: Context, sr: str, **names: str) -> None:
    site = site_of(ctx.services, sr)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(SR, sr), **names)
    with failures(sr):
        await site.driver.rename_sr(repository(ctx.store.get(SR, sr), ctx.store.get(PBD, site.pbd)))
    await scanning.refresh_sizes(ctx.services, sr)


async def assert_can_host_ha_statefile(ctx: Context, sr: str) -> None:
    """SR.assert_can_host_ha_statefile. Raises SR_HAS_NO_PBDS [SR] or SR_OPERATION_NOT_SUPPORTED [SR]."""
    require_plugged_everywhere(ctx, sr)
    sm = sm_of(ctx.store, ctx.store.get(SR, sr).type)
    if sm is None:
        raise ApiError("INTERNAL_ERROR", f"there is no plugin for SR {sr}")
    if not {"VDI_GENERATE_CONFIG", "VDI_ATTACH_OFFLINE"} & set(sm.features):
        raise not_supported(sr)


async def assert_supports_database_replication(ctx: Context, sr: str) -> None:
    """SR.assert_supports_database_replication. Raises SR_HAS_NO_PBDS [SR] or SR_OPERATION_NOT_SUPPORTED [SR]."""
    require_plugged_everywhere(ctx, sr)
    sm = sm_of(ctx.store, ctx.store.get(SR, sr).type)
    if sm is None or "SR_METADATA" not in sm.features:
        raise not_supported(sr)


def require_plugged_everywhere(ctx: Context, sr: str) -> None:
    """Raise SR_HAS_NO_PBDS [SR] where a host has no connection to the SR, or one that is not in use."""
    pbds = pbds_of(ctx.store, ctx.store.get(SR, sr))
    hosts = sum(1 for _ in ctx.store.all(Host))
    if len(pbds) < hosts or not all(pbd.currently_attached for pbd in pbds):
        raise ApiError("SR_HAS_NO_PBDS", sr)


async def get_data_sources(ctx: Context, sr: str) -> Sequence[Mapping[str, Any]]:
    """SR.get_data_sources: none, as no plugin measures anything. Raises SR_HAS_NO_PBDS [SR]."""
    site_of(ctx.services, sr)
    return []


async def use_data_source(ctx: Context, sr: str, data_source: str) -> None:
    """SR.query_data_source and its like: there is no data source of any name. Raises INTERNAL_ERROR [text]."""
    site_of(ctx.services, sr)
    raise ApiError("INTERNAL_ERROR", f"SR {sr} has no data source {data_source}")


async def change_recording(ctx: Context, sr: str, data_source: str) -> None:
    """SR.record_data_source, SR.forget_data_source_archives: nothing to record. Raises SR_HAS_NO_PBDS [SR]."""
    site_of(ctx.services, sr)


HANDLERS: Handlers = {
    "SR.introduce": introduce,
    "SR.create": create,
    "SR.make": make,
    "SR.destroy": destroy,
    "SR.forget": forget,
    "SR.update": update,
    "SR.scan": scanning.scan,
    "SR.get_supported_types": get_supported_types,
    "SR.probe": probe,
    "SR.set_shared": set_shared,
    "SR.set_name_label": set_name_label,
    "SR.set_name_description": set_name_description,
    "SR.create_new_blob": create_new_blob(SR),
    "SR.assert_can_host_ha_statefile": assert_can_host_ha_statefile,
    "SR.assert_supports_database_replication": assert_supports_database_replication,
    "SR.get_data_sources": get_data_sources,
    "SR.query_data_source": use_data_source,
    "SR.record_data_source": change_recording,
    "SR.forget_data_source_archives": change_recording,
}
