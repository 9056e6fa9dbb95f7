"""The driver interface: who runs guests."""

from __future__ import annotations

from typing import Protocol


class Hypervisor(Protocol):
    """A hypervisor of every host of the pool."""
