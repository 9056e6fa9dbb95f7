"""What a probe of storage says: XML, either of the SRs found or of the choices for what is not configured yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree

from xapi_async.storage.kinds import NOT_XML

METADATA_TYPES = frozenset({"lvmofcoe", "lvmohba", "lvmoiscsi"})
"""Types of SR that keep their names and copies of pool databases."""

NFS_VERSIONS = ("3", "4")
"""Versions of the protocol that shares can be mounted by."""

Node = tuple[str, "str | Sequence[Node]"]
"""An element: its name, and its text or its children."""


def document(root: Node) -> str:
    """An element as indented XML with a declaration. Characters that XML cannot carry are replaced."""
    element = _element(root)
    ElementTree.indent(element, "\t")
    return f'<?xml version="1.0" ?>\n{ElementTree.tostring(element, encoding="unicode")}\n'


def sr_list(found: Iterable[Mapping[str, str]], versions: Sequence[str] = ()) -> str:
    """The SRs found, each with its properties. versions: of the protocol, where they were asked for."""
    srs: list[Node] = [("SR", list(sr.items())) for sr in found]
    if versions:
        srs.append(("SupportedVersions", [("Version", version) for version in versions]))
    return document(("SRlist", srs))


def versions(kind: str, device_config: Mapping[str, str]) -> Sequence[str]:
    """The versions of NFS a probe is to list, where its configuration asks for them."""
    return NFS_VERSIONS if kind == "nfs" and "probeversion" in device_config else ()


def asks_for_metadata(kind: str, sm_config: Mapping[str, str]) -> bool:
    """Whether a probe for SRs of a type is to tell what recovery wants to know of them."""
    return kind in METADATA_TYPES and sm_config.get("metadata") == "true"


def metadata_of(name_label: str, name_description: str, disks: Iterable[str | None]) -> Mapping[str, str]:
    """What recovery wants to know of an SR. disks: the types of its disks."""
    return {
        "name_label": name_label,
        "name_description": name_description,
        "pool_metadata_detected": "true" if "metadata" in disks else "false",
    }


def nfs_exports(exports: Iterable[tuple[str, str]]) -> str:
    """What a server exports: its address and a path each."""
    return document(
        (
            "nfs-exports",
            [("Export", [("Target", target), ("Path", path), ("Accesslist", "*")]) for target, path in exports],
        )
    )


def iscsi_targets(address: str, port: str, names: Iterable[str]) -> str:
    """The targets behind an address, by their IQNs."""
    return document(
        (
            "iscsi-target-iqns",
            [
                ("TGT", [("Index", str(index)), ("IPAddress", address), ("Port", port), ("TargetIQN", name)])
                for index, name in enumerate(names)
            ],
        )
    )


def luns(found: Iterable[tuple[str, int]]) -> str:
    """The LUNs of an iSCSI target: SCSIid and size in bytes each."""
    return document(
        (
            "iscsi-target",
            [
                (
                    "LUN",
                    [
                        ("vendor", "NOMINAL"),
                        ("serial", scsi_id[-16:]),
                        ("LUNid", str(number)),
                        ("size", str(size)),
                        ("SCSIid", scsi_id),
                    ],
                )
                for number, (scsi_id, size) in enumerate(found)
            ],
        )
    )


def block_devices(found: Iterable[tuple[str, int]]) -> str:
    """The LUNs that a host bus adapter sees: SCSIid and size in bytes each."""
    return document(
        (
            "Devlist",
            [
                (
                    "BlockDevice",
                    [
                        ("path", f"/dev/disk/by-id/scsi-{scsi_id}"),
                        ("SCSIid", scsi_id),
                        ("vendor", "NOMINAL"),
                        ("serial", scsi_id[-16:]),
                        ("size", str(size)),
                        ("adapter", "host0"),
                        ("channel", "0"),
                        ("id", "0"),
                        ("lun", str(number)),
                    ],
                )
                for number, (scsi_id, size) in enumerate(found)
            ]
            + [
                (
                    "Adapter",
                    [("host", "host0"), ("name", "nominal"), ("manufacturer", "NOMINAL"), ("id", "0")],
                )
            ],
        )
    )


def _element(node: Node) -> ElementTree.Element:
    name, content = node
    element = ElementTree.Element(name)
    if isinstance(content, str):
        element.text = NOT_XML.sub("\ufffd", content)
    else:
        element.extend([_element(child) for child in content])
    return element
