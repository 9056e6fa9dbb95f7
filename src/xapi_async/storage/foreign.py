"""Images that somebody put into a folder by hand: which there are, and opening them as layers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from xapi_async.storage.index import FOREIGN
from xapi_async.storage.layers import Layer, RawImage
from xapi_async.storage.vhd import VhdError
from xapi_async.storage.vhd_image import VhdImage

_RAW = (".raw", ".img")
_VHD = ".vhd"


class Foreign(NamedTuple):
    """An image found. name: of the file. size: of the disk, bytes."""

    name: str
    size: int


def open_foreign(folder: Path, layer: str) -> Layer:
    """Open somebody's file as a layer. Raises OSError and VhdError."""
    name = layer.removeprefix(FOREIGN)
    return VhdImage(folder / name, layer) if name.lower().endswith(_VHD) else RawImage(folder / name, layer)


def find_foreign(folder: Path) -> Iterator[Foreign]:
    """The images in a folder, by name; files that cannot be read as what they claim to be are left out."""
    for name in sorted(os.listdir(folder)):
        path, lower = folder / name, name.lower()
        if not path.is_file():
            continue
        if lower.endswith(_RAW):
            yield Foreign(name, path.stat().st_size)
        elif lower.endswith(_VHD):
            try:
                yield Foreign(name, VhdImage(path, name).size)
            except (VhdError, OSError):
                continue


def is_parent(folder: Path, name: str) -> bool:
    """Whether another VHD in the folder is read through this file."""
    for other in sorted(os.listdir(folder)):
        if other != name and other.lower().endswith(_VHD):
            try:
                if VhdImage(folder / other, other).reads(folder / name):
                    return True
            except (VhdError, OSError):
                continue
    return False
