"""pool_update: packages made known to the pool, checked and installed on its hosts.

What is installed on a simulated host is what its record says. Signatures are not verified: there are no keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_patch import HostPatch
from xapi_async.datamodel.classes.pool_patch import PoolPatch
from xapi_async.datamodel.classes.pool_update import PoolUpdate
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.clock import api_time
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.pools.update_package import Package, invalid, read_package
from xapi_async.operations.storage import vdi as vdis
from xapi_async.operations.storage.facts import incompatible_type, live
from xapi_async.operations.storage.loopback import in_control_domain
from xapi_async.operations.vm.features import is_upgrading, the_pool

UPDATE_SPACE = 4 << 30
"""Bytes of the file system that updates are installed on, on a simulated host."""

UPDATE_PATH = "/var/update"
LEAST_SPACE = 1 << 20

REBOOTS = frozenset({"restartHost"})
"""Guidance with which a host shows the update as waiting for a reboot."""


# Making known


async def introduce(ctx: Context, vdi: str) -> str:
    """pool_update.introduce: an update by the disk that holds its package; one that is known gets the disk.

    Raises VDI_INCOMPATIBLE_TYPE [VDI, type], OUT_OF_SPACE [path], INVALID_UPDATE [text], UPDATE_ALREADY_EXISTS [uuid].
    """
    if ctx.store.get(VDI, vdi).type == "cbt_metadata":
        raise incompatible_type(vdi, "cbt_metadata")
    if free_space(ctx.store, ctx.store.get(Host, the_pool(ctx.store).master)) < LEAST_SPACE:
        raise ApiError("OUT_OF_SPACE", UPDATE_PATH)
    package = await _mounted(ctx, vdi)
    async with ctx.store.transaction() as tx:
        known = find_update(tx, package.uuid)
        if known is None:
            return _new_update(tx, package, vdi).ref
        if tx.find(VDI, known.vdi) is None:
            tx.set(known, vdi=vdi)
        elif known.vdi != vdi:
            raise ApiError("UPDATE_ALREADY_EXISTS", package.uuid)
        return known.ref


async def _mounted(ctx: Context, vdi: str) -> Package:
    """What the package on a disk says. Raises INVALID_UPDATE [text]."""
    try:
        async with in_control_domain(ctx, vdi, "RO") as image:
            return await read_package(image)
    except ApiError as error:
        if error.code == "INVALID_UPDATE":
            raise
        raise invalid(f"the disk could not be attached: {error}") from error


def free_space(reader: Reader, host: Host) -> int:
    """Bytes left for updates on a host."""
    installed = live(reader, PoolUpdate, host.updates)
    return UPDATE_SPACE - sum(update.installation_size for update in installed)


def find_update(reader: Reader, uuid: str) -> PoolUpdate | None:
    """The update with a uuid, or None."""
    try:
        return reader.by_uuid(PoolUpdate, uuid)
    except ApiError:
        return None


def _new_update(tx: Transaction, package: Package, vdi: str) -> PoolUpdate:
    update = tx.create(
        PoolUpdate,
        uuid=package.uuid,
        name_label=package.name,
        name_description=package.description,
        version=package.version,
        installation_size=package.size,
        key=package.key,
        after_apply_guidance=package.guidance,
        vdi=vdi,
        enforce_homogeneity=package.enforce_homogeneity,
    )
    _new_patch(tx, update)
    return update


def patch_uuid(uuid: str) -> str:
    """The uuid of the old-style record of an update: the same but for its second and third group."""
    groups = uuid.split("-")
    return "-".join([groups[0], "0000", "0000", *groups[3:]])


def _new_patch(tx: Transaction, update: PoolUpdate) -> PoolPatch:
    return tx.create(
        PoolPatch,
        uuid=patch_uuid(update.uuid),
        name_label=update.name_label,
        name_description=update.name_description,
        version=update.version,
        after_apply_guidance=update.after_apply_guidance,
        size=update.installation_size,
        filename="",
        pool_update=update.ref,
    )


def patch_of(reader: Reader, update: str) -> PoolPatch | None:
    """The old-style record of an update."""
    return next((patch for patch in reader.all(PoolPatch) if patch.pool_update == update), None)


# Checking


class _Case(NamedTuple):
    """What checks look at before an update is installed. installed: the uuids of what the host has."""

    update: PoolUpdate
    package: Package
    host: Host
    installed: frozenset[str]


def _conflict(case: _Case) -> ApiError | None:
    found = [uuid for uuid in case.package.conflicts if uuid in case.installed]
    if not found:
        return None
    return ApiError("UPDATE_PRECHECK_FAILED_CONFLICT_PRESENT", case.update.name_label, " ".join(found))


def _version(case: _Case) -> ApiError | None:
    needed, installed = case.package.server_version, case.host.software_version.get("product_version", "")
    if not needed or needed == installed:
        return None
    return ApiError("UPDATE_PRECHECK_FAILED_WRONG_SERVER_VERSION", case.update.name_label, installed, needed)


def _prerequisite(case: _Case) -> ApiError | None:
    missing = [uuid for uuid in case.package.requires if uuid not in case.installed]
    if not missing:
        return None
    return ApiError("UPDATE_PRECHECK_FAILED_PREREQUISITE_MISSING", case.update.name_label, " ".join(missing))


CHECKS: tuple[Callable[[_Case], ApiError | None], ...] = (_conflict, _version, _prerequisite)
"""What a host checks, in that order."""


async def precheck(ctx: Context, self: str, host: str) -> str:
    """pool_update.precheck: whether it could be installed on a host, and how far a live patch covers it.

    Raises CANNOT_FIND_UPDATE [], UPDATE_PRECHECK_FAILED_OUT_OF_SPACE [name, available, required], as
    :data:`CHECKS`, or INVALID_UPDATE [name, text].
    """
    place = reach(ctx, host)
    return (await _checked(ctx, ctx.store.get(PoolUpdate, self), place)).live_patch


async def _checked(ctx: Context, update: PoolUpdate, host: Host) -> Package:
    if ctx.store.find(VDI, update.vdi) is None:
        raise ApiError("CANNOT_FIND_UPDATE")
    available = free_space(ctx.store, host)
    if update.installation_size > available:
        name = update.name_label
        raise ApiError("UPDATE_PRECHECK_FAILED_OUT_OF_SPACE", name, available, update.installation_size)
    try:
        package = await _mounted(ctx, update.vdi)
    except ApiError as error:
        raise ApiError("INVALID_UPDATE", update.name_label, *error.params) from error
    installed = frozenset(one.uuid for one in live(ctx.store, PoolUpdate, host.updates))
    for check in CHECKS:
        refusal = check(_Case(update, package, host, installed))
        if refusal is not None:
            raise refusal
    return package


# Installing


async def apply(ctx: Context, self: str, host: str) -> None:
    """pool_update.apply: install it on a host; what the guidance advises to restart is left to the caller.

    Raises UPDATE_ALREADY_APPLIED [update], OTHER_OPERATION_IN_PROGRESS [text, update], or as :func:`precheck`.
    """
    place, update = reach(ctx, host), ctx.store.get(PoolUpdate, self)
    if self in place.updates:
        raise ApiError("UPDATE_ALREADY_APPLIED", self)
    running, mark = ctx.services.pool.installing, (self, host)
    if mark in running:
        raise ApiError("OTHER_OPERATION_IN_PROGRESS", "pool_update.apply", self)
    running.add(mark)
    try:
        package = await _checked(ctx, update, place)
        await asyncio.shield(_note_installed(ctx, self, host, package))
    finally:
        running.discard(mark)


async def _note_installed(ctx: Context, self: str, ref: str, package: Package) -> None:
    async with ctx.store.transaction() as tx:
        host, update = tx.get(Host, ref), tx.get(PoolUpdate, self)
        tx.set(host, updates=(*host.updates, self))
        if REBOOTS & set(update.after_apply_guidance) and package.live_patch != "ok_livepatch_complete":
            tx.set(host, updates_requiring_reboot=(*host.updates_requiring_reboot, self))
            domain = tx.find(VM, host.control_domain)
            if domain is not None and not domain.requires_reboot:
                tx.set(domain, requires_reboot=True)
        follow_host(tx, ref, ctx.services.clock.now())


async def pool_apply(ctx: Context, self: str) -> None:
    """pool_update.pool_apply: on each host that lacks it, going on after failures.

    Raises UPDATE_ALREADY_APPLIED_IN_POOL [update] or UPDATE_POOL_APPLY_FAILED [host, …].
    """
    update = ctx.store.get(PoolUpdate, self)
    lacking = [host.ref for host in ctx.store.all(Host) if host.ref not in update.hosts]
    if not lacking:
        raise ApiError("UPDATE_ALREADY_APPLIED_IN_POOL", self)
    failed = []
    for number, host in enumerate(lacking, 1):
        try:
            await apply(ctx, self, host)
        except ApiError as error:
            if error.code == "TASK_CANCELLED":
                raise
            failed.append(host)
        await ctx.task.progress(number / len(lacking))
    if failed:
        raise ApiError("UPDATE_POOL_APPLY_FAILED", *failed)


async def resync_host(ctx: Context, host: str) -> None:
    """pool_update.resync_host: bring the old-style records in line with what the host has installed."""
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        follow_host(tx, host, ctx.services.clock.now())
        if not is_upgrading(tx.view):
            _drop_unused(tx)


def follow_host(tx: Transaction, ref: str, now: float) -> None:
    """Make the old-style records of what a host has installed, drop those of what it has not."""
    host = tx.get(Host, ref)
    wanted: dict[str, PoolPatch] = {}
    for update in list(live(tx, PoolUpdate, host.updates)):
        patch = patch_of(tx, update.ref) or _new_patch(tx, update)
        wanted[patch.ref] = patch
    for record in list(live(tx, HostPatch, host.patches)):
        if record.pool_patch in wanted:
            del wanted[record.pool_patch]
        else:
            tx.delete(record)
    for patch in wanted.values():
        tx.create(
            HostPatch,
            host=ref,
            pool_patch=patch.ref,
            version=patch.version,
            applied=True,
            timestamp_applied=api_time(now),
            size=0,
        )


def _drop_unused(tx: Transaction) -> None:
    for patch in list(tx.all(PoolPatch)):
        update = tx.find(PoolUpdate, patch.pool_update)
        if update is None:
            tx.delete(patch)
        elif not update.hosts and patch.host_patches:
            tx.delete(patch)
            tx.delete(update)


# Cleaning up


async def pool_clean(ctx: Context, self: str) -> None:
    """pool_update.pool_clean: destroy the disk with the package, whether it is installed anywhere or not."""
    update = ctx.store.get(PoolUpdate, self)
    if ctx.store.find(VDI, update.vdi) is None:
        return
    await vdis.destroy(ctx, update.vdi)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(PoolUpdate, self), vdi=NULL_REF)


async def destroy(ctx: Context, self: str) -> None:
    """pool_update.destroy: forget an update that no host has. Raises UPDATE_IS_APPLIED []."""
    async with ctx.store.transaction() as tx:
        update = tx.get(PoolUpdate, self)
        if update.hosts:
            raise ApiError("UPDATE_IS_APPLIED")
        patch = patch_of(tx, self)
        if patch is not None:
            tx.delete(patch)
        tx.delete(update)


async def attach(ctx: Context, self: str) -> str:
    """pool_update.attach: where hosts find the package. Raises CANNOT_FIND_UPDATE [uuid]."""
    return f"/update/{_with_disk(ctx, self).uuid}"


async def detach(ctx: Context, self: str) -> None:
    """pool_update.detach: packages are read from their disks, so there is nothing to end.

    Raises CANNOT_FIND_UPDATE [uuid].
    """
    _with_disk(ctx, self)


def _with_disk(ctx: Context, self: str) -> PoolUpdate:
    update = ctx.store.get(PoolUpdate, self)
    if ctx.store.find(VDI, update.vdi) is None:
        raise ApiError("CANNOT_FIND_UPDATE", update.uuid)
    return update


HANDLERS: Handlers = {
    "pool_update.introduce": introduce,
    "pool_update.precheck": precheck,
    "pool_update.apply": apply,
    "pool_update.pool_apply": pool_apply,
    "pool_update.pool_clean": pool_clean,
    "pool_update.destroy": destroy,
    "pool_update.attach": attach,
    "pool_update.detach": detach,
    "pool_update.resync_host": resync_host,
}
