"""The VMs of a new pool: made from templates, group by group, placed where there is room.

A pool may begin with tens of thousands of VMs, so whatever is equal among those of one group and
template is made once and shared; values are never changed in place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vif_metrics import VIFMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.groups import VmGroup
from xapi_async.inventory.guest_facts import FEATURES, drivers, networks, os_version
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.memory import GIB, MIB, domain_overhead, rounded_up
from xapi_async.inventory.places import Place, Storage
from xapi_async.inventory.software import GUEST_BIOS_STRINGS
from xapi_async.inventory.storage import create_vdi
from xapi_async.inventory.template_records import IDLE, common_fields
from xapi_async.inventory.templates import BASES, BY_LABEL, Template
from xapi_async.network.mac import generated_mac

CD_DEVICE = "3"
_DEFAULT_DISK = 8 * GIB
_NO_KEYS: dict[str, str] = {}
_OWNED = {"owner": ""}


@dataclass(frozen=True)
class Model:
    """What VMs of one group and template have in common. fields: of the VM, halted; need: bytes to run it."""

    group: VmGroup
    template: Template
    fields: dict[str, Any]
    other_config: dict[str, str]
    os_version: dict[str, str]
    cpu_flags: dict[str, str]
    utilisation: dict[int, float]
    need: int
    hvm: bool


@dataclass(frozen=True)
class Guest:
    """A VM while its devices are made. place: where it runs, None while it does not."""

    vm: VM
    model: Model
    place: Place | None


def create_guests(
    maker: Maker,
    groups: Sequence[VmGroup],
    templates: dict[str, VM],
    places: Sequence[Place],
    pool_cpus: dict[str, str],
    addresses: Iterator[str],
) -> None:
    """Create the VMs of all groups.

    templates: the built-in ones by label. places: the hosts, in order. pool_cpus: pool.cpu_info.
    addresses: what running guests have for an address, in order.
    """
    reachable = _common_networks(maker, [place.host for place in places])
    # Each kind takes its own turns, so that hosts get their share of both.
    turns = {True: count(), False: count()}
    named = Counter[str]()
    for group in groups:
        named[group.prefix] += group.count
    names = {prefix: _numbered(prefix, total) for prefix, total in named.items()}
    for group in groups:
        models = [_model(maker, group, templates[label], pool_cpus) for label in group.templates]
        running = set(maker.rng.sample(range(group.count), round(group.count * group.running)))
        for index in range(group.count):
            model = models[index % len(models)]
            runs = index in running
            number = next(turns[runs])
            home = number % len(places)
            storage = places[home].storage
            place, domid = _placed(model, places, home) if runs else (None, -1)
            guest = _create_vm(maker, model, next(names[group.prefix]), place, domid, addresses)
            _create_disks(maker, guest, storage, number)
            _create_interfaces(maker, guest, reachable, number)


def _numbered(prefix: str, total: int) -> Iterator[str]:
    """Names with numbers of equal width, so that they sort."""
    width = len(str(total))
    return (f"{prefix}-{number:0{width}}" for number in range(1, total + 1))


def _model(maker: Maker, group: VmGroup, template_vm: VM, pool_cpus: dict[str, str]) -> Model:
    template = BY_LABEL[template_vm.reference_label]
    base = BASES[template.base]
    fields = common_fields(template)
    if group.vcpus:
        fields |= {"VCPUs_max": group.vcpus, "VCPUs_at_startup": group.vcpus}
        cores = int(fields["platform"].get("cores-per-socket", 1))
        if group.vcpus % cores:  # such a VM would not start
            fields["platform"] = {k: v for k, v in fields["platform"].items() if k != "cores-per-socket"}
    if group.memory:
        memory = rounded_up(group.memory, MIB)
        fields |= dict.fromkeys(("memory_static_max", "memory_dynamic_min", "memory_dynamic_max"), memory)
        fields["memory_static_min"] = min(fields["memory_static_min"], memory)
    overhead = domain_overhead(
        fields["memory_static_max"], fields["VCPUs_max"], fields["HVM_shadow_multiplier"], hvm=base.hvm
    )
    fields |= {"memory_overhead": overhead, "affinity": NULL_REF, "tags": group.tags}
    left_out = {"default_template", "disks", "mac_seed"}
    kept = {key: value for key, value in template_vm.other_config.items() if key not in left_out}
    return Model(
        group=group,
        template=template,
        fields=fields,
        other_config={**kept, "base_template_name": template.name},
        os_version=os_version(template),
        cpu_flags={
            "vendor": pool_cpus["vendor"],
            "features": pool_cpus["features_hvm" if base.hvm else "features_pv"],
        },
        utilisation=dict.fromkeys(range(fields["VCPUs_at_startup"]), 0.02),
        need=rounded_up(fields["memory_dynamic_min"], MIB) + overhead,
        hvm=base.hvm,
    )


def _placed(model: Model, places: Sequence[Place], home: int) -> tuple[Place | None, int]:
    """The first host from home on that has room, and the number of the domain there."""
    wanted = places[home].storage
    for offset in range(len(places)):
        place = places[(home + offset) % len(places)]
        # Disks on a host's own storage keep a VM there.
        if not model.group.disks or not wanted or place.storage == wanted:
            domid = place.run(model.need)
            if domid is not None:
                return place, domid
    return None, -1


def _create_vm(
    maker: Maker, model: Model, name: str, place: Place | None, domid: int, addresses: Iterator[str]
) -> Guest:
    generation_id = BASES[model.template.base].generation_id
    if generation_id:
        generation_id = f"{maker.rng.getrandbits(63)}:{maker.rng.getrandbits(63)}"
    seed = maker.uuid()
    values = {
        **model.fields,
        "name_label": name,
        "name_description": model.template.name,
        "generation_id": generation_id,
        "other_config": {**model.other_config, "mac_seed": seed},
    }
    if place is None:
        metrics = maker.create(VMMetrics, VCPUs_utilisation=IDLE, install_time=maker.time)
        return Guest(maker.create(VM, metrics=metrics.ref, **values), model, None)
    memory = values["memory_dynamic_max"]
    metrics = maker.create(
        VMMetrics,
        memory_actual=memory,
        VCPUs_number=values["VCPUs_at_startup"],
        VCPUs_utilisation=model.utilisation,
        start_time=maker.time,
        install_time=maker.time,
        last_updated=maker.time,
        hvm=model.hvm,
        current_domain_type="hvm" if model.hvm else "pv",
    )
    values |= {
        "power_state": "Running",
        "resident_on": place.host.ref,
        "domid": domid,
        "memory_target": memory,
        "last_boot_CPU_flags": model.cpu_flags,
        "bios_strings": GUEST_BIOS_STRINGS,
        "guest_metrics": _create_guest_metrics(maker, model, addresses).ref,
    }
    vm = maker.create(VM, metrics=metrics.ref, **values)
    for protocol in ("rfb",) if model.hvm else ("rfb", "vt100"):
        uuid = maker.uuid()
        location = f"https://{place.host.address}/console?uuid={uuid}"
        maker.create(Console, uuid=uuid, protocol=protocol, port=-1, location=location, VM=vm.ref)
    return Guest(vm, model, place)


def _create_guest_metrics(maker: Maker, model: Model, addresses: Iterator[str]) -> VMGuestMetrics:
    address = next(addresses, "") if model.group.interfaces else ""
    return maker.create(
        VMGuestMetrics,
        os_version=model.os_version,
        PV_drivers_version=drivers(model.template),
        PV_drivers_up_to_date=True,
        PV_drivers_detected=True,
        networks=networks(address) if address else _NO_KEYS,
        other=FEATURES,
        last_updated=maker.time,
        live=True,
        can_use_hotplug_vbd="yes",
        can_use_hotplug_vif="yes",
    )


def _create_disks(maker: Maker, guest: Guest, storage: Sequence[Storage], number: int) -> None:
    model, vm, runs = guest.model, guest.vm, guest.place is not None
    size = model.group.disk_size or model.template.disk * GIB or _DEFAULT_DISK
    hint = {"vmhint": vm.uuid}
    devices = (d for d in range(256) if d != int(CD_DEVICE))
    for index in range(model.group.disks if storage else 0):
        device = next(devices)
        target = storage[number % len(storage)]
        vdi = create_vdi(
            maker,
            target.sr,
            name_label=f"{vm.name_label} {device}",
            name_description="Disk of a VM that the pool began with",
            type="system" if index == 0 else "user",
            virtual_size=size,
            physical_utilisation=target.take(size, 0.05 + 0.5 * maker.rng.random()),
            sm_config=hint,
        )
        maker.create(
            VBD,
            VM=vm.ref,
            VDI=vdi.ref,
            userdevice=str(device),
            device=device_name(device) if runs else "",
            bootable=index == 0,
            mode="RW",
            type="Disk",
            unpluggable=True,
            currently_attached=runs,
            other_config=_OWNED,
            metrics=maker.create(VBDMetrics).ref,
        )
    if model.group.cd_drive:
        attached = runs and model.hvm  # PV guests are started without empty drives
        maker.create(
            VBD,
            VM=vm.ref,
            VDI=NULL_REF,
            userdevice=CD_DEVICE,
            device=device_name(int(CD_DEVICE)) if attached else "",
            mode="RO",
            type="CD",
            empty=True,
            currently_attached=attached,
            metrics=maker.create(VBDMetrics).ref,
        )


def _create_interfaces(maker: Maker, guest: Guest, reachable: Sequence[Network], number: int) -> None:
    seed = guest.vm.other_config["mac_seed"]
    for device in range(guest.model.group.interfaces if reachable else 0):
        network = reachable[(number + device) % len(reachable)]
        maker.create(
            VIF,
            VM=guest.vm.ref,
            network=network.ref,
            device=str(device),
            MAC=generated_mac(seed, device),
            MAC_autogenerated=True,
            MTU=network.MTU,
            currently_attached=guest.place is not None,
            metrics=maker.create(VIFMetrics).ref,
        )


def device_name(number: int) -> str:
    """What a guest calls its disk with that number: xvda, and after xvdz xvdaa."""
    letters = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return f"xvd{letters}"


def _common_networks(maker: Maker, hosts: Sequence[Host]) -> list[Network]:
    """The networks that every host is on, and those that need no card."""
    everyone = {host.ref for host in hosts}
    found = []
    for network in maker.tx.all(Network):
        on = {maker.tx.get(PIF, ref).host for ref in network.PIFs}
        if on == everyone or (not on and "is_host_internal_management_network" not in network.other_config):
            found.append(network)
    return found


def storage_of(local: SR | None, shared: Sequence[Storage]) -> Sequence[Storage]:
    """Where the disks of a host's VMs go: storage that all hosts share before its own."""
    if shared or local is None:
        return shared
    return (Storage(local),)
