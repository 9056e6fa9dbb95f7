"""Disks on a host's side: made ready before its guests get them, and released after."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import Device
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.storage.facts import live, sees
from xapi_async.operations.storage.records import update_disk
from xapi_async.operations.storage.sites import failures
from xapi_async.operations.storage.tracking import check_tracking
from xapi_async.storage.driver import BackendError, DiskState

CONTENT_ID = "content_id"
"""The key of a disk's other_config that names what it holds, as long as nobody may be writing it."""


def vbd_device(vbd: VBD) -> Device:
    """The VBD as the hypervisor knows it, for plugging and for building a domain with it."""
    return Device("vbd", key=vbd.uuid, position=vbd.device or vbd.userdevice, is_read_only=vbd.mode == "RO")


async def prepare_disks(services: Services, vm: str, host: str, *, is_start: bool = True) -> None:
    """Make every disk of a VM ready on a host, all or none. is_start: disks that are to be reset at a start are.

    Raises what a backend does.
    """
    done: list[str] = []
    try:
        for vbd in _filled(services.store, vm):
            await prepare_disk(services, vbd.ref, host, is_start=is_start)
            done.append(vbd.ref)
    except BaseException:
        await asyncio.shield(_release(services, done, host))
        raise


async def reset_disks(services: Services, vm: str) -> None:
    """Drop what a guest that was booted anew wrote before to disks that forget it then. Raises what a backend does."""
    for vbd in _filled(services.store, vm):
        vdi = services.store.get(VDI, vbd.VDI)
        if vdi.on_boot == "reset":
            sr = services.store.get(SR, vdi.SR)
            with failures(sr.ref, vdi.ref):
                await services.storage.driver(sr.type, is_tools=sr.is_tools_sr).reset(sr.uuid, vdi.location)


async def release_disks(services: Services, vm: str, host: str) -> None:
    """Release every disk of a VM on a host; what goes wrong with that is no matter."""
    await _release(services, [vbd.ref for vbd in _filled(services.store, vm)], host)


async def prepare_disk(services: Services, vbd: str, host: str, *, is_start: bool = False) -> Mapping[str, str]:
    """Make the disk in a device ready on a host; gives where the host finds it.

    Raises SR_NOT_ATTACHED [SR] where the host does not use the SR, or what the backend does.
    """
    store = services.store
    device = store.get(VBD, vbd)
    vdi = store.get(VDI, device.VDI)
    sr, where = store.get(SR, vdi.SR), store.get(Host, host)
    if not sees(store, host, sr.ref):
        raise ApiError("SR_NOT_ATTACHED", sr.ref)
    driver = services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
    with failures(sr.ref, vdi.ref):
        if is_start and vdi.on_boot == "reset":
            await driver.reset(sr.uuid, vdi.location)
        if device.mode == "RW":
            await check_tracking(services, vdi.ref)
        path = await driver.plug(where.uuid, sr.uuid, vdi.location, read_only=device.mode == "RO")
    async with store.transaction() as tx:
        _note_active(tx, tx.get(VDI, vdi.ref), host, device.mode)
    return path


async def release_disk(services: Services, vbd: str, host: str) -> None:
    """Release the disk in a device on a host; what goes wrong with that is no matter."""
    await _release(services, [vbd], host)


async def _release(services: Services, vbds: Sequence[str], host: str) -> None:
    store = services.store
    where = store.find(Host, host)
    released: list[tuple[str, DiskState | None]] = []
    for device in live(store, VBD, vbds):
        vdi = store.find(VDI, device.VDI)
        sr = store.find(SR, vdi.SR) if vdi is not None else None
        if vdi is None or sr is None or where is None:
            continue
        driver = services.storage.driver(sr.type, is_tools=sr.is_tools_sr)
        state = None
        try:
            await driver.unplug(where.uuid, sr.uuid, vdi.location)
            state = await driver.disk(sr.uuid, vdi.location)
        except BackendError:
            pass  # the storage may be what went away
        released.append((vdi.ref, state))
    async with store.transaction() as tx:
        for ref, state in released:
            target = tx.find(VDI, ref)
            if target is not None:
                note_inactive(tx, target, host)
                if state is not None:
                    update_disk(tx, target, state)


def _filled(reader: Reader, vm: str) -> list[VBD]:
    devices = live(reader, VBD, reader.get(VM, vm).VBDs)
    return [vbd for vbd in devices if not vbd.empty and reader.find(VDI, vbd.VDI) is not None]


def _note_active(tx: Transaction, vdi: VDI, host: str, mode: str) -> None:
    """Show on which host a disk is in use."""
    tx.set(vdi, sm_config={**vdi.sm_config, f"host_{host}": mode})
    if mode == "RW":
        drop_content_id(tx, vdi)


def note_inactive(tx: Transaction, vdi: VDI, host: str) -> None:
    """Show that a disk is in use on a host no more, and what it holds has a name again."""
    key = f"host_{host}"
    if key in vdi.sm_config:
        tx.set(vdi, sm_config={name: value for name, value in vdi.sm_config.items() if name != key})
    give_content_id(tx, vdi)


def drop_content_id(tx: Transaction, vdi: VDI) -> None:
    """What a disk holds has no name from the moment it may be written."""
    if CONTENT_ID in vdi.other_config:
        tx.set(vdi, other_config={key: value for key, value in vdi.other_config.items() if key != CONTENT_ID})


def give_content_id(tx: Transaction, vdi: VDI) -> None:
    """Name what a disk holds now that nobody writes it, unless it has a name."""
    if CONTENT_ID not in vdi.other_config:
        tx.set(vdi, other_config={**vdi.other_config, CONTENT_ID: new_uuid()})
