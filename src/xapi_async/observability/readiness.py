"""Whether the server should get work: what a load balancer and an orchestrator go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xapi_async.objects.store import Store

Phase = Literal["starting", "serving", "draining"]


@dataclass
class Readiness:
    """How far the server's life has come, and whether it can keep what it is told."""

    store: Store
    phase: Phase = "starting"

    def problem(self) -> str:
        """Why it should get no work; empty where it should."""
        if self.phase != "serving":
            return f"the server is {self.phase}"
        if self.store.written.failure:
            return f"the last write to the journal failed: {self.store.written.failure}"
        return ""
