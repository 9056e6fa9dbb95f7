"""How much memory domains need beside their own, and how much of a host is left for them."""

from __future__ import annotations

from math import ceil, floor

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40


def domain_overhead(static_max: int, vcpus: int, multiplier: float, *, hvm: bool) -> int:
    """Bytes of the host that a domain takes beside its own memory.

    static_max: bytes. vcpus: the most it can have. multiplier: of the shadow memory. hvm: boots by its BIOS.
    """
    pages = ceil((256 * vcpus + 2 * ceil(static_max / MIB)) / 256)
    shadow = max(1, floor(multiplier * pages))
    return (shadow + (2 if hvm else 1)) * MIB


def rounded_up(size: int, unit: int) -> int:
    """The least multiple of a unit that holds the size."""
    return -(-size // unit) * unit
