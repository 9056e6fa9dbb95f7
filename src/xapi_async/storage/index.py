"""What a folder of disks holds: its disks, their layers and their logs of changes, in one file.

The file is replaced as a whole (a new one is written, made durable and renamed over the old one), so a
change that touches several entries happens entirely or not at all. Files in the folder that the index
does not name are left-overs of something interrupted.

Beside it lies a spare file that only takes up space, so that disks can be destroyed where none is left.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FORMAT = 1
_TEMPORARY = ".new"
_SPARE = ".spare"
_LEAST_SPARE = 64 << 10

FOREIGN = "file:"
"""How layers are named that are somebody else's files."""


@dataclass(frozen=True)
class DiskEntry:
    """A disk. size: bytes. layer: its topmost, empty where its data was destroyed. log: of changes, empty without.

    foreign: the file it was made from, where somebody put that into the folder. raw: made without the ability
    to be snapshotted. unfinished: being filled; such disks do not survive a restart. details: whatever the
    driver keeps with it.
    """

    size: int
    layer: str
    log: str = ""
    foreign: str = ""
    raw: bool = False
    unfinished: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Index:
    """Everything in a folder. disks: by uuid. layers, logs: each with the one it follows, empty where none.

    doomed: files of others whose disks were destroyed while clones still read them.
    """

    disks: Mapping[str, DiskEntry] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    doomed: Sequence[str] = ()

    def with_disk(self, uuid: str, entry: DiskEntry) -> Index:
        """The index with a disk added or replaced."""
        return dataclasses.replace(self, disks={**self.disks, uuid: entry})

    def with_layer(self, name: str, parent: str) -> Index:
        """The index with a layer added, or put upon another one."""
        return dataclasses.replace(self, layers={**self.layers, name: parent})

    def with_log(self, name: str, parent: str) -> Index:
        """The index with a log added, or put behind another one."""
        return dataclasses.replace(self, logs={**self.logs, name: parent})

    def chain(self, layer: str) -> list[str]:
        """A layer and those under it, the topmost first."""
        names = []
        while layer:
            names.append(layer)
            layer = self.layers.get(layer, "")
        return names

    def log_chain(self, log: str) -> list[str]:
        """A log and those before it, the newest first."""
        names = []
        while log:
            names.append(log)
            log = self.logs.get(log, "")
        return names

    def without_unused(self, held: Iterable[str]) -> Index:
        """The index without layers that nothing stands on, nor any of ``held``, and without doomed files likewise."""
        uses = self.uses()
        uses.update(held)
        layers = dict(self.layers)
        unused = [name for name in layers if not uses[name]]
        while unused:
            parent = layers.pop(unused.pop())
            uses[parent] -= 1
            if parent in layers and not uses[parent]:
                unused.append(parent)
        doomed = [name for name in self.doomed if uses[FOREIGN + name]]
        if len(layers) == len(self.layers) and len(doomed) == len(self.doomed):
            return self
        return dataclasses.replace(self, layers=layers, doomed=doomed)

    def uses(self) -> Counter[str]:
        """How many disks and layers stand on each layer."""
        uses = Counter(entry.layer for entry in self.disks.values())
        uses.update(self.layers.values())
        return uses


def load(path: Path) -> Index:
    """Read an index; an empty one where there is no file. Raises OSError, and ValueError for a damaged file."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Index()
    try:
        if content["format"] != _FORMAT:
            raise ValueError(f"{path} is of format {content['format']}, which this version cannot read")
        disks = {uuid: DiskEntry(**entry) for uuid, entry in content["disks"].items()}
        return Index(disks, content["layers"], content["logs"], content["doomed"])
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def save(path: Path, index: Index, *, frees: bool = False) -> None:
    """Replace the index; on return it is durable. Raises OSError, the old one being untouched then.

    frees: whether the change gives space back, and so may use what is kept for that.
    """
    content = {
        "format": _FORMAT,
        "disks": {uuid: vars(entry) for uuid, entry in index.disks.items()},
        "layers": index.layers,
        "logs": index.logs,
        "doomed": index.doomed,
    }
    data = json.dumps(content, separators=(",", ":")).encode()
    try:
        replace_file(path, data)
    except OSError as error:
        if not frees or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        spare_file(path).unlink(missing_ok=True)
        replace_file(path, data)
    _keep_spare(path, max(_LEAST_SPARE, 2 * len(data)))


def spare_file(path: Path) -> Path:
    """The file beside an index that keeps space for changes that give some back."""
    return path.with_name(path.name + _SPARE)


def _keep_spare(path: Path, size: int) -> None:
    spare = spare_file(path)
    try:
        if not spare.exists() or spare.stat().st_size < size:
            with spare.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        spare.unlink(missing_ok=True)  # tried again with the next change


def replace_file(path: Path, data: bytes) -> None:
    """Have a file hold something else, durably, or leave it as it is. Raises OSError."""
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
