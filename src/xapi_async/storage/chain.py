"""Reading through a chain of layers: each block comes from the topmost layer that holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.layers import BLOCK, Layer

Chain = Sequence[Layer]
"""Layers, the topmost first."""


class Extent(NamedTuple):
    """Bytes of a disk that come from one place: a layer, or None where no layer holds them and they are zeros."""

    offset: int
    length: int
    layer: Layer | None


def extents(chain: Chain, offset: int, length: int) -> Iterator[Extent]:
    """Where the bytes of a stretch come from, in order; neighbours of the same layer may come apart."""
    end = offset + length
    if not chain:
        if length:
            yield Extent(offset, length, None)
        return
    top, below = chain[0], chain[1:]
    for run in top.blocks.runs(offset // BLOCK, -(-end // BLOCK)):
        first, last = max(offset, run.first * BLOCK), min(end, run.end * BLOCK)
        if run.is_set:
            yield Extent(first, last - first, top)
        else:
            yield from extents(below, first, last - first)


def read_into(chain: Chain, offset: int, buffer: memoryview) -> None:
    """Fill a buffer with what the disk holds from ``offset`` on. Raises OSError."""
    for extent in extents(chain, offset, len(buffer)):
        start = extent.offset - offset
        part = buffer[start : start + extent.length]
        if extent.layer is None:
            part[:] = bytes(extent.length)
        else:
            extent.layer.read_into(extent.offset, part)


def allocation(chain: Chain, size: int) -> Bitmap:
    """The blocks of a disk of ``size`` bytes that any layer holds; all others are zeros."""
    result = Bitmap()
    for layer in chain:
        result.add(layer.blocks)
    return Bitmap(result.to_bytes(-(-size // BLOCK)))


def difference(chain: Chain, base: Chain, size: int) -> Bitmap:
    """The blocks of a disk of ``size`` bytes that may differ from the same block of ``base``.

    Layers that others build on are never written, so what comes from a layer of both chains is the same.
    """
    ours, theirs = {layer.name for layer in chain}, {layer.name for layer in base}
    result = Bitmap()
    for layer in (*chain, *base):
        if layer.name in ours ^ theirs:
            result.add(layer.blocks)
    return Bitmap(result.to_bytes(-(-size // BLOCK)))
