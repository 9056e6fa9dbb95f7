"""Taking up images that somebody put into a folder of disks, and forgetting those that were taken away."""

from __future__ import annotations

import dataclasses
import uuid as uuids
from pathlib import PurePath

from xapi_async.objects.entity import new_uuid
from xapi_async.storage.disk_folder import DiskFolder
from xapi_async.storage.foreign import Foreign, find_foreign, is_parent
from xapi_async.storage.index import FOREIGN, DiskEntry
from xapi_async.storage.vhd import SECTOR, align


def take_up_images(folder: DiskFolder) -> None:
    """Make the index fit the images in the folder. Raises OSError.

    An image that is gone takes its disk with it, unless something was written to that; it then stays,
    and reading what the image held fails.
    """
    found = {image.name: image for image in find_foreign(folder.path)}
    with folder.lock:
        index = folder.index
        known = {entry.foreign: uuid for uuid, entry in index.disks.items() if entry.foreign}
        disks = dict(index.disks)
        for name, uuid in known.items():
            entry = disks[uuid]
            if entry.layer != FOREIGN + name:
                continue
            if name not in found and not (folder.path / name).exists():
                del disks[uuid]
            elif name in found and align(found[name].size, SECTOR) != entry.size:
                disks[uuid] = dataclasses.replace(entry, size=align(found[name].size, SECTOR))
        for name, image in found.items():
            if name not in known and name not in index.doomed:
                uuid = _uuid(name)
                disks[uuid if uuid not in disks else new_uuid()] = _entry(folder, image)
        if disks != index.disks:
            folder.commit(dataclasses.replace(index, disks=disks))


def _entry(folder: DiskFolder, image: Foreign) -> DiskEntry:
    details = {"name_label": PurePath(image.name).stem, "managed": not is_parent(folder.path, image.name)}
    return DiskEntry(align(image.size, SECTOR), FOREIGN + image.name, foreign=image.name, details=details)


def _uuid(name: str) -> str:
    """The uuid that a file is named by, else a new one."""
    try:
        return str(uuids.UUID(PurePath(name).stem))
    except ValueError:
        return new_uuid()
