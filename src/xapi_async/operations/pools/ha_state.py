"""What high availability remembers while the server runs, and no database keeps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass
class HaState:
    """Shared by the messages and the monitor.

    restarts_from: the time, in seconds since 1970, before which no VM is restarted. is_plan_wanted: whether the
    plan is to be computed anew. wake: set to have the monitor look at once.
    """

    restarts_from: float = 0.0
    is_plan_wanted: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
