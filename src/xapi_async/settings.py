"""Settings of the server as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
DiskKind = Literal["auto", "files", "nominal"]


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens, and where it keeps what it knows."""

    listen: tuple[str, ...] = field(
        default=("127.0.0.1:8080",), metadata={"doc": "Addresses of plain HTTP, HOST:PORT; port 0 picks one."}
    )
    tls_listen: tuple[str, ...] = field(
        default=("127.0.0.1:0",), metadata={"doc": "Addresses of TLS, HOST:PORT; port 0 picks one; none: no TLS."}
    )
    unix_socket: str = field(
        default="", metadata={"doc": "Path of a local socket whose callers are trusted; empty for none."}
    )
    certificate: str = field(
        default="", metadata={"doc": "File of the TLS certificate chain, PEM; empty: one is made at the first start."}
    )
    certificate_key: str = field(
        default="", metadata={"doc": "File of the certificate's key, PEM; empty: it is in the certificate's file."}
    )
    database: str = field(
        default="xapi.db", metadata={"doc": "File of the state; empty: it is kept in memory and lost at the end."}
    )
    disks: DiskKind = field(
        default="auto",
        metadata={
            "doc": "What disks are: files: real images in the folder of the section files; nominal: records without "
            "bytes; auto: files, but nominal for a database that was made with VMs or several hosts in it."
        },
    )
    ready_file: str = field(
        default="", metadata={"doc": "File written when the server answers: JSON with url, tls_url and pid."}
    )
    drain_delay_seconds: float = field(
        default=0.0,
        metadata={"doc": "Seconds between /readyz saying no at a stop and the listeners closing, for load balancers."},
    )
    workers: int = field(
        default=1,
        metadata={"doc": "Processes that answer clients: one that writes, the others reading. One for each core."},
    )
    worker_stalled_seconds: float = field(
        default=10.0,
        metadata={"doc": "Seconds without word from a reading process after which it is killed and started again."},
    )
    log_level: LogLevel = field(default="info", metadata={"doc": "What is worth a line in the log."})
    log_format: LogFormat = field(default="text", metadata={"doc": "How the lines of the log look."})
    speed: float = field(
        default=1.0, metadata={"doc": "How much faster than real time everything simulated and periodic goes."}
    )

    def __post_init__(self) -> None:
        if not 0 < self.speed < float("inf"):
            raise ValueError(f"speed must be more than 0, not {self.speed}")
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}")
        if not 2 <= self.worker_stalled_seconds < float("inf"):
            raise ValueError(f"worker_stalled_seconds must be at least 2, not {self.worker_stalled_seconds}")
        if not 0 <= self.drain_delay_seconds < float("inf"):
            raise ValueError(f"drain_delay_seconds must not be negative, not {self.drain_delay_seconds}")
