"""After a restart of the server: guests that ran on are taken over, and what was cut off is resolved.

VMs shown as live without a domain become halted; domains that nobody knows, or that the records place elsewhere, are
destroyed; reservations and marks of operations that no longer run are dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import Domain, Hypervisor, HypervisorError
from xapi_async.objects.clock import from_api_time
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.devices.placement import drop_reservations
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.own_work import own_context
from xapi_async.operations.vm.domains import domain_on_record
from xapi_async.operations.vm.facts import is_live
from xapi_async.operations.vm.settling import settle_records
from xapi_async.operations.vm.suspend_image import VM_HINT, destroy_image

_log = logging.getLogger(__name__)


async def recover(services: Services) -> None:
    """Bring records and domains together; to be done once, before VMs are worked with."""
    store, hypervisor = services.store, services.hypervisor
    known = {domain.config.vm for domain in hypervisor.domains()}
    down = [host.uuid for host in store.all(Host) if not is_host_live(store, host)]
    hypervisor.adopt([domain for domain in _recorded(store) if domain.config.vm not in known], down)
    for domain in _unknown(services):
        await _end(hypervisor, domain)
    unfinished: set[str] = set()
    async with store.transaction() as tx:
        view = tx.view
        for ref in tx.refs(VM):
            vm = view.find(VM, ref)
            if vm is not None and not vm.is_control_domain and not vm.current_operations:
                unfinished.add(settle_records(tx, services, ref))
        drop_reservations(tx)
    unfinished.update(_left_images(store))
    unfinished.discard(NULL_REF)
    if unfinished:
        async with own_context(services, "removal of unfinished suspend images") as ctx:
            for image in sorted(unfinished):
                await destroy_image(ctx, image)


async def _end(hypervisor: Hypervisor, domain: Domain) -> None:
    try:
        await hypervisor.destroy(domain.config.vm)
    except (HypervisorError, ApiError):
        # One host's trouble must not keep the server from starting.
        _log.warning("a domain that nobody knows, of VM %s, could not be ended", domain.config.vm, exc_info=True)


def _left_images(reader: Reader) -> Iterator[str]:
    """Disks made for the memory of VMs that are not suspended: whoever was to note or destroy them was cut off.

    Those of VMs that are gone, and copies, are their owner's to keep or destroy.
    """
    used = {vm.suspend_VDI for vm in reader.all(VM)}
    awake = {vm.uuid for vm in reader.all(VM) if vm.power_state != "Suspended"}
    for vdi in reader.all(VDI):
        is_left = vdi.type == "suspend" and vdi.ref not in used and not vdi.is_a_snapshot
        if is_left and vdi.sm_config.get(VM_HINT) in awake:
            yield vdi.ref


def _recorded(reader: Reader) -> Iterator[Domain]:
    for vm in reader.all(VM):
        host = reader.find(Host, vm.resident_on)
        if is_live(vm) and not vm.is_control_domain and host is not None and is_host_live(reader, host):
            metrics = reader.find(VMMetrics, vm.metrics)
            yield domain_on_record(reader, vm, host, from_api_time(metrics.start_time) if metrics else 0.0)


def _unknown(services: Services) -> list[Domain]:
    """Domains whose VM is not known, or is known to be on another host."""
    found = []
    for domain in services.hypervisor.domains():
        try:
            vm = services.store.by_uuid(VM, domain.config.vm)
            host = services.store.by_uuid(Host, domain.config.host)
        except ApiError:
            found.append(domain)
            continue
        if vm.resident_on not in (NULL_REF, host.ref):
            found.append(domain)
    return found
