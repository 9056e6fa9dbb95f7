"""When which operation is allowed on a VDI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.marking import Rules
from xapi_async.operations.storage.facts import (
    VDI_TYPE_NAMES,
    has_feature,
    incompatible_type,
    is_in_use,
    live,
    rolling_upgrade,
    the_pool,
    vbds_of_vdi,
)

LISTED = (
    "clone",
    "copy",
    "resize",
    "resize_online",
    "snapshot",
    "destroy",
    "forget",
    "update",
    "force_unlock",
    "generate_config",
)
"""What allowed_operations may list, in its order. The others are kept from hosts of older versions."""

FEATURES: Mapping[str, str | None] = {
    "clone": "VDI_CLONE",
    "copy": None,
    "resize": "VDI_RESIZE",
    "resize_online": "VDI_RESIZE_ONLINE",
    "snapshot": "VDI_SNAPSHOT",
    "mirror": "VDI_MIRROR",
    "destroy": "VDI_DELETE",
    "forget": None,
    "update": "VDI_UPDATE",
    "force_unlock": None,
    "generate_config": "VDI_GENERATE_CONFIG",
    "enable_cbt": "VDI_CONFIG_CBT",
    "disable_cbt": "VDI_CONFIG_CBT",
    "data_destroy": "VDI_CONFIG_CBT",
    "list_changed_blocks": "VDI_CONFIG_CBT",
    "set_on_boot": "VDI_RESET_ON_BOOT",
    "blocked": None,
}
"""Every operation, and what the plugin of the SR must offer for it."""

DURING_UPGRADE = frozenset({*LISTED, "blocked"})
"""What remains possible in the middle of a rolling upgrade."""

WHILE_IN_USE = frozenset(
    {"snapshot", "resize_online", "blocked", "clone", "mirror", "enable_cbt", "disable_cbt", "data_destroy"}
)
"""What does not mind the disk being in use."""

NOT_FOR_METADATA = frozenset(
    {
        "clone",
        "copy",
        "disable_cbt",
        "enable_cbt",
        "mirror",
        "resize",
        "resize_online",
        "snapshot",
        "set_on_boot",
    }
)
"""What cannot be done with a disk of which only the log of changes is left."""

BESIDE_OTHERS = frozenset({"copy", "mirror"})
"""What may go on with a disk while some other operation begins."""

NOT_WHILE_TRACKED = frozenset({"mirror", "set_on_boot"})

_HA_DISKS = frozenset({"ha_statefile", "redo_log"})
_HA_SETTING_UP = frozenset({"ha_statefile", "metadata"})

SERVING_POOL = _HA_DISKS | _HA_SETTING_UP
"""Types of disks of which high availability decides what is allowed."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What the checks of single operations look at."""

    reader: Reader
    vdi: VDI
    sr: SR | None
    operation: str


def check(reader: Reader, vdi: VDI, operation: str) -> ApiError | None:
    """The error that forbids an operation on a VDI now; None where it is allowed."""
    if operation not in DURING_UPGRADE and rolling_upgrade(reader):
        return ApiError("NOT_SUPPORTED_DURING_UPGRADE")
    running = [current for current in vdi.current_operations.values() if current != "copy"]
    if running and not (operation == "destroy" and all(current == "mirror" for current in running)):
        return ApiError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref)
    sr = reader.find(SR, vdi.SR)
    if operation == "resize" and (sr is None or not any(pbd.currently_attached for pbd in live(reader, PBD, sr.PBDs))):
        return ApiError("SR_HAS_NO_PBDS", vdi.SR)
    if _is_in_the_way(reader, vdi, operation):
        return ApiError("VDI_IN_USE", vdi.ref, operation)
    if operation != "data_destroy" and any(vbd.current_operations for vbd in vbds_of_vdi(reader, vdi)):
        return ApiError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref)
    feature = FEATURES[operation]
    if feature is not None and not has_feature(reader, sr, feature):
        return ApiError("SR_OPERATION_NOT_SUPPORTED", vdi.SR)
    if vdi.type == "cbt_metadata" and operation in NOT_FOR_METADATA:
        return incompatible_type(vdi.ref, vdi.type)
    if vdi.cbt_enabled and operation in NOT_WHILE_TRACKED:
        return ApiError("VDI_CBT_ENABLED", vdi.ref)
    special = _SPECIAL.get(operation)
    return special(_Case(reader, vdi, sr, operation)) if special is not None else None


def _is_in_the_way(reader: Reader, vdi: VDI, operation: str) -> bool:
    """Whether somebody uses the disk in a way that forbids the operation."""
    if operation in WHILE_IN_USE:
        return False
    users = [vbd for vbd in vbds_of_vdi(reader, vdi) if is_in_use(vbd)]
    if operation == "copy":
        return any(vbd.mode == "RW" for vbd in users)
    if operation == "list_changed_blocks":
        owners = (reader.find(VM, vbd.VM) for vbd in users)
        return any(vm is None or not vm.is_a_snapshot for vm in owners)
    return bool(users)


def _ha_error(case: _Case) -> ApiError | None:
    if case.vdi.type in _HA_DISKS and the_pool(case.reader).ha_enabled:
        return ApiError("HA_IS_ENABLED")
    return None


def _destroy_error(case: _Case) -> ApiError | None:
    vdi, sr = case.vdi, case.sr
    if sr is not None and sr.type == "udev":
        return ApiError("VDI_IS_A_PHYSICAL_DEVICE", vdi.ref)
    if sr is not None and sr.is_tools_sr:
        return ApiError("SR_OPERATION_NOT_SUPPORTED", sr.ref)
    if vdi.type == "rrd":
        return ApiError("VDI_HAS_RRDS", vdi.ref)
    error = _ha_error(case)
    if error is None and vdi.type in _HA_SETTING_UP:
        running = the_pool(case.reader).current_operations.values()
        if "ha_enable" in running:
            return ApiError("HA_ENABLE_IN_PROGRESS")
        if "ha_disable" in running:
            return ApiError("HA_DISABLE_IN_PROGRESS")
    if error is None and vdi.held_by:
        return ApiError("VDI_IN_USE", vdi.ref, case.operation)
    return error


def _data_destroy_error(case: _Case) -> ApiError | None:
    vdi = case.vdi
    if not vdi.is_a_snapshot:
        return ApiError("OPERATION_NOT_ALLOWED", f"VDI {vdi.ref} is no snapshot, so its data cannot be destroyed alone")
    if not vdi.cbt_enabled:
        return ApiError("VDI_NO_CBT_METADATA", vdi.ref)
    return _destroy_error(case)


def _forget_error(case: _Case) -> ApiError | None:
    error = _ha_error(case)
    if error is None and case.vdi.type == "rrd":
        return ApiError("VDI_HAS_RRDS", case.vdi.ref)
    return error


def _snapshot_error(case: _Case) -> ApiError | None:
    vdi = case.vdi
    if vdi.sharable:
        return ApiError("VDI_IS_SHARABLE", vdi.ref)
    if vdi.on_boot == "reset":
        return ApiError("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    if "copy" in vdi.current_operations.values():
        return ApiError("OPERATION_NOT_ALLOWED", f"VDI {vdi.ref} is being copied and cannot be snapshotted meanwhile")
    return None


def _copy_error(case: _Case) -> ApiError | None:
    if case.vdi.type in _HA_DISKS:
        return ApiError("OPERATION_NOT_ALLOWED", f"a disk of type {VDI_TYPE_NAMES[case.vdi.type]} cannot be copied")
    return None


def _cbt_error(case: _Case) -> ApiError | None:
    vdi = case.vdi
    if vdi.is_a_snapshot:
        return ApiError("OPERATION_NOT_ALLOWED", f"VDI {vdi.ref} is a snapshot; its tracking cannot be changed")
    if vdi.type not in ("user", "system"):
        return incompatible_type(vdi.ref, vdi.type)
    if vdi.on_boot == "reset":
        return ApiError("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    return None


_SPECIAL: Mapping[str, Callable[[_Case], ApiError | None]] = {
    "destroy": _destroy_error,
    "data_destroy": _data_destroy_error,
    "forget": _forget_error,
    "resize": _ha_error,
    "resize_online": _ha_error,
    "snapshot": _snapshot_error,
    "copy": _copy_error,
    "enable_cbt": _cbt_error,
    "disable_cbt": _cbt_error,
}

_LISTED_WHILE_IN_USE = tuple(operation for operation in LISTED if operation in {*WHILE_IN_USE, "copy"})


def _candidates(reader: Reader, vdi: VDI) -> tuple[str, ...]:
    """The listed operations that are not ruled out by what goes on with a disk and with the devices it is in."""
    if any(current not in BESIDE_OTHERS for current in vdi.current_operations.values()):
        return ()
    is_used = False
    for vbd in vbds_of_vdi(reader, vdi):
        if vbd.current_operations:
            return ()
        is_used = is_used or is_in_use(vbd)
    return _LISTED_WHILE_IN_USE if is_used else LISTED


RULES = Rules(VDI, shown=LISTED, check=check, candidates=_candidates)
