"""MAC addresses: what counts as one, and how the server makes its own."""

from __future__ import annotations

import hashlib
import re

_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def is_mac(text: str) -> bool:
    """Whether a text is six pairs of hex digits joined by colons; multicast and all-zero ones count."""
    return _MAC.fullmatch(text) is not None


def generated_mac(seed: str, number: int) -> str:
    """The address of device ``number`` in the series that ``seed`` starts: unicast and locally administered.

    The same seed and number always give the same address, so that a VM keeps its addresses when its
    interfaces are made anew.
    """
    digest = seed.encode()
    for _ in range(2 * number + 1):
        digest = _md5(digest)
    further = _md5(digest)
    first = digest[0] & 0xFE | 0x02
    return bytes((first, *digest[1:4], *further[1:3])).hex(":")


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
