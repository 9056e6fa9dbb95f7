"""Settings of storage that keeps no bytes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NominalSettings:
    """How large nominal storage is, and how fast."""

    sr_size: int = field(default=1 << 40, metadata={"doc": "Bytes of an SR that is created without a size."})
    device_size: int = field(default=1 << 30, metadata={"doc": "Bytes of a device that is introduced as a disk."})
    seconds: float = field(default=0.0, metadata={"doc": "Seconds that each change of an SR or a disk takes."})
    copy_rate: int = field(
        default=0, metadata={"doc": "Bytes read per second when whole disks are copied; 0: copying takes no time."}
    )
