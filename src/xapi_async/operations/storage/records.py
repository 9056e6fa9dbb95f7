"""From what a backend says of its disks to their records, and to the sizes that an SR shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.marking import refresh
from xapi_async.operations.storage import vdi_rules
from xapi_async.operations.storage.facts import is_in_use, live
from xapi_async.operations.storage.sites import Site, failures
from xapi_async.storage.driver import BackendError, DiskState, RepositoryState

# Disks


def new_disk(tx: Transaction, sr: str, state: DiskState, **values: Any) -> VDI:
    """A record of a disk that has none yet, with its allowed operations. values: what the backend does not know.

    Where another SR has a disk of the same uuid, as from a copied file, the record gets a fresh one.
    """
    uuid = {"uuid": state.uuid} if state.uuid and _by_uuid(tx, state.uuid) is None else {}
    given = {"managed": state.managed, "location": state.location, "sm_config": dict(state.sm_config)}
    vdi = tx.create(VDI, SR=sr, **{**uuid, **given, **_shown(tx, sr, state), **values})
    refresh(tx, vdi_rules.RULES, vdi.ref)
    return vdi


def update_disk(tx: Transaction, vdi: VDI, state: DiskState) -> None:
    """Bring a record in line with its disk; nothing is written where it already is."""
    shown = _shown(tx, vdi.SR, state)
    if vdi.type == "cbt_metadata":
        shown.pop("type")
    if state.metadata_of_pool and shown["metadata_of_pool"] == NULL_REF:
        shown.pop("metadata_of_pool")  # another pool's, as the copy on the disk says
    changed = {name: value for name, value in shown.items() if getattr(vdi, name) != value}
    parent = state.sm_config.get("vhd-parent")
    if vdi.sm_config.get("vhd-parent") != parent:
        kept = {key: value for key, value in vdi.sm_config.items() if key != "vhd-parent"}
        changed["sm_config"] = {**kept, **({"vhd-parent": parent} if parent else {})}
    if changed:
        tx.set(vdi, **changed)


def put_disk(tx: Transaction, sr: str, state: DiskState) -> None:
    """Bring the record of a disk in line with it, or make one."""
    vdi = find_disk(tx, sr, state.location, state.uuid)
    if vdi is None:
        new_disk(tx, sr, state)
    else:
        update_disk(tx, vdi, state)


def find_disk(reader: Reader, sr: str, location: str, uuid: str = "") -> VDI | None:
    """The record of a disk by its location in an SR. uuid: where its record most likely is found."""
    try:
        vdi = reader.by_uuid(VDI, uuid or location)
    except ApiError:
        if uuid == location:
            return None  # such backends name their disks by uuid, so that there is none elsewhere
    else:
        if sr == vdi.SR and vdi.location == location:
            return vdi
    return next((vdi for vdi in live(reader, VDI, reader.get(SR, sr).VDIs) if vdi.location == location), None)


def delete_disk(tx: Transaction, vdi: VDI) -> None:
    """Delete a record, the block devices that the disk was in, and what suspended VMs say of it."""
    for vbd in list(live(tx, VBD, vdi.VBDs)):
        delete_vbd(tx, vbd)
    forget_suspend_image(tx, vdi.ref)
    tx.delete(vdi)


def forget_suspend_image(tx: Transaction, vdi: str) -> None:
    """Have no VM take a disk for its saved memory."""
    for ref in tx.refs(VM):
        seen = tx.glance(VM, ref)
        if seen is not None and seen.suspend_VDI == vdi:
            tx.set(tx.get(VM, ref), suspend_VDI=NULL_REF)


def delete_vbd(tx: Transaction, vbd: VBD) -> None:
    """Delete a block device with its metrics; the disk stays, and more may be done with it."""
    metrics = tx.find(VBDMetrics, vbd.metrics)
    if metrics is not None:
        tx.delete(metrics)
    tx.delete(vbd)
    if is_in_use(vbd) or vbd.current_operations:
        refresh(tx, vdi_rules.RULES, vbd.VDI)


def stop_writing(tx: Transaction, log: VDI) -> None:
    """Take a disk for copies of the pool's database from the control domain that writes it."""
    for vbd in list(live(tx, VBD, log.VBDs)):
        owner = tx.find(VM, vbd.VM)
        if owner is not None and owner.is_control_domain:
            delete_vbd(tx, vbd)
    if log.metadata_latest:
        tx.set(log, metadata_latest=False)
    refresh(tx, vdi_rules.RULES, log.ref)


def _shown(reader: Reader, sr: str, state: DiskState) -> dict[str, Any]:
    """The fields that follow what the backend says."""
    return {
        "name_label": state.name_label,
        "name_description": state.name_description,
        "type": state.type or "user",
        "metadata_of_pool": _pool(reader, state.metadata_of_pool),
        "is_a_snapshot": state.is_a_snapshot,
        "snapshot_time": state.snapshot_time,
        "snapshot_of": _original(reader, sr, state.snapshot_of),
        "read_only": state.read_only,
        "virtual_size": state.virtual_size,
        "physical_utilisation": state.physical_utilisation,
        "is_tools_iso": state.sm_config.get("xs-tools") == "true",
        "cbt_enabled": state.cbt_enabled,
    }


def _pool(reader: Reader, uuid: str) -> str:
    return next((pool.ref for pool in reader.all(Pool) if pool.uuid == uuid), NULL_REF) if uuid else NULL_REF


def _original(reader: Reader, sr: str, name: str) -> str:
    """The disk that a snapshot names: by its location in the SR, or else by its uuid, wherever it is."""
    if not name:
        return NULL_REF
    vdi = find_disk(reader, sr, name, name) or _by_uuid(reader, name)
    return vdi.ref if vdi is not None else NULL_REF


def _by_uuid(reader: Reader, uuid: str) -> VDI | None:
    try:
        return reader.by_uuid(VDI, uuid)
    except ApiError:
        return None


# Sizes


def promised(kind: str, virtual_size: int) -> int:
    """The share of a disk in the sum of virtual sizes of its SR: none where only a log of changes is left of it."""
    return 0 if kind == "cbt_metadata" else virtual_size


async def sizes_of(site: Site) -> RepositoryState:
    """How full an SR is. Raises what the backend does."""
    with failures(site.ref):
        return await site.driver.state(site.sr)


async def sizes_if_known(site: Site) -> RepositoryState | None:
    """As :func:`sizes_of`, after a change that has happened whatever becomes of the SR; None where it cannot tell."""
    try:
        return await site.driver.state(site.sr)
    except BackendError:
        return None


def note_sizes(tx: Transaction, sr: str, state: RepositoryState | None, *, more: int = 0, **values: Any) -> None:
    """Show how full an SR is, as far as it is known. more: bytes by which the sum of its virtual sizes has grown."""
    target = tx.find(SR, sr)
    if target is None:
        return
    sizes = dataclasses.asdict(state) if state is not None else {}
    wanted: Mapping[str, Any] = {**sizes, "virtual_allocation": target.virtual_allocation + more, **values}
    changed = {name: value for name, value in wanted.items() if getattr(target, name) != value}
    if changed:
        tx.set(target, **changed)
