"""Settings of what a server shows of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Audience = Literal["nobody", "loopback", "everybody"]


@dataclass(frozen=True)
class ObservabilitySettings:
    """What is shown of the server, and to whom. Raises ValueError for numbers that make no sense."""

    metrics: Audience = field(
        default="loopback",
        metadata={
            "doc": "Who may read GET /metrics, as Prometheus reads it. Behind a proxy on the same machine everybody "
            "comes over the loopback."
        },
    )
    health: Audience = field(default="everybody", metadata={"doc": "Who may ask GET /healthz and GET /readyz."})
    slow_call_seconds: float = field(
        default=0.0, metadata={"doc": "Calls that took longer get a line in the log; 0: none do. Waiting ones are not."}
    )
    lag_seconds: float = field(
        default=1.0, metadata={"doc": "Seconds between two measurements of how late the event loop is."}
    )
    trace_endpoint: str = field(
        default="",
        metadata={
            "doc": "Where traces go, as OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; empty: none are made. "
            "It takes the extra xapi-async[tracing]."
        },
    )
    trace_ratio: float = field(default=1.0, metadata={"doc": "The share of calls that is traced, from 0 to 1."})

    def __post_init__(self) -> None:
        if not 0 <= self.slow_call_seconds < float("inf"):
            raise ValueError(f"slow_call_seconds must not be negative, not {self.slow_call_seconds}")
        if not 0 < self.lag_seconds < float("inf"):
            raise ValueError(f"lag_seconds must be more than 0, not {self.lag_seconds}")
        if not 0 <= self.trace_ratio <= 1:
            raise ValueError(f"trace_ratio is from 0 to 1, not {self.trace_ratio}")
