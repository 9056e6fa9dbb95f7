"""A line in the log for each call that took longer than it should have."""

from __future__ import annotations

import logging

from xapi_async.rpc.call import WAITING
from xapi_async.rpc.stats import CallStats

log = logging.getLogger(__name__)


def watch(stats: CallStats, seconds: float) -> None:
    """Have slow calls logged from now on. seconds: how long a call may take; 0: nothing is logged."""

    def tell(method: str, code: str | None, took: float) -> None:
        if method not in WAITING:
            log.warning("slow call: %s took %.3f s and ended in %s", method, took, code or "success")

    stats.watch_slow(seconds or float("inf"), tell)
