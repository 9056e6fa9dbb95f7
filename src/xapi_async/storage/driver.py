"""The driver interface: who holds disks.

Hosts and storage repositories (SRs) are named by their uuids, a disk by its *location*, which is
unique within its SR. All waits are the driver's; operations open no transaction while they wait.
Every coroutine may be cancelled at any point: what it was making is gone then, what it was changing
is as it was or as it was to be.

Drivers keep whatever books they need, but records of the API belong to operations: a driver answers
with what *is*, as the dataclasses here, and operations write that down. Beside :class:`BackendError`
any call may raise :class:`~xapi_async.datamodel.errors.ApiError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NEVER

Progress = Callable[[float], Awaitable[None]]
"""Told how far the work is, from 0 to 1."""


PIECE = 256 << 10
"""Bytes that the event loop receives or sends at a time: other calls wait a fraction of a millisecond for it."""

STRETCH = 1 << 20
"""Bytes that a thread reads at a time, while the event loop does other things. More gains nothing."""

Data = bytes | bytearray | memoryview
"""What disks hold. Who is given it may keep it: it does not change any more."""


async def unobserved(value: float) -> None:
    """A :data:`Progress` for work nobody watches."""


class BackendError(Exception):
    """A failure of a backend, by its number; operations turn it into the API's error.

    detail: what exactly was wrong, may be empty. output: what the caller is to get in place of the error
    stream, such as the XML of a probe that lacks parameters.
    """

    def __init__(self, number: int, detail: str = "", output: str = "") -> None:
        super().__init__(f"{FAILURES.get(number, 'storage failure')}{f' [opterr={detail}]' if detail else ''}")
        self.number = number
        self.detail = detail
        self.output = output


DEVICE_IN_USE = 16
VDI_IN_USE = 24
NOT_IMPLEMENTED = 38
SR_NOT_EMPTY = 39
SR_EXISTS = 42
VDI_EXISTS = 43
NO_SPACE = 44
VDI_UNAVAILABLE = 46
SR_UNAVAILABLE = 47
BAD_KIND = 66
BAD_SIZE = 79
VDI_CREATE_FAILED = 78
CHAIN_TOO_LONG = 109
VDI_MISSING = 144
BAD_TEXT = 447
CBT_INCONSISTENT = 459
CBT_CANNOT_COMPUTE = 460

FAILURES: Mapping[int, str] = {
    DEVICE_IN_USE: "The device is in use",
    VDI_IN_USE: "The disk is in use",
    NOT_IMPLEMENTED: "The backend does not do this",
    SR_NOT_EMPTY: "The SR still holds disks",
    SR_EXISTS: "The SR is there already",
    VDI_EXISTS: "The disk is there already",
    NO_SPACE: "The SR has not enough space left",
    VDI_UNAVAILABLE: "The disk cannot be reached",
    SR_UNAVAILABLE: "The SR cannot be reached",
    BAD_KIND: "The disk is not of a kind for this",
    72: "The server does not offer this version of NFS",
    73: "The NFS export could not be mounted",
    VDI_CREATE_FAILED: "The disk could not be created",
    BAD_SIZE: "The size is not one the disk can have",
    80: "The disk could not be deleted",
    81: "The disk could not be cloned",
    82: "The disk could not be snapshotted",
    88: "The directory could not be made",
    90: "The configuration names no device",
    91: "The path of the device is not valid",
    94: "The configuration names no location",
    95: "The configuration names no target",
    96: "The configuration names no targetIQN",
    101: "The configuration names no serverpath",
    102: "The configuration names no server",
    107: "The configuration names no SCSIid",
    108: "The server offers no NFS",
    CHAIN_TOO_LONG: "The chain of snapshots is too long",
    110: "The disk could not be resized",
    140: "The name of the server is not known",
    141: "The iSCSI target cannot be reached",
    142: "The port of the iSCSI target is not valid",
    222: "The ISO share could not be mounted",
    225: "The location of the ISO share is malformed",
    226: "The path of the ISO images does not exist",
    BAD_TEXT: "The text holds characters that XML cannot carry",
    454: "SMB storage is not licensed",
    457: "Changed block tracking could not be switched on",
    458: "Changed block tracking could not be switched off",
    CBT_INCONSISTENT: "The logs of changed blocks do not fit together",
    CBT_CANNOT_COMPUTE: "The changed blocks cannot be computed",
}
"""What each number of a backend failure means."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A storage repository, as its records describe it.

    device_config: that of the host concerned. size: bytes wished for, a hint. name_label, name_description: to be
    found by probes, where the backend keeps them.
    """

    uuid: str
    type: str
    device_config: Mapping[str, str] = field(default_factory=dict)
    sm_config: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    size: int = 0
    content_type: str = ""
    name_label: str = ""
    name_description: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """How much an SR can hold, and how much of it is taken, in bytes."""

    physical_size: int
    physical_utilisation: int


@dataclass(frozen=True, slots=True)
class DiskState:
    """A disk as the backend has it.

    uuid: as the backend keeps it, empty where it keeps none. virtual_size, physical_utilisation: bytes.
    managed: False for what only other disks build on. snapshot_of: a location, else a uuid, else empty.
    snapshot_time: as the API writes dates. metadata_of_pool: the uuid of a pool, or empty.
    """

    location: str
    uuid: str
    virtual_size: int
    physical_utilisation: int
    name_label: str = ""
    name_description: str = ""
    type: str = "user"
    managed: bool = True
    read_only: bool = False
    is_a_snapshot: bool = False
    snapshot_of: str = ""
    snapshot_time: str = NEVER
    metadata_of_pool: str = ""
    cbt_enabled: bool = False
    sm_config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DiskRequest:
    """A disk to be made. uuid: what it shall have; backends that name disks otherwise may ignore it.

    unfinished: it is to be filled first, and must not survive a crash before :meth:`Driver.finish_disk`.
    """

    uuid: str
    virtual_size: int
    name_label: str = ""
    name_description: str = ""
    type: str = "user"
    read_only: bool = False
    metadata_of_pool: str = ""
    sm_config: Mapping[str, str] = field(default_factory=dict)
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """A snapshot or clone to be made. time: the snapshot_time of the new disk."""

    uuid: str
    name_label: str
    name_description: str
    time: str
    driver_params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copied:
    """A snapshot or clone that was made. also: other disks that appeared or changed by that."""

    disk: DiskState
    also: tuple[DiskState, ...] = ()


class Extent(NamedTuple):
    """A stretch of a disk, in bytes."""

    offset: int
    length: int


class Image(Protocol):
    """A disk that is open; all offsets and lengths are bytes. size: bytes, its virtual size.

    Reading or writing beyond the end raises ValueError; a failing medium raises OSError.
    """

    size: int

    async def read(self, offset: int, length: int) -> bytes | bytearray:
        """What the disk holds there; the caller's own from now on."""
        ...

    async def write(self, offset: int, data: Data) -> None:
        """Write; it is durable after :meth:`flush`."""
        ...

    async def write_zeros(self, offset: int, length: int) -> None:
        """Have zeros there, at the cost of what was there and not of the length."""
        ...

    async def flush(self) -> None:
        """Return when all that was written is durable."""
        ...

    async def extents(self, base: str | None = None) -> Sequence[Extent]:
        """Where the disk may hold something other than zeros, in order, without overlaps.

        base: the location of a disk of the same SR; then where the two may differ.
        """
        ...


class Driver(Protocol):
    """A backend for some types of SR, on all hosts of the pool.

    SRs and their disks raise BackendError: SR_UNAVAILABLE and VDI_UNAVAILABLE where the backend knows
    none, NOT_IMPLEMENTED where it does not do what it is asked.
    """

    # Repositories

    def adopt(self, sr: Repository, hosts: Collection[str], state: RepositoryState, disks: Sequence[DiskState]) -> None:
        """Learn what the records say of an SR, before anything else is asked, after a restart.

        hosts: those attached to it. A driver with books of its own takes from this only what they lack.
        """
        ...

    async def create(self, host: str, sr: Repository) -> Mapping[str, str]:
        """Make an SR, empty, and attached nowhere. Returns what is to be added to its sm_config."""
        ...

    async def delete(self, host: str, sr: Repository) -> None:
        """Delete an SR attached nowhere, and all that is in it."""
        ...

    async def attach(self, host: str, sr: Repository) -> None:
        """Let a host use an SR; no error where it does."""
        ...

    async def detach(self, host: str, sr: str) -> None:
        """Take an SR from a host; no error where the host does not use it."""
        ...

    async def rename_sr(self, sr: Repository) -> None:
        """Note the names of an SR in use, so that probes find them."""
        ...

    async def probe(self, host: str, kind: str, device_config: Mapping[str, str], sm_config: Mapping[str, str]) -> str:
        """Look for SRs; gives XML. Raises BackendError with XML as output where the configuration is incomplete."""
        ...

    async def state(self, sr: str) -> RepositoryState:
        """The sizes of an SR."""
        ...

    async def scan(self, sr: str) -> Sequence[DiskState]:
        """All disks in an SR."""
        ...

    # Disks

    async def disk(self, sr: str, location: str) -> DiskState:
        """One disk."""
        ...

    async def create_disk(self, sr: str, request: DiskRequest) -> DiskState:
        """Make a disk, full of zeros. Raises NO_SPACE, BAD_SIZE, BAD_KIND or VDI_CREATE_FAILED."""
        ...

    async def finish_disk(self, sr: str, location: str) -> None:
        """Have a disk that was made unfinished stay from now on; nothing for others."""
        ...

    async def introduce_disk(self, sr: str, uuid: str, location: str, sm_config: Mapping[str, str]) -> DiskState:
        """Take up a disk that is there already, by its location."""
        ...

    async def destroy_disk(self, sr: str, location: str) -> None:
        """Delete a disk; snapshots of it stay. What nothing builds on any more may be merged later."""
        ...

    async def resize(self, sr: str, location: str, size: int) -> DiskState:
        """Enlarge a disk, the new part being zeros. Raises BAD_SIZE where it would shrink, NO_SPACE.

        A log of changed blocks grows along; where it cannot, the disk comes back without tracking.
        """
        ...

    async def snapshot(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Keep what a disk holds now as a disk of its own. Raises CHAIN_TOO_LONG.

        Where no further log of changes can be made, the source comes back without tracking.
        """
        ...

    async def clone(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Make an ordinary disk that holds what another does now. Raises CHAIN_TOO_LONG."""
        ...

    async def rename(self, sr: str, location: str, name_label: str, name_description: str) -> None:
        """Note the names of a disk, so that a scan finds them elsewhere too."""
        ...

    async def set_type(self, sr: str, location: str, kind: str) -> None:
        """Note the type of a disk, as VDI_TYPE spells it."""
        ...

    async def set_origin(self, sr: str, location: str, snapshot_of: str, time: str) -> None:
        """Note that a disk is a snapshot, of which one (a location, else a uuid, else empty), and when it was made."""
        ...

    async def generate_config(self, sr: str, location: str) -> str:
        """An opaque text by which a host can attach the disk without a database."""
        ...

    # Disks in use

    def keeps(self, kind: str) -> bool:
        """Whether what is written to a disk can be read again. kind: the type of the disk, as VDI_TYPE spells it."""
        ...

    async def plug(self, host: str, sr: str, location: str, *, read_only: bool) -> Mapping[str, str]:
        """Make a disk ready for a guest on a host; gives where the host finds it, as ``path`` and the like."""
        ...

    async def unplug(self, host: str, sr: str, location: str) -> None:
        """Undo one :meth:`plug`; no error where there is none."""
        ...

    async def set_reset_point(self, sr: str, location: str, is_set: bool) -> None:
        """Keep what the disk holds now, for :meth:`reset`; or keep it no longer."""
        ...

    async def reset(self, sr: str, location: str) -> None:
        """Drop what was written since the reset point; nothing where there is none."""
        ...

    def opened(self, sr: str, location: str, *, writable: bool) -> AbstractAsyncContextManager[Image]:
        """A disk for reading, or for writing too, on whatever host sees it; flushed at the end.

        Readers may be many, and see what a writer does meanwhile or not.
        """
        ...

    # Changed blocks

    async def enable_cbt(self, sr: str, location: str) -> None:
        """Log from now on which blocks change. Raises BAD_KIND for what cannot, 457 where that fails."""
        ...

    async def disable_cbt(self, sr: str, location: str) -> None:
        """Log no more, and drop the disk's own log. Raises 458."""
        ...

    async def check_log(self, sr: str, location: str) -> bool:
        """Whether the log of changes of a disk that is about to be written fits it.

        Where it does not, changes are logged no more.
        """
        ...

    async def destroy_data(self, sr: str, location: str) -> None:
        """Drop what a snapshot holds, but not its log of changes."""
        ...

    async def changed_blocks(self, sr: str, older: str, newer: str) -> bytes:
        """A bit for each 64 KiB of ``newer``, the highest bit first, set where written after ``older`` was made.

        Raises CBT_CANNOT_COMPUTE where not tracked or not of one chain in that order, CBT_INCONSISTENT.
        """
        ...


class Storage:
    """Which driver serves which type of SR.

    default: the driver for all types that ``by_type`` does not name.
    """

    def __init__(self, default: Driver, by_type: Mapping[str, Driver] | None = None) -> None:
        self._default = default
        self._by_type = dict(by_type or {})
        self.interpose: Callable[[Driver], Driver] = lambda driver: driver
        """What stands between callers and a driver, such as what has its calls fail."""

    def driver(self, kind: str, *, is_tools: bool = False) -> Driver:
        """The driver for a type of SR. is_tools: it is the SR with the guest tools, which no folder holds."""
        return self.interpose(self._default if is_tools else self._by_type.get(kind, self._default))

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """Every driver, each once."""
        return tuple(dict.fromkeys((self._default, *self._by_type.values())))


def api_error(error: BackendError, sr: str = "", vdi: str = "") -> ApiError:
    """What a client sees of a backend's failure. sr, vdi: the references concerned."""
    match error.number:
        case 16:
            return ApiError("SR_DEVICE_IN_USE")
        case 24:
            return ApiError("VDI_IN_USE")
        case 38:
            return ApiError("INTERNAL_ERROR", str(error))
        case 39:
            return ApiError("SR_NOT_EMPTY")
        case 144:
            return ApiError("VDI_MISSING", sr, vdi)
    return ApiError(f"SR_BACKEND_FAILURE_{error.number}", "", str(error), error.output)
