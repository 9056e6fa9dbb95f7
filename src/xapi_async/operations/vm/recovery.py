"""After a restart of the server: guests that ran on are taken over, and what was cut off is resolved.

VMs shown as live without a domain become halted; domains that nobody knows, or that the records place elsewhere, are
destroyed; reservations and marks of operations that no longer run are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import Domain
from xapi_async.objects.clock import from_api_time
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.devices.placement import drop_reservations
from xapi_async.operations.own_work import own_context
from xapi_async.operations.vm import states
from xapi_async.operations.vm.domains import domain_on_record
from xapi_async.operations.vm.facts import is_live, will_boot_hvm
from xapi_async.operations.vm.hosts import is_host_live
from xapi_async.operations.vm.suspend_image import VM_HINT, destroy_image


async def recover(services: Services) -> None:
    """Bring records and domains together; to be done once, before VMs are worked with."""
    store, hypervisor = services.store, services.hypervisor
    known = {domain.config.vm for domain in hypervisor.domains()}
    down = [host.uuid for host in store.all(Host) if not is_host_live(store, host)]
    hypervisor.adopt([domain for domain in _recorded(store) if domain.config.vm not in known], down)
    for domain in _unknown(services):
        await hypervisor.destroy(domain.config.vm)
    unfinished: list[str] = []
    async with store.transaction() as tx:
        view = tx.view
        for ref in tx.refs(VM):
            vm = view.find(VM, ref)
            if vm is not None and not vm.is_control_domain and not vm.current_operations:
                unfinished += _unfinished_image(services, vm)
                _settle(tx, services, vm)
        drop_reservations(tx)
    unfinished += [image for image in _left_images(store) if image not in unfinished]
    if unfinished:
        async with own_context(services, "removal of unfinished suspend images") as ctx:
            for image in unfinished:
                await destroy_image(ctx, image)


def _unfinished_image(services: Services, vm: VM) -> list[str]:
    """The disk that a suspend was writing to when it was cut off."""
    is_running_on = is_live(vm) and services.hypervisor.domain(vm.uuid) is not None
    return [vm.suspend_VDI] if is_running_on and vm.suspend_VDI != NULL_REF else []


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


def _settle(tx: Transaction, services: Services, vm: VM) -> None:
    domain = services.hypervisor.domain(vm.uuid)
    if domain is None and is_live(vm):
        host = tx.find(Host, vm.resident_on)
        if host is not None and not is_host_live(tx, host):
            return  # somebody has to say that the host is really dead
        states.force_reset(tx, vm.ref, "Halted")
    elif domain is not None:
        _take_over(tx, services, vm, domain)
    elif vm.power_state == "Suspended":
        _restore_kind(tx, vm)
    elif vm.power_state == "Halted" and _has_remains(tx.view, vm):
        states.become_halted(tx, vm.ref)


def _take_over(tx: Transaction, services: Services, vm: VM, domain: Domain) -> None:
    metrics = tx.view.find(VMMetrics, vm.metrics)
    if is_live(vm) and vm.domid == domain.domid and metrics is not None:
        # What a database does not keep, and a suspend that did not come to its end.
        config = domain.config
        kept = {
            "hvm": config.is_hvm,
            "nomigrate": config.nomigrate,
            "nested_virt": config.nested_virt,
            "memory_actual": services.hypervisor.memory(vm.uuid),
        }
        changed = {name: value for name, value in kept.items() if getattr(metrics, name) != value}
        if changed:
            tx.set(metrics, **changed)
        if vm.suspend_VDI != NULL_REF or vm.scheduled_to_be_resident_on != NULL_REF:
            tx.set(vm, suspend_VDI=NULL_REF, scheduled_to_be_resident_on=NULL_REF)
        return
    host = tx.by_uuid(Host, domain.config.host).ref
    states.become_live(tx, vm.ref, host, domain, services.clock.now(), is_new_start=False)


def _restore_kind(tx: Transaction, vm: VM) -> None:
    """Of a suspended VM, a database does not keep how it was virtualised."""
    metrics = tx.view.find(VMMetrics, vm.metrics)
    if metrics is not None and metrics.hvm != will_boot_hvm(vm):
        tx.set(metrics, hvm=will_boot_hvm(vm))
    if vm.scheduled_to_be_resident_on != NULL_REF:
        tx.set(vm, scheduled_to_be_resident_on=NULL_REF)


def _has_remains(reader: Reader, vm: VM) -> bool:
    disks = (reader.find(VBD, ref) for ref in vm.VBDs)
    interfaces = (reader.find(VIF, ref) for ref in vm.VIFs)
    attached = [device for device in (*disks, *interfaces) if device is not None and device.currently_attached]
    return bool(attached) or vm.scheduled_to_be_resident_on != NULL_REF or vm.resident_on != NULL_REF
