"""Settings of the wire: how much of a server one client, and all of them together, may take."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class WireSettings:
    """Limits of requests and connections."""

    max_body_bytes: int = field(
        default=307200, metadata={"doc": "Bytes that the body of a call may have; larger ones are answered by 500."}
    )
    max_depth: int = field(default=100, metadata={"doc": "How deep the values of a call may be nested."})
    header_bytes: int = field(default=16384, metadata={"doc": "Bytes that the head of a request may have."})
    connections: int = field(
        default=20000, metadata={"doc": "Connections open at once; further ones are answered by 503."}
    )
    idle_seconds: float = field(
        default=300.0, metadata={"doc": "Seconds after which a connection on which nothing happens is closed."}
    )
    request_seconds: float = field(
        default=30.0,
        metadata={"doc": "Seconds that a client may take to send a call, first byte to last."},
    )
    stalled_seconds: float = field(
        default=60.0, metadata={"doc": "Seconds after which a client that reads nothing of its answer is cut off."}
    )
    pending_calls: int = field(
        default=20000, metadata={"doc": "Calls under way at once; further ones fail with TOO_MANY_PENDING_TASKS."}
    )
    kept_record_bytes: int = field(
        default=256 * 1024 * 1024, metadata={"doc": "Bytes of encoded records that are kept for the next who asks."}
    )
    gzip_bytes: int = field(
        default=65536,
        metadata={"doc": "Bytes from which on a list, or an event told to many, is compressed for who takes that."},
    )
    shutdown_seconds: float = field(
        default=5.0, metadata={"doc": "Seconds that calls under way have to end when the server stops."}
    )
    realm: str = field(default="xapi", metadata={"doc": "The name that browsers show when they ask for a password."})

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and not 0 < value < float("inf"):
                raise ValueError(f"{item.name} must be more than 0, not {value}")
        if not self.realm.isprintable() or not self.realm.isascii() or '"' in self.realm or "\\" in self.realm:
            raise ValueError("realm must be plain text without quotes")
