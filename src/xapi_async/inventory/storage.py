"""Storage of a new pool: the tools, what every host has of its own, and what all hosts share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory import shares
from xapi_async.inventory.hardware import HostSettings
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.memory import MIB
from xapi_async.inventory.settings import InventorySettings
from xapi_async.inventory.software import BUILD_NUMBER

TOOLS_ISO = "guest-tools.iso"
TOOLS_SIZE = 153 * MIB
EMPTY_DRIVE_SIZE = 1_073_741_312
"""The size that an empty DVD drive claims."""

_TOOLS_CONFIG = {
    "location": "/opt/xensource/packages/iso",
    "path": "/opt/xensource/packages/iso",
    "legacy_mode": "true",
}
_TOOLS_SR: dict[str, Any] = {
    "name_label": "XenServer Tools",
    "name_description": "XenServer Tools ISOs",
    "is_tools_sr": True,
}
_TOOLS_KEYS = {
    "xenserver_tools_sr": "true",
    "xensource_internal": "true",
    "i18n-key": "xenserver-tools",
    "i18n-original-value-name_label": "XenServer Tools",
    "i18n-original-value-name_description": "XenServer Tools ISOs",
}
_SM_CONFIG: dict[str, dict[str, str]] = {
    "lvm": {"allocation": "thick", "use_vhd": "true"},
    "lvmoiscsi": {"allocation": "thick", "use_vhd": "true", "multipathable": "true"},
}


def synchronise_tools(maker: Maker, hosts: Iterable[Host]) -> SR:
    """Make sure that there is one SR with the guest tools, with its own names and a PBD for every host."""
    tx = maker.tx
    existing = [sr for sr in tx.all(SR) if sr.is_tools_sr]
    for surplus in existing[1:]:
        for cls, refs in ((VDI, surplus.VDIs), (PBD, surplus.PBDs)):
            for ref in refs:
                tx.delete(tx.get(cls, ref))
        tx.delete(surplus)
    if existing:
        sr = existing[0]
        maker.update(sr, **_TOOLS_SR, other_config={**sr.other_config, **_TOOLS_KEYS})
    else:
        sr = _sr(maker, "iso", "iso", shared=True, size=TOOLS_SIZE, other_config=_TOOLS_KEYS, **_TOOLS_SR)
        _create_tools_iso(maker, sr)
        _account(maker, sr, TOOLS_SIZE, TOOLS_SIZE)
    plugged = {tx.get(PBD, ref).host for ref in sr.PBDs}
    for host in hosts:
        if host.ref not in plugged:
            create_pbd(maker, sr, host, _TOOLS_CONFIG)
    return sr


def create_local_storage(maker: Maker, host: Host, hardware: HostSettings) -> SR | None:
    """Create the SRs of a host's own; gives the one for disks, if there is one."""
    _create_removable_storage(maker, host, hardware)
    _create_dvd_drives(maker, host, hardware.dvd_drives)
    kind = hardware.local_storage
    if kind == "none":
        return None
    sr = _sr(
        maker,
        kind,
        "user",
        size=hardware.local_storage_size,
        name_label="Local storage",
        other_config=_translated("local-storage", "Local storage"),
        local_cache_enabled=kind == "ext",
    )
    create_pbd(maker, sr, host, {"device": hardware.local_storage_device})
    maker.update(
        host,
        suspend_image_sr=sr.ref,
        crash_dump_sr=sr.ref,
        local_cache_sr=sr.ref if kind == "ext" else NULL_REF,
    )
    return sr


def create_shared_storage(maker: Maker, hosts: Iterable[Host], settings: InventorySettings, count: int) -> list[SR]:
    """Create the SRs that all hosts share."""
    hosts = tuple(hosts)
    made = []
    for number in range(1, count + 1):
        name = "Shared storage" if count == 1 else f"Shared storage {number}"
        sr = _sr(
            maker,
            settings.shared_sr_type,
            "user",
            shared=True,
            size=settings.shared_sr_size,
            name_label=name,
            other_config={"auto-scan": "false"},
        )
        config = _shared_config(settings.shared_sr_type, number)
        for host in hosts:
            create_pbd(maker, sr, host, config)
        made.append(sr)
    return made


def create_pbd(maker: Maker, sr: SR, host: Host, device_config: dict[str, str]) -> PBD:
    """Connect a host to an SR."""
    return maker.create(PBD, SR=sr.ref, host=host.ref, device_config=device_config, currently_attached=True)


def create_vdi(maker: Maker, sr: SR, **values: Any) -> VDI:
    """Create a disk; its location is its uuid where none is given."""
    uuid = maker.uuid()
    given = {"type": "user", "managed": True, "location": uuid, "other_config": {}, **values}
    return maker.create(VDI, uuid=uuid, SR=sr.ref, **given)


def _sr(maker: Maker, kind: str, content: str, *, size: int, shared: bool = False, **values: Any) -> SR:
    values.setdefault("sm_config", _SM_CONFIG.get(kind, {}))
    return maker.create(
        SR, type=kind, content_type=content, shared=shared, physical_size=size, default_vdi_visibility=True, **values
    )


def _account(maker: Maker, sr: SR, allocated: int, size: int) -> None:
    """Enter the sizes of an SR whose devices are all it has."""
    maker.update(sr, virtual_allocation=allocated, physical_utilisation=allocated, physical_size=size)


def _create_tools_iso(maker: Maker, sr: SR) -> None:
    create_vdi(
        maker,
        sr,
        name_label=TOOLS_ISO,
        name_description="Drivers and agent for guests",
        location=TOOLS_ISO,
        virtual_size=TOOLS_SIZE,
        physical_utilisation=TOOLS_SIZE,
        read_only=True,
        is_tools_iso=True,
        sm_config={"xs-tools": "true", "xs-tools-version": "7.4.0", "xs-tools-build": BUILD_NUMBER},
    )


def _create_dvd_drives(maker: Maker, host: Host, count: int) -> None:
    name, text = "DVD drives", "Physical DVD drives"
    sr = _sr(
        maker,
        "udev",
        "iso",
        size=0,
        name_label=name,
        name_description=text,
        sm_config={"type": "cd"},
        other_config=_translated("local-hotplug-cd", name, text),
    )
    create_pbd(maker, sr, host, {"location": "/dev/xapi/cd"})
    for number in range(count):
        create_vdi(
            maker,
            sr,
            name_label=f"SCSI {number}:0:0:0",
            name_description="DVD-ROM drive",
            location=f"/dev/xapi/cd/sr{number}",
            virtual_size=EMPTY_DRIVE_SIZE,
            physical_utilisation=EMPTY_DRIVE_SIZE,
            read_only=True,
            sm_config={"hotplugged_at": maker.time},
        )
    _account(maker, sr, count * EMPTY_DRIVE_SIZE, count * EMPTY_DRIVE_SIZE)


def _create_removable_storage(maker: Maker, host: Host, hardware: HostSettings) -> None:
    name = "Removable storage"
    sr = _sr(
        maker,
        "udev",
        "disk",
        size=0,
        name_label=name,
        sm_config={"type": "block"},
        other_config=_translated("local-hotplug-disk", name),
    )
    create_pbd(maker, sr, host, {"location": "/dev/xapi/block"})
    disks = [usb for usb in hardware.usb_devices if usb.disk_size]
    for number, usb in enumerate(disks):
        create_vdi(
            maker,
            sr,
            name_label=f"USB {usb.path}",
            name_description=f"{usb.vendor_desc} {usb.product_desc}".strip(),
            location=f"/dev/xapi/block/sd{chr(ord('b') + number % 25)}",
            virtual_size=usb.disk_size,
            physical_utilisation=usb.disk_size,
            sm_config={"hotplugged_at": maker.time, "usb_path": usb.path},
        )
    total = sum(usb.disk_size for usb in disks)
    _account(maker, sr, total, total)


def _translated(key: str, name: str, description: str = "") -> dict[str, str]:
    """The keys by which clients show an SR's original names in the user's language."""
    keys = {"i18n-key": key, "i18n-original-value-name_label": name}
    return keys | ({"i18n-original-value-name_description": description} if description else {})


def _shared_config(kind: str, number: int) -> dict[str, str]:
    if kind == "nfs":
        return {"server": shares.SERVER, "serverpath": shares.path_of(number)}
    return {
        "target": shares.SERVER,
        "targetIQN": "iqn.2018-02.example.storage:xenserver",
        "port": "3260",
        "SCSIid": f"36001405{number:024x}",
    }
