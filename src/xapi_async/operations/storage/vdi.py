"""VDI: making, introducing, changing and removing disks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import Mark, marked, marked_together, refresh
from xapi_async.operations.storage import sr_rules, vdi_rules
from xapi_async.operations.storage.facts import incompatible_type, is_in_use, live, require_managed, vbds_of_vdi
from xapi_async.operations.storage.records import (
    delete_disk,
    find_disk,
    new_disk,
    note_sizes,
    promised,
    sizes_if_known,
    sizes_of,
    update_disk,
)
from xapi_async.operations.storage.scanning import make_dirty
from xapi_async.operations.storage.sites import Site, failures, site_of
from xapi_async.operations.storage.tracking import tell_lost
from xapi_async.storage.driver import BackendError, DiskRequest, DiskState
from xapi_async.storage.kinds import require_text

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def marked_disk(ctx: Context, vdi: str, operation: str) -> AbstractAsyncContextManager[None]:
    """Run the body as an operation on a disk and on its SR, where its name begins with ``vdi_``."""
    sr = ctx.store.get(VDI, vdi).SR
    return marked_together(ctx, Mark(sr_rules.RULES, sr, f"vdi_{operation}"), Mark(vdi_rules.RULES, vdi, operation))


async def create(ctx: Context, args: Mapping[str, Any], *, unfinished: bool = False) -> str:
    """VDI.create: a disk full of zeros, which may come out somewhat larger than asked for.

    unfinished: it is to be filled first, and is of no use if a crash comes between.
    Raises VDI_INCOMPATIBLE_TYPE ["", type], SR_HAS_NO_PBDS [SR], or what the backend does.
    """
    sr = args["SR"]
    async with recorded(ctx) as made, marked(ctx, sr_rules.RULES, sr, "vdi_create"):
        site = site_of(ctx.services, sr)
        if args["type"] == "cbt_metadata":
            raise incompatible_type("", args["type"])
        pool = ctx.store.find(Pool, args.get("metadata_of_pool", ""))
        request = DiskRequest(
            uuid=new_uuid(),
            virtual_size=args["virtual_size"],
            name_label=args["name_label"],
            name_description=args["name_description"],
            type=args["type"],
            read_only=args["read_only"],
            metadata_of_pool=pool.uuid if pool is not None else "",
            sm_config=args["sm_config"],
            unfinished=unfinished,
        )
        with failures(sr):
            require_text(request.name_label, request.name_description)
            state = await site.driver.create_disk(site.sr, request)
        made.append(MadeDisk(site, state))
        if state.virtual_size < args["virtual_size"]:
            raise ApiError("SR_BACKEND_FAILURE", "the disk came out smaller than asked for", "", "")
        sizes = await sizes_of(site)
        async with ctx.store.transaction() as tx:
            values = {name: args[name] for name in ("other_config", "sharable", "tags", "xenstore_data")}
            vdi = new_disk(tx, sr, state, **values)
            note_sizes(tx, sr, sizes, more=state.virtual_size)
            if unfinished:
                make_dirty(tx, sr)  # a scan after a crash finds out that the disk is gone
    return vdi.ref


async def finish(ctx: Context, vdi: str) -> None:
    """Have a disk stay that was made unfinished, now that it is filled. Raises what the backend does."""
    found = ctx.store.get(VDI, vdi)
    site = site_of(ctx.services, found.SR)
    with failures(found.SR, vdi):
        await site.driver.finish_disk(site.sr, found.location)


class MadeDisk(NamedTuple):
    """A disk that has been made at its backend."""

    site: Site
    state: DiskState


@asynccontextmanager
async def recorded(ctx: Context) -> AsyncIterator[list[MadeDisk]]:
    """Destroy the disks that the body enters in the list, and their records, where it fails or is cancelled.

    To be around all that is awaited once a disk is there: who is cancelled while a record lands has made it.
    """
    made: list[MadeDisk] = []
    try:
        yield made
    except BaseException:
        await asyncio.shield(_destroy_again(ctx, made))
        raise


async def _destroy_again(ctx: Context, made: Sequence[MadeDisk]) -> None:
    for site, state in made:
        try:
            await site.driver.destroy_disk(site.sr, state.location)
        except BackendError:
            continue  # a scan will find it
        async with ctx.store.transaction() as tx:
            vdi = find_disk(tx, site.ref, state.location)
            if vdi is not None:
                note_sizes(tx, site.ref, None, more=-promised(vdi.type, vdi.virtual_size))
                delete_disk(tx, vdi)


async def destroy(ctx: Context, self: str) -> None:
    """VDI.destroy: delete a disk, its record and the block devices it is in; snapshots of it stay.

    Raises SR_HAS_NO_PBDS [SR], VDI_NOT_MANAGED [VDI], VDI_IN_USE [VDI, "destroy"], or what the backend does.
    """
    async with marked_disk(ctx, self, "destroy"):
        vdi = ctx.store.get(VDI, self)
        site = site_of(ctx.services, vdi.SR)
        require_managed(vdi)
        if any(is_in_use(vbd) for vbd in vbds_of_vdi(ctx.store, vdi)):
            raise ApiError("VDI_IN_USE", self, "destroy")
        with failures(vdi.SR, self):
            await site.driver.destroy_disk(site.sr, vdi.location)
        # From here on the disk is gone, whoever gives up waiting.
        await asyncio.shield(_note_destroyed(ctx, self, site))


async def _note_destroyed(ctx: Context, self: str, site: Site) -> None:
    sizes = await sizes_if_known(site)
    async with ctx.store.transaction() as tx:
        vdi = tx.get(VDI, self)
        note_sizes(tx, site.ref, sizes, more=-promised(vdi.type, vdi.virtual_size))
        if "vhd-parent" in vdi.sm_config or vdi.is_a_snapshot or vdi.snapshots:
            make_dirty(tx, site.ref)  # hidden disks may be gone too, and others have for themselves what was shared
        delete_disk(tx, vdi)


async def forget(ctx: Context, vdi: str) -> None:
    """VDI.forget: delete a disk's record; the next scan finds the disk again."""
    async with marked(ctx, vdi_rules.RULES, vdi, "forget"), ctx.store.transaction() as tx:
        gone = tx.get(VDI, vdi)
        tx.delete(gone)
        refresh(tx, sr_rules.RULES, gone.SR)  # which may be destroyed once nothing is in it


async def introduce(
    ctx: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    SR: str,
    type: str,
    sharable: bool,
    read_only: bool,
    other_config: Mapping[str, str],
    location: str,
    xenstore_data: Mapping[str, str],
    sm_config: Mapping[str, str],
    *ignored: Any,
) -> str:
    """VDI.introduce: a record of a disk that is there, as its backend describes it.

    Raises SR_HAS_NO_PBDS [SR], LOCATION_NOT_UNIQUE [SR, location], or INTERNAL_ERROR [text] whatever the backend does.
    """
    async with marked(ctx, sr_rules.RULES, SR, "vdi_introduce"):
        site = site_of(ctx.services, SR)
        uuid = uuid or new_uuid()
        known = find_disk(ctx.store, SR, location)
        if known is not None and known.uuid != uuid:
            raise ApiError("LOCATION_NOT_UNIQUE", SR, location)
        try:
            state = await site.driver.introduce_disk(site.sr, uuid, location, sm_config)
        except BackendError as error:
            raise ApiError("INTERNAL_ERROR", f"the disk could not be introduced: {error}") from error
        sizes = await sizes_of(site)
        values: dict[str, Any] = {
            "other_config": other_config,
            "xenstore_data": xenstore_data,
            "sharable": sharable,
            "type": type,
            **({"name_label": name_label} if name_label else {}),
            **({"name_description": name_description} if name_description else {}),
        }
        async with ctx.store.transaction() as tx:
            existing = find_disk(tx, SR, location)
            if existing is not None:
                vdi = existing
                update_disk(tx, vdi, state)
                tx.set(vdi, **values)
            else:
                vdi = new_disk(tx, SR, state, **{**values, "uuid": uuid})
            note_sizes(tx, SR, sizes, more=state.virtual_size if existing is None else 0)
            vdi = tx.get(VDI, vdi.ref)
        names = {"name_label": vdi.name_label, "name_description": vdi.name_description}
        with failures(SR, vdi.ref):
            await site.driver.rename(site.sr, location, **names)
            await site.driver.set_type(site.sr, location, type)
        return vdi.ref


_POOL_INTRODUCED = (
    "uuid",
    "name_label",
    "name_description",
    "SR",
    "type",
    "sharable",
    "read_only",
    "other_config",
    "location",
    "xenstore_data",
    "sm_config",
    "managed",
    "virtual_size",
    "physical_utilisation",
    "metadata_of_pool",
    "is_a_snapshot",
    "snapshot_time",
    "snapshot_of",
    "cbt_enabled",
)
"""The parameters of VDI.pool_introduce, which are fields all of them."""


async def pool_introduce(ctx: Context, *args: Any) -> str:
    """VDI.pool_introduce: a record with the fields given. Raises LOCATION_NOT_UNIQUE or UUID_INVALID ["VDI", uuid]."""
    values = dict(zip(_POOL_INTRODUCED, args, strict=True))
    async with ctx.store.transaction() as tx:
        sr = tx.get(SR, values["SR"])
        if any(vdi.location == values["location"] for vdi in live(tx.view, VDI, sr.VDIs)):
            raise ApiError("LOCATION_NOT_UNIQUE", sr.ref, values["location"])
        if not _UUID.fullmatch(values["uuid"]):
            raise ApiError("UUID_INVALID", "VDI", values["uuid"])
        vdi = tx.create(VDI, **values)
        refresh(tx, vdi_rules.RULES, vdi.ref)
        return vdi.ref


async def update(ctx: Context, vdi: str) -> None:
    """VDI.update: read a disk's properties again. Raises SR_HAS_NO_PBDS [SR], or INTERNAL_ERROR [text]."""
    async with marked(ctx, vdi_rules.RULES, vdi, "update"):
        await _read_again(ctx, vdi)


async def _read_again(ctx: Context, ref: str) -> None:
    vdi = ctx.store.get(VDI, ref)
    site = site_of(ctx.services, vdi.SR)
    try:
        state = await site.driver.disk(site.sr, vdi.location)
    except BackendError as error:
        raise ApiError("INTERNAL_ERROR", f"VDI {ref} could not be read: {error}") from error
    async with ctx.store.transaction() as tx:
        update_disk(tx, tx.get(VDI, ref), state)


async def set_name_label(ctx: Context, self: str, value: str) -> None:
    """VDI.set_name_label. Raises SR_HAS_NO_PBDS [SR], or SR_BACKEND_FAILURE_447 for what XML cannot carry."""
    await _rename(ctx, self, name_label=value)


async def set_name_description(ctx: Context, self: str, value: str) -> None:
    """VDI.set_name_description. Raises as VDI.set_name_label."""
    await _rename(ctx, self, name_description=value)


async def _rename(ctx: Context, ref: str, **names: str) -> None:
    site = site_of(ctx.services, ctx.store.get(VDI, ref).SR)
    with failures(site.ref, ref):
        require_text(*names.values())
    async with ctx.store.transaction() as tx:
        vdi = tx.get(VDI, ref)
        tx.set(vdi, **names)
        location = vdi.location
        wanted = {"name_label": vdi.name_label, "name_description": vdi.name_description}
    with failures(site.ref, ref):
        await site.driver.rename(site.sr, location, **wanted)
    await _read_again(ctx, ref)


async def resize(ctx: Context, vdi: str, size: int) -> None:
    """VDI.resize: enlarge a disk to a size in bytes, which is rounded up.

    Raises SR_HAS_NO_PBDS [SR], VDI_NOT_MANAGED [VDI], or what the backend does, as SR_BACKEND_FAILURE_79 where the
    disk would shrink. Tracking of changed blocks that cannot follow is switched off, and a message tells of it.
    """
    async with marked_disk(ctx, vdi, "resize"):
        found = ctx.store.get(VDI, vdi)
        site = site_of(ctx.services, found.SR)
        require_managed(found)
        if size == found.virtual_size:
            return
        with failures(found.SR, vdi):
            state = await site.driver.resize(site.sr, found.location, size)
        sizes = await sizes_if_known(site)
        lost_tracking = found.cbt_enabled and not state.cbt_enabled
        async with ctx.store.transaction() as tx:
            target = tx.get(VDI, vdi)
            note_sizes(tx, site.ref, sizes, more=state.virtual_size - target.virtual_size)
            update_disk(tx, target, state)
        if lost_tracking:
            text = "The blocks that change can no longer be tracked, as the disk was resized"
            await tell_lost(ctx.services, found, "VDI_CBT_RESIZE_FAILED", text)


async def force_unlock(ctx: Context, vdi: str) -> None:
    """VDI.force_unlock: long obsolete. Raises MESSAGE_DEPRECATED []."""
    async with marked(ctx, vdi_rules.RULES, vdi, "force_unlock"):
        raise ApiError("MESSAGE_DEPRECATED")


async def generate_config(ctx: Context, host: str, vdi: str) -> str:
    """VDI.generate_config: a text by which a host attaches the disk without a database.

    Raises SR_HAS_NO_PBDS [SR], VDI_NOT_MANAGED [VDI].
    """
    ctx.store.get(Host, host)
    async with marked(ctx, vdi_rules.RULES, vdi, "generate_config"):
        found = ctx.store.get(VDI, vdi)
        site = site_of(ctx.services, found.SR)
        require_managed(found)
        with failures(found.SR, vdi):
            return await site.driver.generate_config(site.sr, found.location)


async def set_on_boot(ctx: Context, self: str, value: str) -> None:
    """VDI.set_on_boot: whether what is written is dropped at each start of a VM.

    Raises VM_BAD_POWER_STATE [VM, "halted", actual], SR_HAS_NO_PBDS [SR], or what the backend does.
    """
    _require_halted(ctx.store, self)
    async with marked_disk(ctx, self, "set_on_boot"):
        vdi = ctx.store.get(VDI, self)
        site = site_of(ctx.services, vdi.SR)
        with failures(vdi.SR, self):
            await site.driver.set_reset_point(site.sr, vdi.location, value == "reset")
        async with ctx.store.transaction() as tx:
            tx.set(tx.get(VDI, self), on_boot=value)


async def set_allow_caching(ctx: Context, self: str, value: bool) -> None:
    """VDI.set_allow_caching. Raises VM_BAD_POWER_STATE [VM, "halted", actual]."""
    _require_halted(ctx.store, self)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(VDI, self), allow_caching=value)


def _require_halted(reader: Reader, vdi: str) -> None:
    """Check that every VM with the disk is halted."""
    for vbd in vbds_of_vdi(reader, reader.get(VDI, vdi)):
        vm = reader.find(VM, vbd.VM)
        if vm is not None and vm.power_state != "Halted":
            raise ApiError("VM_BAD_POWER_STATE", vm.ref, "halted", vm.power_state.lower())


HANDLERS: Handlers = {
    "VDI.create": create,
    "VDI.destroy": destroy,
    "VDI.forget": forget,
    "VDI.introduce": introduce,
    "VDI.pool_introduce": pool_introduce,
    "VDI.update": update,
    "VDI.set_name_label": set_name_label,
    "VDI.set_name_description": set_name_description,
    "VDI.resize": resize,
    "VDI.force_unlock": force_unlock,
    "VDI.generate_config": generate_config,
    "VDI.set_on_boot": set_on_boot,
    "VDI.set_allow_caching": set_allow_caching,
}
