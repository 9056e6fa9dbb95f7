"""What is known of the pool only as long as the server runs, and no database keeps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple


class Promise(NamedTuple):
    """That a host is going to be the master. when: in seconds since 1970."""

    host: str
    address: str
    when: float


@dataclass
class PoolState:
    """Shared by the messages and by what goes on by itself.

    restarts_from: the time, in seconds since 1970, before which high availability restarts no VM. is_plan_wanted:
    whether its plan is to be computed anew. wake: set to have its monitor look at once. installing: updates being
    installed, each with the host. disarmed: hosts that were taken out of high availability in an emergency.
    unfenced: members of it that are not fenced when they fail. promise: the new master that the hosts have agreed to.
    """

    restarts_from: float = 0.0
    is_plan_wanted: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    installing: set[tuple[str, str]] = field(default_factory=set)
    disarmed: set[str] = field(default_factory=set)
    unfenced: set[str] = field(default_factory=set)
    promise: Promise | None = None
