"""What is known of hosts only as long as the server runs: what their agents would keep in memory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from xapi_async.inventory.hardware import HostSettings

Errand = Callable[[], Awaitable[None]]
"""Work that a call leaves behind for after its answer."""


@dataclass
class HostStates:
    """Sets of hosts, by reference, and what is still to be done on them."""

    starting: set[str] = field(default_factory=set)
    """Their agents have not finished starting."""
    disabled_by_user: set[str] = field(default_factory=set)
    """Somebody disabled them since their agents started."""
    awaiting_reboot: set[str] = field(default_factory=set)
    """They were told to shut down or reboot, and have not come back since."""
    going_down: dict[str, bool] = field(default_factory=dict)
    """The same hosts, by uuid, as it is kept for the next start of the server: whether they come back by themselves."""
    ending_tasks: dict[str, set[str]] = field(default_factory=dict)
    """By host, the tasks that stand for its going down and end when it is back."""
    recorded: dict[str, dict[str, bool]] = field(default_factory=dict)
    """By host, the measurements that somebody had recorded (true) or forgotten (false), against the standard."""
    hardware: Mapping[str, HostSettings] = field(default_factory=dict)
    """The machines that the settings describe, by the hosts' uuids: what a host
    finds as it boots."""
    errands: asyncio.Queue[Errand] = field(default_factory=asyncio.Queue)
    """What calls have left to be done after their answers."""
    skewed: set[str] = field(default_factory=set)
    """Their clocks go wrong, and somebody was told."""
    copied: dict[str, int] = field(default_factory=dict)
    """By host's uuid, the generation of the copy of the database that it was asked to keep."""
    attaching: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By host's uuid, held while it attaches or detaches such disks."""
    keeping: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a value that a host keeps for itself is changed."""
