"""Settings of the programs that calls may run on the server: plugins and extensions of hosts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProgramSettings:
    """Where programs are that clients may run. They run as the server's user: nothing is offered unless set."""

    plugins: str = field(
        default="", metadata={"doc": "Folder of the programs that host.call_plugin runs; empty: there are none."}
    )
    extensions: str = field(
        default="",
        metadata={"doc": "Folder of the programs that answer calls of host.call_extension; empty: there are none."},
    )
    longest_seconds: float = field(
        default=0.0, metadata={"doc": "Seconds after which a program that still runs is killed; 0: never."}
    )
    most_output_bytes: int = field(
        default=16 * 1024 * 1024, metadata={"doc": "Bytes a program may write before it is killed."}
    )

    def __post_init__(self) -> None:
        if self.longest_seconds < 0:
            raise ValueError(f"longest_seconds: must not be negative: {self.longest_seconds}")
        if self.most_output_bytes < 1:
            raise ValueError(f"most_output_bytes: must be at least 1, not {self.most_output_bytes}")
