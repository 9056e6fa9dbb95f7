"""Which driver holds the disks of which storage repository."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from xapi_async.objects.clock import Clock
from xapi_async.objects.documents import Documents
from xapi_async.settings import DiskKind, ServerSettings
from xapi_async.storage.driver import Driver, Storage
from xapi_async.storage.files import FileDriver
from xapi_async.storage.iso import IsoDriver
from xapi_async.storage.nominal import NominalDriver
from xapi_async.storage.nominal_settings import NominalSettings
from xapi_async.storage.places import FileSettings

FILE_TYPES = ("ext", "file", "nfs", "lvm", "lvmofcoe", "lvmohba", "lvmoiscsi")
"""Types of storage whose disks can be kept in files; the others hold media of the host."""

_DOCUMENT = "disks"


async def chosen_kind(documents: Documents, settings: ServerSettings, *, is_large: bool) -> DiskKind:
    """How disks are kept: as the settings say, or else as at the first start.

    is_large: whether the database was filled with more than one host has, whose disks nobody has written to.
    """
    if settings.disks != "auto":
        return settings.disks
    kept = await documents.get(_DOCUMENT)
    if kept is None:
        kept = {"kind": "nominal" if is_large else "files"}
        await documents.put(_DOCUMENT, kept)
    kind: DiskKind = kept["kind"]
    return kind


def make_storage(
    kind: DiskKind, database: str, nominal: NominalSettings, files: FileSettings, clock: Clock, stack: AsyncExitStack
) -> tuple[Storage, FileDriver | None]:
    """The storage of the pool, and the driver of files where there is one, which has work of its own.

    database: the file beside which a relative folder of disks is. stack: closes the drivers.
    """
    default = NominalDriver(clock, nominal)
    if kind == "nominal":
        return Storage(default), None
    folder = Path(database).absolute().parent / files.folder if database else files.folder
    placed = replace(files, folder=folder)
    driver, iso = FileDriver(placed), IsoDriver(placed)
    stack.callback(driver.close)
    stack.callback(iso.close)
    by_type: dict[str, Driver] = {"iso": iso, **dict.fromkeys(FILE_TYPES, driver)}
    return Storage(default, by_type), driver
