"""The driver interface: who holds disks."""

from __future__ import annotations

from typing import Protocol


class Storage(Protocol):
    """The storage of the pool."""
