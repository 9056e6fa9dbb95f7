"""host: disks that a host has attached whenever it is up, outside of any VM, each for a reason in words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.storage.attaching import attach_on, detach_on, is_held
from xapi_async.operations.storage.sites import failures
from xapi_async.storage.driver import BackendError

CHANGES_ONLY = "cbt_metadata"
"""The type of what is left of a disk whose data was destroyed: nothing to attach."""

Reasons = dict[str, str]
"""Why each disk is attached, by its uuid."""

_log = logging.getLogger(__name__)


async def attach_static_vdis(ctx: Context, host: str, vdi_reason_map: Mapping[str, str]) -> None:
    """host.attach_static_vdis: all or none, now and at every start of the host. Those attached already stay so.

    Raises VDI_INCOMPATIBLE_TYPE [VDI, "cbt_metadata"], HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host], or what the
    backend does.
    """
    target = reach(ctx, host)
    disks = [ctx.store.get(VDI, ref) for ref in vdi_reason_map]
    for disk in disks:
        if disk.type == CHANGES_ONLY:
            raise ApiError("VDI_INCOMPATIBLE_TYPE", disk.ref, CHANGES_ONLY)
    async with ctx.services.hosts.attaching[target.uuid]:
        done: list[str] = []
        try:
            for disk in disks:
                if is_held(ctx.store.get(VDI, disk.ref), host, "static"):
                    continue
                with failures(disk.SR, disk.ref):
                    await attach_on(ctx.services, disk.ref, [host], "static")
                done.append(disk.ref)
            reasons = {disk.uuid: vdi_reason_map[disk.ref] for disk in disks}
            await _remember(ctx.services, target.uuid, {**await _remembered(ctx.services, target.uuid), **reasons})
        except BaseException:
            await asyncio.shield(detach_on(ctx.services, done, [host], "static"))
            raise


async def detach_static_vdis(ctx: Context, host: str, vdis: Sequence[str]) -> None:
    """host.detach_static_vdis: no error for those that are not attached so.

    Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    target = reach(ctx, host)
    gone = {ctx.store.get(VDI, ref).uuid for ref in vdis}
    async with ctx.services.hosts.attaching[target.uuid]:
        known = await _remembered(ctx.services, target.uuid)
        await _remember(ctx.services, target.uuid, {uuid: why for uuid, why in known.items() if uuid not in gone})
        await detach_on(ctx.services, vdis, [host], "static")


async def attach_again(services: Services, host: str) -> None:
    """Attach what a host that has just started is to have; what is gone or cannot be attached is left out."""
    store = services.store
    found = store.find(Host, host)
    if found is None:
        return
    async with services.hosts.attaching[found.uuid]:
        for uuid in await _remembered(services, found.uuid):
            try:
                await attach_on(services, store.by_uuid(VDI, uuid).ref, [host], "static")
            except (ApiError, BackendError) as error:
                _log.warning("VDI %s was not attached as its host started: %s", uuid, error)


async def _remembered(services: Services, uuid: str) -> Reasons:
    """Why each disk is attached, by its uuid; uuid: the host's."""
    kept: Reasons = await services.documents.get(_document(uuid)) or {}
    return kept


async def _remember(services: Services, uuid: str, reasons: Reasons) -> None:
    await services.documents.put(_document(uuid), reasons)


def _document(uuid: str) -> str:
    return f"static disks of {uuid}"


HANDLERS: Handlers = {
    "host.attach_static_vdis": attach_static_vdis,
    "host.detach_static_vdis": detach_static_vdis,
}
