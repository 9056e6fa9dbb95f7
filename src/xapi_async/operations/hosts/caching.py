"""host: keeping copies of VMs' disks on a local SR. It is switched only while the host does nothing."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.storage.facts import has_feature, live, pbds_of

FEATURE = "SR_SUPPORTS_LOCAL_CACHING"


async def enable_caching(ctx: Context, host: str, sr: str) -> None:
    """host.enable_local_storage_caching, in place of the SR used before.

    Raises as :func:`require_idle`, SR_OPERATION_NOT_SUPPORTED [] or HOST_CANNOT_SEE_SR [host, SR].
    """
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        target, found = tx.get(Host, host), tx.get(SR, sr)
        require_idle(tx, target)
        pbds = pbds_of(tx, found)
        if found.shared or len(pbds) != 1 or not has_feature(tx, found, FEATURE):
            raise ApiError("SR_OPERATION_NOT_SUPPORTED")
        if pbds[0].host != host:
            raise ApiError("HOST_CANNOT_SEE_SR", host, sr)
        _forget(tx, target)
        tx.set(target, local_cache_sr=sr)
        tx.set(found, local_cache_enabled=True)


async def disable_caching(ctx: Context, host: str) -> None:
    """host.disable_local_storage_caching. Raises as :func:`require_idle`."""
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        target = tx.get(Host, host)
        require_idle(tx, target)
        _forget(tx, target)
        tx.set(target, local_cache_sr=NULL_REF)


def require_idle(reader: Reader, host: Host) -> None:
    """Check that a host does nothing.

    Raises HOST_NOT_DISABLED [], HOST_IN_USE [host, "vm", VM] or HOST_IN_USE [host, "vbd", VBD].
    """
    if host.enabled:
        raise ApiError("HOST_NOT_DISABLED")
    residents = list(live(reader, VM, host.resident_VMs))
    for vm in residents:
        if not vm.is_control_domain:
            raise ApiError("HOST_IN_USE", host.ref, "vm", vm.ref)
    for vm in residents:
        for vbd in live(reader, VBD, vm.VBDs):
            if vbd.currently_attached:
                raise ApiError("HOST_IN_USE", host.ref, "vbd", vbd.ref)


def _forget(tx: Transaction, host: Host) -> None:
    before = tx.find(SR, host.local_cache_sr)
    if before is not None and before.local_cache_enabled:
        tx.set(before, local_cache_enabled=False)


HANDLERS: Handlers = {
    "host.enable_local_storage_caching": enable_caching,
    "host.disable_local_storage_caching": disable_caching,
}
