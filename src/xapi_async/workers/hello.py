"""What the writer tells a reader first: all that it needs in order to answer as the writer would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xapi_async.settings import ServerSettings
from xapi_async.wire.app import Address
from xapi_async.wire.settings import WireSettings


@dataclass(frozen=True)
class InForce:
    """The settings that count for readers. slow_call_seconds: from when on a call is worth a line in the log."""

    server: ServerSettings
    wire: WireSettings
    slow_call_seconds: float


@dataclass(frozen=True)
class Hello:
    """The first message.

    reads: names of the messages to answer. pages: method and prefix of what is no call. addresses: where
    to take connections. passing: the writer's socket for connections that carry more than calls.
    """

    settings: InForce
    reads: frozenset[str]
    pages: tuple[tuple[str, str], ...]
    addresses: tuple[Address, ...]
    passing: Path
