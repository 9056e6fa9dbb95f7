"""Groups of VMs that a new pool begins with."""

from __future__ import annotations

from dataclasses import dataclass, field

from xapi_async.inventory.templates import BY_LABEL

DEFAULT_TEMPLATES = ("centos-7", "debian-9", "ubuntu-16.04", "windows-server-2016-64bit")


@dataclass(frozen=True)
class VmGroup:
    """VMs that are alike."""

    count: int = field(default=0, metadata={"doc": "How many VMs."})
    prefix: str = field(default="vm", metadata={"doc": "Name, to which a number is added."})
    templates: tuple[str, ...] = field(
        default=DEFAULT_TEMPLATES, metadata={"doc": "Reference labels of the templates they are made from, in turns."}
    )
    running: float = field(
        default=0.5, metadata={"doc": "Part of them that runs, 0 to 1; those that no host has memory for do not."}
    )
    disks: int = field(default=1, metadata={"doc": "Disks of each."})
    disk_size: int = field(default=0, metadata={"doc": "Size of a disk in bytes; 0: as the template says."})
    interfaces: int = field(default=1, metadata={"doc": "Network interfaces of each."})
    cd_drive: bool = field(default=True, metadata={"doc": "Whether each has an empty CD drive."})
    memory: int = field(default=0, metadata={"doc": "Memory of each in bytes; 0: as the template says."})
    vcpus: int = field(default=0, metadata={"doc": "Virtual processors of each; 0: as the template says."})
    tags: tuple[str, ...] = field(default=(), metadata={"doc": "Tags of each."})

    def __post_init__(self) -> None:
        unknown = [label for label in self.templates if label not in BY_LABEL]
        if unknown:
            raise ValueError(f"there is no template {unknown[0]}; there are {', '.join(BY_LABEL)}")
        if self.count and not self.templates:
            raise ValueError("templates: name at least one to make VMs from")
        if not 0 <= self.running <= 1:
            raise ValueError(f"running: must be between 0 and 1, not {self.running}")
        for name, least, most in (("count", 0, 1_000_000), ("disks", 0, 250), ("interfaces", 0, 7)):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name}: must be between {least} and {most}, not {value}")
