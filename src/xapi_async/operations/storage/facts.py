"""Plain facts about storage that several rules and messages ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.reader import Reader

A = TypeVar("A", bound=ApiClass)

VDI_TYPE_NAMES = {
    "system": "System",
    "user": "User",
    "ephemeral": "Ephemeral",
    "suspend": "Suspend",
    "crashdump": "Crashdump",
    "ha_statefile": "HA statefile",
    "metadata": "Metadata",
    "redo_log": "Redo log",
    "rrd": "rrd",
    "pvs_cache": "PVS cache",
    "cbt_metadata": "CBT metadata",
}
"""How errors print the types of VDIs."""


def the_pool(reader: Reader) -> Pool:
    """The pool; there is always exactly one."""
    return next(iter(reader.all(Pool)))


def live(reader: Reader, cls: type[A], refs: Iterable[str]) -> Iterator[A]:
    """Those of the objects that exist."""
    for ref in refs:
        found = reader.find(cls, ref)
        if found is not None:
            yield found


def sm_of(reader: Reader, kind: str) -> SM | None:
    """The plugin for a type of SR."""
    return next((sm for sm in reader.all(SM) if sm.type == kind), None)


def has_feature(reader: Reader, sr: SR | None, feature: str) -> bool:
    """Whether the plugin of an SR offers a feature."""
    sm = None if sr is None else sm_of(reader, sr.type)
    return sm is not None and feature in sm.features


def require_feature(reader: Reader, sr: SR, feature: str) -> None:
    """Raise SR_OPERATION_NOT_SUPPORTED [SR]."""
    if not has_feature(reader, sr, feature):
        raise ApiError("SR_OPERATION_NOT_SUPPORTED", sr.ref)


def has_licence(reader: Reader, restriction: str) -> bool:
    """Whether the licence of the pool has a feature, that is, says that it is not restricted."""
    return the_pool(reader).restrictions.get(restriction, "true") != "true"


def require_licence(reader: Reader, restriction: str, feature: str) -> None:
    """Raise LICENCE_RESTRICTION [feature] where the pool's licence restricts it."""
    if not has_licence(reader, restriction):
        raise ApiError("LICENCE_RESTRICTION", feature)


def rolling_upgrade(reader: Reader) -> bool:
    """Whether the pool is in the middle of a rolling upgrade."""
    return "rolling_upgrade_in_progress" in the_pool(reader).other_config


def is_in_use(vbd: VBD) -> bool:
    """Whether a disk or drive is attached, or about to be."""
    return vbd.currently_attached or vbd.reserved


def is_system_domain(reader: Reader, vm: str) -> bool:
    """Whether a VM is a control domain, or serves as one."""
    found = reader.find(VM, vm)
    return found is not None and (
        found.is_control_domain or found.other_config.get("is_system_domain", "").lower() in ("1", "true")
    )


def vbds_of_vdi(reader: Reader, vdi: VDI) -> Iterator[VBD]:
    """The block devices that a disk is in."""
    return live(reader, VBD, vdi.VBDs)


def pbds_of(reader: Reader, sr: SR) -> list[PBD]:
    """The connections of hosts to an SR."""
    return list(live(reader, PBD, sr.PBDs))


def is_properly_shared(reader: Reader, sr: SR) -> bool:
    """Whether every enabled host has the SR attached, and it says that it is shared."""
    attached = {pbd.host for pbd in pbds_of(reader, sr) if pbd.currently_attached}
    return sr.shared and all(host.ref in attached for host in reader.all(Host) if host.enabled)


def sees(reader: Reader, host: str, sr: str) -> bool:
    """Whether a host has the SR attached."""
    place = reader.find(Host, host)
    # A host has few of them, a shared SR one of each host.
    pbds = live(reader, PBD, place.PBDs) if place is not None else ()
    return any(sr == pbd.SR and pbd.currently_attached for pbd in pbds)


def require_managed(vdi: VDI) -> None:
    """Raise VDI_NOT_MANAGED [VDI]."""
    if not vdi.managed:
        raise ApiError("VDI_NOT_MANAGED", vdi.ref)


def incompatible_type(vdi: str, kind: str) -> ApiError:
    """The error for a disk of the wrong type."""
    return ApiError("VDI_INCOMPATIBLE_TYPE", vdi, VDI_TYPE_NAMES[kind])


def ha_plans(reader: Reader) -> bool:
    """Whether high availability is on and changes must leave its plan whole."""
    pool = the_pool(reader)
    return pool.ha_enabled and not pool.ha_allow_overcommit


def ha_protected(vm: VM) -> bool:
    """Whether high availability restarts the VM."""
    return vm.ha_always_run and vm.ha_restart_priority == "restart"
