"""How late the event loop is: what every client waits for beside its own call."""

from __future__ import annotations

import asyncio
from time import perf_counter

from xapi_async.objects.histogram import Histogram


class LoopLag:
    """Measures lateness. late: seconds by which a timer came too late."""

    def __init__(self, interval: float) -> None:
        """interval: seconds between two measurements."""
        self._interval = interval
        self.late = Histogram((0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0))

    async def run(self) -> None:
        """Measure, until cancelled."""
        while True:
            due = perf_counter() + self._interval
            await asyncio.sleep(self._interval)  # of real time: nothing simulated is measured
            self.late.note(max(0.0, perf_counter() - due))
