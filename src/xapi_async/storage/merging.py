"""Merging layers that only one other layer stands on any more, after snapshots were destroyed.

Either the blocks of the upper layer are copied into the lower one and whatever stood on the upper is
put upon the lower; or those that only the lower has are copied into the upper, and the lower goes:
whichever copies less. Until the index is replaced at the end nobody sees any of it, as each block is
found in the upper layer first; so an interruption at any point does no harm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from xapi_async.storage.bitmap import Bitmap
from xapi_async.storage.disk_folder import DiskFolder
from xapi_async.storage.layers import BLOCK, OwnLayer, is_zeros

_PIECE = 16  # blocks copied at once: 1 MiB


class Pair(NamedTuple):
    """A layer and the one under it, by name."""

    upper: str
    lower: str


def find_pair(folder: DiskFolder) -> Pair | None:
    """Two layers that can be merged, none of them being written just now."""
    with folder.lock:
        uses = folder.uses()
        for upper, lower in folder.index.layers.items():
            if lower in folder.index.layers and uses[lower] == 1 and not folder.is_open(upper):
                return Pair(upper, lower)
        return None


def merge(folder: DiskFolder, pair: Pair, stopped: Callable[[], bool] = lambda: False) -> None:
    """Merge two layers, unless ``stopped`` comes to say so in between. Raises OSError."""
    with folder.held(pair.upper):
        upper, lower = folder.open_layer(pair.upper), folder.open_layer(pair.lower)
        assert isinstance(upper, OwnLayer)  # files of others are in no pair
        assert isinstance(lower, OwnLayer)
        missing = lower.blocks.without(upper.blocks)
        if missing.count() < upper.blocks.count():
            if _copy(folder, lower, upper, missing, stopped):
                _drop_lower(folder, pair)
        elif _copy(folder, upper, lower, Bitmap(upper.blocks.data), stopped):
            _drop_upper(folder, pair)


def _copy(folder: DiskFolder, source: OwnLayer, target: OwnLayer, blocks: Bitmap, stopped: Callable[[], bool]) -> bool:
    for run in blocks.set_runs(len(blocks.data) * 8):
        for first in range(run.first, run.end, _PIECE):
            if stopped():
                return False
            piece = memoryview(bytearray(BLOCK * (min(first + _PIECE, run.end) - first)))
            source.read_into(first * BLOCK, piece)
            _write(target, first, piece)
    folder.flush(target)
    return True


def _write(target: OwnLayer, first: int, piece: memoryview) -> None:
    for block in range(first, first + len(piece) // BLOCK):
        part = piece[(block - first) * BLOCK : (block - first + 1) * BLOCK]
        if is_zeros(part):
            target.write_zeros(block)
        else:
            target.write(block * BLOCK, part)


def _drop_lower(folder: DiskFolder, pair: Pair) -> None:
    with folder.lock:
        # The lower layer goes with this commit, as nothing stands on it any more.
        folder.commit(folder.index.with_layer(pair.upper, folder.index.layers[pair.lower]))


def _drop_upper(folder: DiskFolder, pair: Pair) -> None:
    with folder.lock:
        index = folder.index
        disks = {
            uuid: dataclasses.replace(entry, layer=pair.lower) if entry.layer == pair.upper else entry
            for uuid, entry in index.disks.items()
        }
        layers = {
            name: pair.lower if below == pair.upper else below
            for name, below in index.layers.items()
            if name != pair.upper
        }
        folder.commit(dataclasses.replace(index, disks=disks, layers=layers))
        folder.move_views(pair.upper, pair.lower)
