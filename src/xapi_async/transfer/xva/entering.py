"""What becomes of the objects of an archive: found here, made anew, or left out.

Each function enters the objects of one class; ``refs`` maps ids of the archive to references here, and
grows as it goes. All is done within one transaction, so that it is there whole or not at all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from xapi_async.datamodel.classes import (
    SR,
    VBD,
    VDI,
    VGPU,
    VIF,
    VM,
    GPUGroup,
    Host,
    Network,
    PVSProxy,
    PVSSite,
    VBDMetrics,
    VGPUType,
    VMGuestMetrics,
)
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER, NULL_REF
from xapi_async.network.mac import generated_mac
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.marking import refresh
from xapi_async.operations.networking.bridges import fresh_bridge, is_bridge_used
from xapi_async.operations.networking.vif import COPIED, HIGHEST_SEEDED_DEVICE, licensed_locking, new_vif
from xapi_async.operations.storage import vbd_rules
from xapi_async.operations.vm_copies.metadata_import import TASK_KEY, Decision, ImportOptions, Step, decide, enter, link
from xapi_async.transfer.xva.collecting import ISO
from xapi_async.transfer.xva.records import Contents, Item

MAPS_TO = "maps_to"
"""The key of other_config by which an archive names an object here."""

_NETWORK = ("name_label", "name_description", "MTU", "managed", "tags", "default_locking_mode")
_VBD = (
    "userdevice", "bootable", "mode", "type", "unpluggable", "other_config", "qos_algorithm_type",
    "qos_algorithm_params", "currently_attached", "device",
)  # fmt: skip
_GPU_GROUP = ("name_label", "name_description", "GPU_types", "allocation_algorithm")
_VGPU_TYPE = (
    "vendor_name", "model_name", "framebuffer_size", "max_heads", "max_resolution_x", "max_resolution_y",
    "implementation", "identifier", "experimental",
)  # fmt: skip


@dataclass
class Entered:
    """What an import has done. vms: what it brings, in order. made, networks, groups: what was not there before."""

    refs: dict[str, str] = field(default_factory=dict)
    vms: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """How objects are entered. bridges: numbers for new ones. is_metadata: without disks.

    vdis: disks here by what they are called there.
    """

    options: ImportOptions
    rng: random.Random
    bridges: Iterator[int]
    is_metadata: bool = False
    vdis: Mapping[str, str] = field(default_factory=dict)


def decisions(reader: Reader, contents: Contents, options: ImportOptions) -> dict[str, Decision]:
    """What is to be done with each VM. Raises what forbids it."""
    originals = {item.id: item.record["uuid"] for item in contents.of("VM")}
    return {
        item.id: decide(reader, item.record, options, originals.get(item.record.get("snapshot_of", NULL_REF), ""))
        for item in contents.of("VM")
    }


def enter_all(tx: Transaction, contents: Contents, refs: Mapping[str, str], rules: Rules) -> Entered:
    """Enter everything. refs: what is there already, the disks above all. Raises what an import ends with."""
    done = Entered(dict(refs))
    _hosts(tx, contents, done)
    for item in contents.of("VM_guest_metrics"):
        values = {name: value for name, value in item.record.items() if name != "uuid"}
        done.refs[item.id] = tx.create(VMGuestMetrics, **values).ref
    for item, decision in _with_decisions(tx, contents, rules.options):
        ref = enter(tx, item.record, decision, done.refs, rules.options, rules.rng)
        done.refs[item.id] = ref
        if decision.step is not Step.KEEP:
            done.made.append(ref)
        if decision.step is not Step.KEEP or (ref != NULL_REF and tx.get(VM, ref).is_default_template):
            done.vms.append(ref)
    _networks(tx, contents, done, rules)
    _groups(tx, contents, done, rules)
    for item in contents.of("VBD"):
        _vbd(tx, contents, item, done, rules)
    for item in contents.of("VIF"):
        _vif(tx, item, done, rules)
    _vgpus(tx, contents, done, rules)
    _proxies(tx, contents, done)
    link(tx, {item.id: item.record for item in contents.of("VM")}, done.refs)
    return done


def _with_decisions(tx: Transaction, contents: Contents, options: ImportOptions) -> Iterator[tuple[Item, Decision]]:
    decided = decisions(tx, contents, options)
    return ((item, decided[item.id]) for item in contents.of("VM"))


def _hosts(reader: Reader, contents: Contents, done: Entered) -> None:
    for item in contents.of("host"):
        found = same_uuid(reader, Host, item)
        if found is not None:
            done.refs[item.id] = found.ref


def _networks(tx: Transaction, contents: Contents, done: Entered, rules: Rules) -> None:
    for item in contents.of("network"):
        record = item.record
        known = list(tx.all(Network))
        found = next((one for one in known if one.name_label == record["name_label"]), None) or next(
            (one for one in known if one.bridge == record["bridge"]), None
        )
        if found is None:
            bridge = record["bridge"]
            found = tx.create(
                Network,
                **{name: record[name] for name in _NETWORK if name in record},
                bridge=fresh_bridge(tx, rules.bridges) if not bridge or is_bridge_used(tx, bridge) else bridge,
                other_config={**record.get("other_config", {}), TASK_KEY: rules.options.task},
            )
            done.networks.append(found.ref)
        done.refs[item.id] = found.ref


def _groups(tx: Transaction, contents: Contents, done: Entered, rules: Rules) -> None:
    for item in contents.of("GPU_group"):
        record = item.record
        kinds = set(record.get("GPU_types", ()))
        found = next((one for one in tx.all(GPUGroup) if set(one.GPU_types) == kinds), None)
        if found is None and rules.is_metadata:
            raise ApiError("IMPORT_ERROR", "no group of graphics cards here is of those types")
        if found is None:
            config = {**record.get("other_config", {}), TASK_KEY: rules.options.task}
            found = tx.create(
                GPUGroup, **{name: record[name] for name in _GPU_GROUP if name in record}, other_config=config
            )
            done.groups.append(found.ref)
        done.refs[item.id] = found.ref
    for item in contents.of("VGPU_type"):
        record = item.record
        done.refs[item.id] = _vgpu_type(tx, record).ref


def _vgpu_type(tx: Transaction, record: Mapping[str, Any]) -> VGPUType:
    known = list(tx.all(VGPUType))
    identifier, names = record.get("identifier", ""), (record["vendor_name"], record["model_name"])
    return (
        next((one for one in known if identifier and one.identifier == identifier), None)
        or next((one for one in known if (one.vendor_name, one.model_name) == names), None)
        or tx.create(VGPUType, **{name: record[name] for name in _VGPU_TYPE if name in record})
    )


def _vbd(tx: Transaction, contents: Contents, item: Item, done: Entered, rules: Rules) -> None:
    record = item.record
    present = same_uuid(tx, VBD, item) if rules.options.full_restore else None
    if present is not None:
        done.refs[item.id] = present.ref
        return
    vm = _owner(tx, record, done)
    if vm is None:
        return
    exported = NULL_REF if record["empty"] else record["VDI"]
    vdi = done.refs.get(exported, NULL_REF)
    is_disk = record["type"] == "Disk"
    if vdi == NULL_REF and record.get("currently_attached") and (is_disk or vm.HVM_boot_policy == ""):
        raise ApiError("IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND")
    if vdi == NULL_REF and is_disk:
        return
    vbd = tx.create(
        VBD,
        **{name: record[name] for name in _VBD if name in record},
        uuid=record["uuid"] if rules.options.full_restore else new_uuid(),
        VM=vm.ref,
        VDI=vdi,
        empty=vdi == NULL_REF,
        metrics=tx.create(VBDMetrics, last_updated=NEVER).ref,
    )
    refresh(tx, vbd_rules.RULES, vbd.ref)
    done.refs[item.id] = vbd.ref


def _vif(tx: Transaction, item: Item, done: Entered, rules: Rules) -> None:
    record = item.record
    present = same_uuid(tx, VIF, item) if rules.options.full_restore else None
    if present is not None:
        done.refs[item.id] = present.ref
        return
    vm = _owner(tx, record, done)
    if vm is None:
        return
    config = dict(record.get("other_config", {}))
    network = config.pop(MAPS_TO, None) or _needed(done, record["network"])
    keeps = rules.options.full_restore
    seed, device = vm.other_config.get("mac_seed", ""), record["device"]
    if not (device.isdecimal() and int(device) <= HIGHEST_SEEDED_DEVICE):
        raise ApiError("INVALID_DEVICE", device)
    vif = new_vif(
        tx,
        **{
            **{name: record[name] for name in COPIED if name in record},
            **licensed_locking(tx, record.get("locking_mode", "network_default")),
            "other_config": config,
            "network": tx.get(Network, network).ref,
            "VM": vm.ref,
            "uuid": record["uuid"] if keeps else new_uuid(),
            "MAC": record["MAC"] if keeps else generated_mac(seed, int(device)),
            "MAC_autogenerated": record.get("MAC_autogenerated", False) if keeps else True,
            "currently_attached": record.get("currently_attached", False),
        },
    )
    done.refs[item.id] = vif.ref


def _vgpus(tx: Transaction, contents: Contents, done: Entered, rules: Rules) -> None:
    for item in contents.of("VGPU"):
        record = item.record
        present = same_uuid(tx, VGPU, item) if rules.options.full_restore else None
        vm = _owner(tx, record, done)
        if present is not None or vm is None:
            continue
        config = dict(record.get("other_config", {}))
        group = config.pop(MAPS_TO, None) or _needed(done, record["GPU_group"])
        tx.create(
            VGPU,
            uuid=record["uuid"] if rules.options.full_restore else new_uuid(),
            VM=vm.ref,
            GPU_group=tx.get(GPUGroup, group).ref,
            type=_needed(done, record["type"]),
            device=record["device"],
            other_config=config,
            currently_attached=record.get("currently_attached", False),
        )


def _proxies(tx: Transaction, contents: Contents, done: Entered) -> None:
    names = {item.id: item.record.get("PVS_uuid", "") for item in contents.of("PVS_site")}
    for item in contents.of("PVS_proxy"):
        name, vif = names.get(item.record["site"], ""), tx.find(VIF, done.refs.get(item.record["VIF"], NULL_REF))
        site = next((one for one in tx.all(PVSSite) if name and one.PVS_uuid == name), None)
        if site is not None and vif is not None and not any(vif.ref == one.VIF for one in tx.all(PVSProxy)):
            tx.create(PVSProxy, site=site.ref, VIF=vif.ref)


def _owner(tx: Transaction, record: Mapping[str, Any], done: Entered) -> VM | None:
    """The VM of a device, where this import made it: those that are kept keep their own devices."""
    ref = _needed(done, record["VM"])
    return tx.get(VM, ref) if ref in done.made else None


def _needed(done: Entered, exported: str) -> str:
    found = done.refs.get(exported)
    if found is None:
        raise ApiError("IMPORT_ERROR_FAILED_TO_FIND_OBJECT", exported)
    return found


def same_uuid(reader: Reader, cls: Any, item: Item) -> Any:
    """The object here that has the uuid of one of the archive, or None."""
    try:
        return reader.by_uuid(cls, item.record["uuid"])
    except ApiError:
        return None


# Disks that are here already


def iso_here(reader: Reader, item: Item) -> str | None:
    """The medium here of the same name, in a repository of media that are files."""
    for vdi in reader.all(VDI):
        sr = reader.find(SR, vdi.SR) if vdi.location == item.record["location"] else None
        if sr is not None and sr.content_type == ISO and sr.type != "udev":
            return vdi.ref
    return None


def disk_here(reader: Reader, item: Item, sr: str | None, rules: Rules) -> str | None:
    """The disk here that an archive without disks means; None where it may do without.

    sr: the repository here that the archive names. Raises VDI_LOCATION_MISSING [SR, location] or
    VDI_CONTENT_ID_MISSING [].
    """
    record = item.record
    scsi = record.get("sm_config", {}).get("SCSIid", "")
    wanted = rules.vdis.get(record["uuid"]) or (rules.vdis.get(scsi) if scsi else None)
    config = {**record.get("other_config", {})}
    for vdi in reader.all(VDI):
        here = vdi.sm_config.get("SCSIid", "")
        if wanted is not None:
            if wanted in (vdi.uuid, here or None):
                return vdi.ref
        elif (scsi and here == scsi) or (sr == vdi.SR and vdi.location == record["location"]):
            return vdi.ref
    named = reader.find(VDI, config.get(MAPS_TO, NULL_REF))
    if named is not None:
        return named.ref
    if rules.options.force:
        return None
    if sr is not None:
        raise ApiError("VDI_LOCATION_MISSING", sr, record["location"])
    raise ApiError("VDI_CONTENT_ID_MISSING")


def disk_items(contents: Contents) -> list[tuple[Item, Item | None]]:
    """The disks of an archive, each with its repository."""
    repositories = {item.id: item for item in contents.of("SR")}
    return [(item, repositories.get(item.record["SR"])) for item in contents.of("VDI")]


def used_ids(contents: Contents) -> set[str]:
    """The disks that an archive has the content of, as far as that depends on who uses them."""
    of_vms = {item.record.get("suspend_VDI", NULL_REF) for item in contents.of("VM")}
    return of_vms | {item.record["VDI"] for item in contents.of("VBD") if item.record["type"] != "CD"}
