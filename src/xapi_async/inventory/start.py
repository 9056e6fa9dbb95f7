"""What an agent's start does to a database that is already there.

Facts about machines and software are found out anew, records that every pool has are put back, and
what a database does not keep is made again. What administrators set is left alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_cpu import HostCpu
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vif_metrics import VIFMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.cpu import create_host_cpus, pool_cpu_info
from xapi_async.inventory.devices import synchronise_pci, synchronise_usb
from xapi_async.inventory.hardware import HostSettings
from xapi_async.inventory.hosts import boot_memory, boot_times, control_domain_fields, hardware_fields
from xapi_async.inventory.maker import Maker, random_uuid
from xapi_async.inventory.networks import synchronise_internal_network
from xapi_async.inventory.plugins import synchronise_plugins
from xapi_async.inventory.software import API_VENDOR, API_VERSION, bios_strings, software_version
from xapi_async.inventory.storage import synchronise_tools
from xapi_async.inventory.template_records import IDLE
from xapi_async.objects.clock import api_time
from xapi_async.objects.entity import Entity, blank_entity, has_uuid, name_by_reference, uuid_in
from xapi_async.objects.store import Store
from xapi_async.objects.transaction import Transaction

_DEAD = ("Halted", "Suspended")


def refresh_pool(
    tx: Transaction,
    now: float,
    rng: random.Random,
    hardware: Mapping[str, HostSettings] | None = None,
    *,
    rebooted: bool = False,
) -> None:
    """Do for every host of the pool what the start of its agent does, and for the pool what the master's does.

    now: seconds since 1970. rng: where new identities come from, together with the time, so that a seed
    used before does not give the old ones again. hardware: the hosts whose machine is
    described, by uuid; of others what the database says of it is kept. rebooted: the hosts started anew,
    not only their agents.
    """
    maker = Maker(tx, random.Random(f"{rng.getrandbits(64)} {now}"), now)  # noqa: S311  (identities, not secrets)
    hosts = list(tx.all(Host))
    for host in hosts:
        if not _is_down(tx, host):
            refresh_host(maker, host, (hardware or {}).get(host.uuid), rebooted=rebooted)
    for pool in tx.all(Pool):
        maker.update(pool, cpu_info=pool_cpu_info(host.cpu_info for host in hosts))
    synchronise_plugins(maker)
    synchronise_internal_network(maker)
    synchronise_tools(maker, hosts)
    _refresh_vms(maker)


def _is_down(tx: Transaction, host: Host) -> bool:
    """Whether the host is known to be off: then its agent does not start either."""
    metrics = tx.find(HostMetrics, host.metrics)
    return metrics is not None and not metrics.live


def refresh_host(maker: Maker, host: Host, hardware: HostSettings | None, *, rebooted: bool = False) -> None:
    """Find out anew what a host is and runs."""
    times = boot_times(maker.now)
    if not rebooted and "boot_time" in host.other_config:
        del times["boot_time"]
    maker.update(host, other_config={**host.other_config, **times}, **_address(maker, host))
    _refresh_metrics(maker, host, hardware)
    if hardware is None:
        _refresh_software(maker, host)
    else:
        serial_number = host.bios_strings.get("system-serial-number", "")
        maker.update(host, bios_strings=bios_strings(hardware, hardware.serial_number or serial_number))
        # The edition is no matter of the machine: calls have changed it since.
        maker.update(host, **hardware_fields(replace(hardware, edition=host.edition)))
        control_domain = maker.tx.find(VM, host.control_domain)
        if control_domain is not None:
            maker.update(control_domain, **control_domain_fields(hardware))
        synchronise_pci(maker, host, hardware)
        synchronise_usb(maker, host, hardware)
    for ref in host.host_CPUs:
        maker.tx.delete(maker.tx.get(HostCpu, ref))
    create_host_cpus(maker, host)


def _refresh_software(maker: Maker, host: Host) -> None:
    """Without a description of the machine only what this program is decides is new."""
    backend = host.software_version.get("network_backend", "openvswitch")
    maker.update(
        host,
        API_version_major=API_VERSION[0],
        API_version_minor=API_VERSION[1],
        API_version_vendor=API_VENDOR,
        software_version=software_version(backend, host.edition),
    )
    metrics = maker.tx.find(HostMetrics, host.metrics)
    if metrics is not None:
        maker.update(host, **boot_memory(metrics.memory_total))


def _address(maker: Maker, host: Host) -> dict[str, str]:
    """The address of the management interface, where one is known."""
    pifs = (maker.tx.get(PIF, ref) for ref in host.PIFs)
    management = next((pif for pif in pifs if pif.management), None)
    if management is None or not management.currently_attached:
        return {}
    if management.primary_address_type == "IPv6":
        address = next(iter(management.IPv6), "").partition("/")[0]
    else:
        address = management.IP
    return {"address": address} if address else {}


def _refresh_metrics(maker: Maker, host: Host, hardware: HostSettings | None) -> None:
    metrics = maker.tx.find(HostMetrics, host.metrics)
    if metrics is None:
        total = hardware.memory if hardware else host.boot_free_mem
        metrics = maker.create(HostMetrics, memory_total=total, memory_free=0, live=True, last_updated=maker.time)
        maker.update(host, metrics=metrics.ref)
    elif hardware is not None:
        maker.update(metrics, memory_total=hardware.memory)
    maker.update(metrics, live=True)
    for pif in (maker.tx.get(PIF, ref) for ref in host.PIFs):
        if maker.tx.find(PIFMetrics, pif.metrics) is None and pif.physical:
            maker.update(pif, metrics=maker.create(PIFMetrics).ref)


def _refresh_vms(maker: Maker) -> None:
    """Halted VMs let go of their devices, and of control domains the volatile figures are entered again."""
    view = maker.tx.view
    for vm in view.all(VM):
        if vm.scheduled_to_be_resident_on != NULL_REF:
            maker.update(vm, scheduled_to_be_resident_on=NULL_REF)
        if vm.power_state == "Halted":
            devices: Iterable[VBD | VIF] = [
                *(view.get(VBD, ref) for ref in vm.VBDs),
                *(view.get(VIF, ref) for ref in vm.VIFs),
            ]
            for device in devices:
                if device.currently_attached or device.reserved:
                    maker.update(device, currently_attached=False, reserved=False)
        metrics = view.find(VMMetrics, vm.metrics) if vm.is_control_domain else None
        if metrics is not None:
            maker.update(metrics, **_figures(vm, maker.time))


def _figures(vm: VM, time: str) -> dict[str, Any]:
    """What no database keeps of a VM's metrics."""
    if vm.power_state in _DEAD:
        return {"VCPUs_utilisation": IDLE}
    figures = {"memory_actual": vm.memory_target, "last_updated": time}
    if vm.is_control_domain:
        return {**figures, "VCPUs_utilisation": IDLE}
    hvm = bool(vm.HVM_boot_policy)
    kind = "hvm" if hvm else "pv"
    return {**figures, "VCPUs_utilisation": _idle(vm.VCPUs_at_startup), "hvm": hvm, "current_domain_type": kind}


@cache
def _idle(cpus: int) -> dict[int, float]:
    return dict.fromkeys(range(cpus), 0.0)


def restore_metrics(store: Store, rng: random.Random, now: float) -> None:
    """Enter the figures again that no database keeps: of guests, and under the references that devices still have.

    Only before the store is in use: nobody is told of it.
    """
    time = api_time(now)
    known = store.table(VMMetrics)
    for vm in store.all(VM):
        if vm.metrics in known and not vm.is_control_domain:
            store.renew(VMMetrics, vm.metrics, _figures(vm, time))
    _restore(store, VBDMetrics, (vbd.metrics for vbd in store.all(VBD)), rng, time)
    _restore(store, VIFMetrics, (vif.metrics for vif in store.all(VIF)), rng, time)


def _restore(store: Store, cls: type[ApiClass], refs: Iterable[str], rng: random.Random, time: str) -> None:
    known, make, generation = store.table(cls), blank_entity(cls), store.generation
    entities: list[Entity] = []
    for ref in dict.fromkeys(refs):
        if ref == NULL_REF or ref in known:
            continue
        entity: Any = make(ref)
        entity.last_updated = time
        entity.born = entity.modified = generation
        if has_uuid(ref) and not store.has_entered(uuid_in(ref)):
            name_by_reference(entity)
        else:
            entity.uuid = random_uuid(rng)
        entities.append(entity)
    store.restore_all(cls, entities)
