"""When which operation is allowed on an SR."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.marking import Rules
from xapi_async.operations.storage.facts import live, pbds_of, sm_of, the_pool

FEATURES: Mapping[str, str | None] = {
    "scan": None,
    "destroy": None,
    "forget": None,
    "plug": None,
    "unplug": None,
    "update": "SR_UPDATE",
    "vdi_create": "VDI_CREATE",
    "vdi_introduce": "VDI_INTRODUCE",
    "vdi_destroy": "VDI_DELETE",
    "vdi_resize": "VDI_RESIZE",
    "vdi_clone": None,
    "vdi_snapshot": "VDI_SNAPSHOT",
    "vdi_mirror": "VDI_MIRROR",
    "vdi_enable_cbt": "VDI_CONFIG_CBT",
    "vdi_disable_cbt": "VDI_CONFIG_CBT",
    "vdi_data_destroy": "VDI_CONFIG_CBT",
    "vdi_list_changed_blocks": "VDI_CONFIG_CBT",
    "vdi_set_on_boot": "VDI_RESET_ON_BOOT",
    "pbd_create": None,
    "pbd_destroy": None,
}
"""Every operation, and what the plugin of the SR must offer for it."""

NOT_FOR_TOOLS = frozenset({"VDI_CREATE", "VDI_DELETE"})
"""What the SR with the guest tools does without, whatever its plugin offers."""

PRINTED: Mapping[str, str] = {
    name: f"{prefix.upper()}.{rest}"
    for name in FEATURES
    for prefix, separator, rest in [name.partition("_")]
    if separator
}
"""How errors print the operations that are not printed as they are."""


def check(reader: Reader, sr: SR, operation: str) -> ApiError | None:
    """The error that forbids an operation on an SR now; None where it is allowed."""
    feature = FEATURES[operation]
    if feature is not None and not _offers(reader, sr, feature):
        return ApiError("SR_OPERATION_NOT_SUPPORTED", sr.ref)
    if operation in ("destroy", "forget") and any(pbd.currently_attached for pbd in pbds_of(reader, sr)):
        return ApiError("SR_HAS_PBD", sr.ref)
    if operation == "destroy":
        if not pbds_of(reader, sr):
            return ApiError("SR_HAS_NO_PBDS", sr.ref)
        if any(vdi.managed and vdi.type != "rrd" for vdi in live(reader, VDI, sr.VDIs)):
            return ApiError("SR_NOT_EMPTY")
    for current in sr.current_operations.values():
        return ApiError("OTHER_OPERATION_IN_PROGRESS", "SR", sr.ref, PRINTED.get(current, current))
    if operation == "plug":
        return _cluster_stack_error(reader, sr)
    return None


def _offers(reader: Reader, sr: SR, feature: str) -> bool:
    sm = sm_of(reader, sr.type)
    return sm is not None and feature in sm.features and not (sr.is_tools_sr and feature in NOT_FOR_TOOLS)


def _cluster_stack_error(reader: Reader, sr: SR) -> ApiError | None:
    pool = the_pool(reader)
    if not pool.ha_enabled:
        return None
    sm = sm_of(reader, sr.type)
    stacks = sm.required_cluster_stack if sm is not None else ()
    if stacks and pool.ha_cluster_stack not in stacks:
        return ApiError("INCOMPATIBLE_CLUSTER_STACK_ACTIVE", ",".join(stacks))
    return None


def check_disks(reader: Reader, sr: SR, operation: str) -> ApiError | None:
    """Why an SR that the master serves cannot be unplugged just now: something goes on with one of its disks."""
    if operation == "unplug" and exclusive_host(reader, sr) == the_pool(reader).master:
        for vdi in live(reader, VDI, sr.VDIs):
            if vdi.current_operations:
                return ApiError("OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref)
    return None


def exclusive_host(reader: Reader, sr: SR) -> str | None:
    """The host that does what only one may do with an SR: the master, or that of the only connection.

    None where there is no connection. Raises SR_HAS_MULTIPLE_PBDS [PBD uuids] where an SR that is not shared has
    several.
    """
    if sr.shared:
        return the_pool(reader).master
    pbds = pbds_of(reader, sr)
    if len(pbds) > 1:
        raise ApiError("SR_HAS_MULTIPLE_PBDS", *(pbd.uuid for pbd in pbds))
    return pbds[0].host if pbds else None


RULES = Rules(SR, shown=tuple(FEATURES), check=check, check_call=check_disks)
