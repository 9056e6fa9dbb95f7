"""How much of what is measured is kept."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StatisticsSettings:
    """What is recorded. It is kept in memory, about 50 KiB for each guest after a day."""

    guests: int = field(
        default=1000,
        metadata={
            "doc": "VMs whose statistics are recorded at a time. A running VM that is asked for by its uuid always "
            "is, in the place of one that was not asked for longest."
        },
    )
    hosts: int = field(default=64, metadata={"doc": "Hosts whose statistics are recorded at a time."})

    def __post_init__(self) -> None:
        if self.guests < 1 or self.hosts < 1:
            raise ValueError("guests and hosts must be at least 1")
