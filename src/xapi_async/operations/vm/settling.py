"""A VM's records brought into agreement with its domain, after work that failed or was cut off at whatever point.

The domain is right: it is not touched here. What nobody needs any more is given back.
"""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.hypervisor.driver import Domain
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.networking.pvs_proxy import start_proxies
from xapi_async.operations.own_work import own_context
from xapi_async.operations.vm import states
from xapi_async.operations.vm.facts import is_live, will_boot_hvm
from xapi_async.operations.vm.resources import give_back
from xapi_async.operations.vm.suspend_image import destroy_image


async def settle(services: Services, ref: str) -> None:
    """Have a VM show the domain it has, or that it has none. For whoever has it to work on; no error where it is gone.

    A new domain is shown as it is. Without one, a VM that ran is halted and one that was suspended still is; what it
    took on its host is given back. The disk for the memory of a VM that is not suspended is destroyed.
    """
    async with services.store.transaction() as tx:
        before = tx.find(VM, ref)
        if before is None:
            return
        domid = before.domid
        place = before.resident_on if before.resident_on != NULL_REF else before.scheduled_to_be_resident_on
        image = settle_records(tx, services, ref)
    vm = services.store.find(VM, ref)
    if vm is None:
        return
    if is_live(vm):
        if vm.domid != domid:
            await start_proxies(services, vm.VIFs)
    elif place != NULL_REF:
        await give_back(services, ref, place)
    if image != NULL_REF:
        async with own_context(services, "removal of a suspend image") as ctx:
            await destroy_image(ctx, image)


def settle_records(tx: Transaction, services: Services, ref: str) -> str:
    """The records' part of :func:`settle`; gives the disk that is to be destroyed, or the null reference."""
    vm = tx.view.get(VM, ref)
    domain, image = services.hypervisor.domain(vm.uuid), vm.suspend_VDI
    if domain is not None:
        _take_over(tx, services, vm, domain)
    elif is_live(vm):
        host = tx.find(Host, vm.resident_on)
        if host is not None and not is_host_live(tx, host):
            return NULL_REF  # somebody has to say that the host is really dead
        states.become_halted(tx, ref)
    else:
        if vm.power_state == "Suspended":
            _restore_kind(tx, vm)
        elif _has_remains(tx.view, vm):
            states.become_halted(tx, ref)
        return NULL_REF
    if image != NULL_REF:
        tx.set(tx.get(VM, ref), suspend_VDI=NULL_REF)
    return image


def _take_over(tx: Transaction, services: Services, vm: VM, domain: Domain) -> None:
    try:
        host = services.store.by_uuid(Host, domain.config.host).ref
    except ApiError:
        return  # it is on no host of this pool, and could not be ended there
    now = services.clock.now()
    metrics = tx.view.find(VMMetrics, vm.metrics)
    if not is_live(vm) or metrics is None or (vm.domid, vm.resident_on) != (domain.domid, host):
        # Its time of start is the domain's own, which moves and resumes keep.
        states.become_live(tx, vm.ref, host, domain, now, is_new_start=vm.power_state != "Suspended")
        return
    # What a database does not keep, and an operation that did not come to its end.
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
    if vm.scheduled_to_be_resident_on != NULL_REF:
        tx.set(vm, scheduled_to_be_resident_on=NULL_REF)
    if domain.is_paused and vm.power_state == "Running":  # a guest that ended may be shown as paused, not the reverse
        states.note_paused(tx, vm.ref, is_paused=True, now=now)


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
