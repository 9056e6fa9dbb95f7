"""What clients are told of the server that hands out disks over NBD."""

from __future__ import annotations

from dataclasses import dataclass

PORT = 10809
"""Where NBD servers listen unless told otherwise."""


@dataclass(frozen=True, slots=True)
class NbdListener:
    """Where disks are served. address: to be told to clients, empty where it is reached at those of the hosts."""

    address: str = ""
    port: int = PORT


def announced(address: str, listened: str, port: int) -> NbdListener:
    """What to tell of a listener. address: as the settings say, else empty. listened: where it listens."""
    everywhere = listened in ("", "0.0.0.0", "::")  # noqa: S104  compared, not bound to
    return NbdListener(address or ("" if everywhere else listened), port)
