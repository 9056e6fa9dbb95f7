"""The storage plugins of a host (SM), as data, and their records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.inventory.maker import Maker

_BASE = ("VDI_CREATE", "VDI_DELETE", "VDI_ATTACH", "VDI_DETACH")
_VHD = (
    "SR_PROBE", "SR_UPDATE", *_BASE, "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE", "VDI_MIRROR", "VDI_CONFIG_CBT",
    "VDI_ACTIVATE", "VDI_DEACTIVATE",
)  # fmt: skip
_LVM_ON_NETWORK = (*_VHD, "SR_METADATA", "SR_TRIM", "VDI_GENERATE_CONFIG", "VDI_UPDATE", "VDI_RESET_ON_BOOT")
_FILES_ON_NETWORK = (*_VHD, "VDI_UPDATE", "VDI_GENERATE_CONFIG", "VDI_RESET_ON_BOOT")

_CITRIX = "Citrix Systems Inc"
_XENSOURCE = "XenSource Inc"

HELP = {
    "SCSIid": "SCSI id of the LUN (required)",
    "allocation": "how space is allocated: thick or thin",
    "chappassword": "password that the initiator logs in with by CHAP",
    "chapuser": "user name that the initiator logs in with by CHAP",
    "device": "path of the local block device (required)",
    "force_tapdisk": "whether I/O goes through tapdisk",
    "incoming_chappassword": "password that the target logs in with by CHAP",
    "incoming_chapuser": "user name that the target logs in with by CHAP",
    "location": "path of the directory (required)",
    "multihomed": "whether several targets are logged in to",
    "nfsversion": "version of NFS",
    "options": "options of the mount",
    "password": "password for the share",
    "port": "port of the target",
    "server": "host name or address of the server (required)",
    "serverpath": "path on the server (required)",
    "target": "address or host name of the iSCSI target (required)",
    "targetIQN": "IQN of the iSCSI target (required)",
    "type": "kind of location or of adapter",
    "usediscoverynumber": "number of the discovery record to use",
    "username": "user name for the share",
}
"""What each key of a device configuration means."""


@dataclass(frozen=True)
class Plugin:
    """A storage plugin. keys: of its device configuration. driver: its file, without the ending SR."""

    type: str
    driver: str
    name: str
    doc: str
    keys: tuple[str, ...]
    features: tuple[str, ...]
    vendor: str = _CITRIX
    required_api_version: str = "1.0"
    versions: dict[str, int] = field(default_factory=lambda: {"VDI_RESET_ON_BOOT": 2})


_ISCSI_KEYS = ("target", "targetIQN", "chapuser", "chappassword", "incoming_chapuser", "incoming_chappassword", "port")

PLUGINS: tuple[Plugin, ...] = (
    Plugin(
        "dummy", "DummySR", "dummy", "Holds no data; for trying things out", (),
        (*_BASE, "SR_PROBE", "VDI_ACTIVATE", "VDI_DEACTIVATE", "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE",
         "VDI_INTRODUCE", "VDI_MIRROR"),
        required_api_version="1.1",
    ),
    Plugin(
        "ext", "EXTSR", "Local EXT3 VHD", "Keeps disks as VHD files on a formatted local disk", ("device",),
        (*_VHD, "SR_SUPPORTS_LOCAL_CACHING", "VDI_UPDATE", "VDI_GENERATE_CONFIG", "VDI_RESET_ON_BOOT"),
    ),
    Plugin(
        "file", "FileSR", "Local Path VHD", "Keeps disks as VHD files in a local directory", ("location",),
        (*_VHD, "VDI_GENERATE_CONFIG"),
    ),
    Plugin(
        "hba", "HBASR", "HBA LUN-per-VDI driver", "Offers each LUN of a host bus adapter as a disk", ("type",),
        (*_BASE, "SR_PROBE", "VDI_INTRODUCE"),
    ),
    Plugin(
        "iscsi", "ISCSISR", "iSCSI", "Offers each LUN of an iSCSI target as a disk",
        (*_ISCSI_KEYS, "multihomed", "force_tapdisk"), (*_BASE, "SR_PROBE", "VDI_INTRODUCE"),
    ),
    Plugin(
        "iso", "ISOSR", "ISO", "Offers the CD images of a directory or share",
        ("location", "options", "type", "nfsversion"), _BASE,
    ),
    Plugin(
        "lvm", "LVMSR", "Local VHD on LVM", "Keeps disks as VHD in logical volumes of local disks", ("device",),
        (*_VHD, "SR_TRIM", "VDI_UPDATE", "VDI_RESET_ON_BOOT"), vendor=_XENSOURCE,
    ),
    Plugin(
        "lvmofcoe", "LVMoFCoESR", "LVHD over FCoE", "Keeps disks as VHD in logical volumes of an FCoE LUN",
        ("SCSIid", "allocation"), _LVM_ON_NETWORK,
    ),
    Plugin(
        "lvmohba", "LVMoHBASR", "LVHD over FC", "Keeps disks as VHD in logical volumes of a Fibre Channel LUN",
        ("SCSIid", "allocation"), _LVM_ON_NETWORK,
    ),
    Plugin(
        "lvmoiscsi", "LVMoISCSISR", "LVHD over iSCSI", "Keeps disks as VHD in logical volumes of an iSCSI LUN",
        ("SCSIid", *_ISCSI_KEYS, "multihomed", "usediscoverynumber", "allocation"), _LVM_ON_NETWORK,
    ),
    Plugin(
        "nfs", "NFSSR", "NFS VHD", "Keeps disks as VHD files on an NFS server", ("server", "serverpath"),
        _FILES_ON_NETWORK,
    ),
    Plugin(
        "rawhba", "RawHBASR", "RawHBA LUN-per-VDI driver", "Offers each LUN of a host bus adapter as a raw disk",
        ("type",), ("SR_PROBE", "VDI_ATTACH", "VDI_DETACH", "VDI_DELETE"),
    ),
    Plugin(
        "smb", "SMBSR", "SMB VHD", "Keeps disks as VHD files on an SMB share", ("server", "username", "password"),
        _FILES_ON_NETWORK,
    ),
    Plugin(
        "udev", "udevSR", "udev", "Offers devices as they are plugged in", ("location",),
        ("VDI_INTRODUCE", "VDI_ATTACH", "VDI_DETACH", "VDI_UPDATE", "SR_UPDATE"), required_api_version="1.1",
    ),
)  # fmt: skip

BY_TYPE = {plugin.type: plugin for plugin in PLUGINS}
"""Plugins by the type of SR they run."""


def synchronise_plugins(maker: Maker) -> None:
    """Make the SM records agree with the installed plugins; those of others go, unless there are SRs of theirs."""
    used = {sr.type for sr in maker.tx.all(SR)}
    for sm in list(maker.tx.all(SM)):
        if sm.type not in BY_TYPE and sm.type not in used:
            maker.tx.delete(sm)
    known = {sm.type: sm for sm in maker.tx.all(SM)}
    for plugin in PLUGINS:
        values: dict[str, Any] = {
            "name_label": plugin.name,
            "name_description": plugin.doc,
            "vendor": plugin.vendor,
            "copyright": f"(C) 2018 {plugin.vendor}",
            "version": "1.0",
            "required_api_version": plugin.required_api_version,
            "configuration": {key: HELP[key] for key in plugin.keys},
            "capabilities": plugin.features,
            "features": {feature: plugin.versions.get(feature, 1) for feature in plugin.features},
            "driver_filename": f"/opt/xensource/sm/{plugin.driver}",
        }
        if plugin.type in known:
            maker.update(known[plugin.type], **values)
        else:
            maker.create(SM, type=plugin.type, **values)
