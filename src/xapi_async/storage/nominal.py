"""A driver that keeps no bytes: disks of any number and size that read as zeros, with honest accounting.

Only copies of the pool's database are kept, in memory, since the server itself is who reads them.

Sizes, space, snapshots with the hidden disks under them, and changed blocks follow the rules that real
backends have. What is known here is lost with the process; after a restart it is learnt from the records.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from xapi_async.objects.clock import Clock
from xapi_async.objects.entity import new_uuid
from xapi_async.storage import probing
from xapi_async.storage.choices import require_choice
from xapi_async.storage.driver import (
    BAD_KIND,
    BAD_SIZE,
    CHAIN_TOO_LONG,
    NO_SPACE,
    NOT_IMPLEMENTED,
    SR_EXISTS,
    SR_UNAVAILABLE,
    VDI_EXISTS,
    VDI_UNAVAILABLE,
    BackendError,
    Copied,
    CopyRequest,
    Data,
    DiskRequest,
    DiskState,
    Extent,
    Image,
    Repository,
    RepositoryState,
)
from xapi_async.storage.kinds import (
    fresh_sm_config,
    is_raw,
    kind_of,
    made_sm_config,
    require_config,
    taken,
    virtual_size,
)
from xapi_async.storage.nominal_logs import Log, changed_between, put_in_order, take_over
from xapi_async.storage.nominal_parts import (
    KEPT_TYPES,
    NominalDisk,
    NominalSr,
    content_for,
    iso_name,
    only_parent,
    probed,
    snapshots_by_disk,
    used,
)
from xapi_async.storage.nominal_settings import NominalSettings

LONGEST_CHAIN = 30
"""Layers on which a disk may stand and still be snapshotted."""

BASE_NAME = "base copy"


class NominalDriver:
    """Storage of all types on all hosts, without bytes."""

    def __init__(self, clock: Clock, settings: NominalSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or NominalSettings()
        self._srs: dict[str, NominalSr] = {}

    # Repositories

    def adopt(self, sr: Repository, hosts: Collection[str], state: RepositoryState, disks: Sequence[DiskState]) -> None:
        """Learn what the records say of an SR."""
        known = self._srs[sr.uuid] = NominalSr(sr, max(state.physical_size, 0) or self._size(sr), hosts=set(hosts))
        for disk in disks:
            raw = not kind_of(sr.type).vhd or disk.sm_config.get("type") == "raw"
            log = Log() if disk.cbt_enabled else None
            parent = disk.sm_config.get("vhd-parent", "")
            held = disk.physical_utilisation
            known.disks[disk.location] = NominalDisk(disk, raw, held, parent, log, content=content_for(disk))
        for location, snapshots in snapshots_by_disk(known).items():
            # What was written is forgotten. It was zeros to any reader, so that nothing seems changed by it.
            put_in_order([*(one.log for one in snapshots), known.disks[location].log])
        known.other = max(0, state.physical_utilisation - used(known))

    async def create(self, host: str, sr: Repository) -> Mapping[str, str]:
        """Make an SR, empty, and attached nowhere."""
        require_config(sr.type, sr.device_config)
        if sr.uuid in self._srs:
            raise BackendError(SR_EXISTS)
        await self._take_time()
        self._srs[sr.uuid] = NominalSr(sr, self._size(sr))
        added = made_sm_config(sr.type)
        if sr.type == "iso" and "type" in sr.device_config:
            added["iso_type"] = sr.device_config["type"]
        return added

    async def delete(self, host: str, sr: Repository) -> None:
        """Delete an SR and all that is in it."""
        await self._take_time()
        self._srs.pop(sr.uuid, None)

    async def attach(self, host: str, sr: Repository) -> None:
        """Let a host use an SR. One that is not known is taken to have been there, empty."""
        require_config(sr.type, sr.device_config)
        await self._take_time()
        known = self._srs.setdefault(sr.uuid, NominalSr(sr, self._size(sr)))
        known.hosts.add(host)

    async def detach(self, host: str, sr: str) -> None:
        """Take an SR from a host."""
        await self._take_time()
        if sr in self._srs:
            self._srs[sr].hosts.discard(host)

    async def rename_sr(self, sr: Repository) -> None:
        """Know other names of an SR."""
        known = self._sr(sr.uuid)
        known.facts = replace(known.facts, name_label=sr.name_label, name_description=sr.name_description)

    async def probe(self, host: str, kind: str, device_config: Mapping[str, str], sm_config: Mapping[str, str]) -> str:
        """The SRs at a place, or the choices for what the configuration lacks."""
        known = [sr.facts.device_config for sr in self._srs.values()]
        require_choice(kind, device_config, known, self._settings.sr_size)
        if kind == "dummy":
            return probing.sr_list([{"UUID": new_uuid(), "Size": "1024"}])
        needs = [key for key, _ in kind_of(kind).needs]
        found = [
            sr
            for sr in self._srs.values()
            if sr.facts.type == kind and all(sr.facts.device_config.get(key) == device_config[key] for key in needs)
        ]
        versions = probing.versions(kind, device_config)
        return probing.sr_list((probed(kind, sr, sm_config) for sr in found), versions)

    async def state(self, sr: str) -> RepositoryState:
        """The sizes of an SR."""
        known = self._sr(sr)
        taken_up = known.other + used(known)
        return RepositoryState(taken_up if kind_of(known.facts.type).can_probe is False else known.size, taken_up)

    async def scan(self, sr: str) -> Sequence[DiskState]:
        """All disks in an SR."""
        return [disk.state for disk in self._sr(sr).disks.values()]

    # Disks

    async def disk(self, sr: str, location: str) -> DiskState:
        """One disk."""
        return self._disk(sr, location).state

    async def create_disk(self, sr: str, request: DiskRequest) -> DiskState:
        """Make a disk."""
        known = self._sr(sr)
        kind = known.facts.type
        raw = is_raw(kind, request.sm_config)
        size = virtual_size(kind, request.virtual_size, raw=raw)
        location = iso_name(request) if kind == "iso" else request.uuid
        if location in known.disks:
            raise BackendError(VDI_EXISTS)
        utilisation = taken(kind, size, 0, raw=raw, full=True)
        self._require_space(known, utilisation)
        await self._take_time()
        disk = DiskState(
            location=location,
            uuid=request.uuid,
            virtual_size=size,
            physical_utilisation=utilisation,
            name_label=request.name_label,
            name_description=request.name_description,
            type=request.type,
            read_only=request.read_only and kind != "iso",
            metadata_of_pool=request.metadata_of_pool,
            sm_config=fresh_sm_config(kind, raw, request.sm_config),
        )
        known.disks[location] = NominalDisk(disk, raw, content=content_for(disk))
        return disk

    async def finish_disk(self, sr: str, location: str) -> None:
        """Nothing: what has no record does not survive anyway."""

    async def introduce_disk(self, sr: str, uuid: str, location: str, sm_config: Mapping[str, str]) -> DiskState:
        """Take up a device, which is there whatever its location says."""
        known = self._sr(sr)
        await self._take_time()
        if location not in known.disks:
            size = self._settings.device_size
            read_only = known.facts.sm_config.get("type") == "cd"
            disk = DiskState(location, uuid, size, size, read_only=read_only, sm_config=dict(sm_config))
            known.disks[location] = NominalDisk(disk, raw=True)
        return known.disks[location].state

    async def destroy_disk(self, sr: str, location: str) -> None:
        """Delete a disk; hidden disks that nothing stands on any more go with it."""
        known = self._sr(sr)
        disk = self._disk(sr, location)
        await self._take_time()
        self._drop_log(known, disk)
        del known.disks[location]
        self._drop_bases(known, disk.parent)

    async def resize(self, sr: str, location: str, size: int) -> DiskState:
        """Enlarge a disk."""
        known, disk = self._sr(sr), self._disk(sr, location)
        kind = known.facts.type
        if size < disk.state.virtual_size:
            raise BackendError(BAD_SIZE, "shrinking is not possible")
        size = virtual_size(kind, size, raw=disk.raw)
        utilisation = taken(kind, size, disk.data, raw=disk.raw, full=True)
        self._require_space(known, utilisation - disk.state.physical_utilisation)
        await self._take_time()
        disk.state = replace(disk.state, virtual_size=size, physical_utilisation=utilisation)
        return disk.state

    async def snapshot(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Keep a disk as it is."""
        return await self._branch(sr, location, request, is_snapshot=True)

    async def clone(self, sr: str, location: str, request: CopyRequest) -> Copied:
        """Make another disk like this one."""
        return await self._branch(sr, location, request, is_snapshot=False)

    async def _branch(self, sr: str, location: str, request: CopyRequest, *, is_snapshot: bool) -> Copied:
        """Put a hidden disk under a disk and a new one. A disk that already holds nothing shares its parent."""
        known, disk = self._sr(sr), self._disk(sr, location)
        kind = known.facts.type
        if disk.raw and kind != "dummy":
            raise BackendError(NOT_IMPLEMENTED)
        if self._depth(known, disk) >= LONGEST_CHAIN:
            raise BackendError(CHAIN_TOO_LONG)
        size = disk.state.virtual_size
        leaf = taken(kind, size, 0, raw=disk.raw, full=not is_snapshot)
        needs_base = kind_of(kind).vhd and (disk.data or not disk.parent)
        base_size = taken(kind, size, disk.data, raw=False, full=False) if needs_base else 0
        self._require_space(known, leaf + base_size)
        await self._take_time()
        also: list[DiskState] = []
        if needs_base:
            base = self._put_base(known, disk)
            also += [base, disk.state]
        sm_config = fresh_sm_config(kind, disk.raw, {"vhd-parent": disk.parent} if disk.parent else {})
        made = replace(
            disk.state,
            location=request.uuid,
            uuid=request.uuid,
            name_label=request.name_label,
            name_description=request.name_description,
            physical_utilisation=leaf,
            read_only=False,
            is_a_snapshot=is_snapshot,
            snapshot_of=location if is_snapshot else "",
            snapshot_time=request.time,
            cbt_enabled=disk.state.cbt_enabled and is_snapshot,
            sm_config=sm_config,
        )
        log = None
        if is_snapshot and disk.log is not None:
            log, disk.log = disk.log, Log(before=disk.log)
        known.disks[request.uuid] = NominalDisk(made, disk.raw, parent=disk.parent, log=log)
        return Copied(made, tuple(also))

    def _put_base(self, known: NominalSr, disk: NominalDisk) -> DiskState:
        """Move what a disk holds to a hidden disk under it."""
        kind, uuid = known.facts.type, new_uuid()
        base = replace(
            disk.state,
            location=uuid,
            uuid=uuid,
            name_label=BASE_NAME,
            name_description="",
            managed=False,
            read_only=True,
            is_a_snapshot=False,
            snapshot_of="",
            cbt_enabled=False,
            physical_utilisation=taken(kind, disk.state.virtual_size, disk.data, raw=False, full=False),
            sm_config=fresh_sm_config(kind, False, only_parent(disk.state.sm_config)),
        )
        known.disks[uuid] = NominalDisk(base, raw=False, data=disk.data, parent=disk.parent)
        disk.parent, disk.data = uuid, 0
        is_leaf = not disk.state.is_a_snapshot
        disk.state = replace(
            disk.state,
            physical_utilisation=taken(kind, disk.state.virtual_size, 0, raw=False, full=is_leaf),
            sm_config={**disk.state.sm_config, "vhd-parent": uuid},
        )
        return base

    async def rename(self, sr: str, location: str, name_label: str, name_description: str) -> None:
        """Note the names of a disk."""
        disk = self._disk(sr, location)
        disk.state = replace(disk.state, name_label=name_label, name_description=name_description)

    async def set_type(self, sr: str, location: str, kind: str) -> None:
        """Note the type of a disk."""
        disk = self._disk(sr, location)
        disk.state = replace(disk.state, type=kind)

    async def set_origin(self, sr: str, location: str, snapshot_of: str, time: str) -> None:
        """Note what a disk is a snapshot of."""
        disk = self._disk(sr, location)
        disk.state = replace(disk.state, is_a_snapshot=True, snapshot_of=snapshot_of, snapshot_time=time)

    async def generate_config(self, sr: str, location: str) -> str:
        """A text that names SR and disk."""
        return f"{self._sr(sr).facts.uuid}/{self._disk(sr, location).state.location}"

    # Disks in use

    def keeps(self, kind: str) -> bool:
        """Only of what the server itself must be able to read again, for as long as it runs."""
        return kind in KEPT_TYPES

    async def plug(self, host: str, sr: str, location: str, *, read_only: bool) -> Mapping[str, str]:
        """Count a use of a disk."""
        if host not in self._sr(sr).hosts:
            raise BackendError(SR_UNAVAILABLE)
        disk = self._disk(sr, location)
        disk.plugs = (*disk.plugs, host)
        return {"path": f"/dev/sm/backend/{sr}/{location}"}

    async def unplug(self, host: str, sr: str, location: str) -> None:
        """Count a use of a disk no more."""
        disk = self._srs[sr].disks.get(location) if sr in self._srs else None
        if disk is not None and host in disk.plugs:
            first = disk.plugs.index(host)
            disk.plugs = disk.plugs[:first] + disk.plugs[first + 1 :]

    async def set_reset_point(self, sr: str, location: str, is_set: bool) -> None:
        """Remember how much the disk holds."""
        disk = self._disk(sr, location)
        disk.reset_data = disk.data if is_set else None

    async def reset(self, sr: str, location: str) -> None:
        """Hold as much as at the reset point."""
        disk = self._disk(sr, location)
        if disk.reset_data is not None:
            self._hold(self._sr(sr), disk, disk.reset_data)

    @asynccontextmanager
    async def opened(self, sr: str, location: str, *, writable: bool) -> AsyncIterator[Image]:
        """A disk that reads as zeros; what is written to it is counted."""
        disk = self._disk(sr, location)
        if writable and not disk.state.managed:
            raise BackendError(VDI_UNAVAILABLE)
        yield _NominalImage(self, self._sr(sr), disk)

    # Changed blocks

    async def enable_cbt(self, sr: str, location: str) -> None:
        """Begin a log."""
        disk = self._disk(sr, location)
        if disk.raw or disk.state.is_a_snapshot:
            raise BackendError(BAD_KIND)
        disk.log = disk.log or Log()
        disk.state = replace(disk.state, cbt_enabled=True)

    async def disable_cbt(self, sr: str, location: str) -> None:
        """End the log."""
        disk = self._disk(sr, location)
        disk.log = None
        disk.state = replace(disk.state, cbt_enabled=False)

    async def check_log(self, sr: str, location: str) -> bool:
        """Yes: logs are kept in memory."""
        return True

    async def destroy_data(self, sr: str, location: str) -> None:
        """Keep nothing of a disk but its log."""
        known, disk = self._sr(sr), self._disk(sr, location)
        await self._take_time()
        parent, disk.data, disk.parent = disk.parent, 0, ""
        disk.state = replace(disk.state, type="cbt_metadata", physical_utilisation=0, sm_config={})
        self._drop_bases(known, parent)

    async def changed_blocks(self, sr: str, older: str, newer: str) -> bytes:
        """The bitmap of what was written between the two."""
        last = self._disk(sr, newer)
        return changed_between(self._disk(sr, older).log, last.log, last.state.virtual_size)

    # For images

    async def wait_for_bytes(self, count: int) -> None:
        """Take the time that reading so many bytes takes."""
        if self._settings.copy_rate:
            await self._clock.sleep(count / self._settings.copy_rate)

    @property
    def reads_take_time(self) -> bool:
        """Whether disks are to be read from end to end, as if they held something."""
        return self._settings.copy_rate > 0

    def note_written(self, sr: NominalSr, disk: NominalDisk, offset: int, length: int) -> None:
        """Account for bytes written to a disk."""
        if disk.log is not None:
            disk.log.note(offset, length)
        self._hold(sr, disk, min(disk.data + length, disk.state.virtual_size))

    def _hold(self, sr: NominalSr, disk: NominalDisk, data: int) -> None:
        disk.data = data
        utilisation = taken(sr.facts.type, disk.state.virtual_size, data, raw=disk.raw, full=True)
        disk.state = replace(disk.state, physical_utilisation=utilisation)

    # What is known

    def _sr(self, uuid: str) -> NominalSr:
        if uuid not in self._srs:
            raise BackendError(SR_UNAVAILABLE)
        return self._srs[uuid]

    def _disk(self, sr: str, location: str) -> NominalDisk:
        disk = self._sr(sr).disks.get(location)
        if disk is None:
            raise BackendError(VDI_UNAVAILABLE)
        return disk

    def _size(self, sr: Repository) -> int:
        return sr.size if sr.size > 0 else self._settings.sr_size

    async def _take_time(self) -> None:
        if self._settings.seconds:
            await self._clock.sleep(self._settings.seconds)

    @staticmethod
    def _require_space(sr: NominalSr, more: int) -> None:
        """Only volumes are given their space when they are made; files may promise more than there is."""
        if kind_of(sr.facts.type).volumes and sr.other + used(sr) + more > sr.size:
            raise BackendError(NO_SPACE)

    @staticmethod
    def _depth(sr: NominalSr, disk: NominalDisk) -> int:
        depth = 1
        while disk.parent in sr.disks:
            disk = sr.disks[disk.parent]
            depth += 1
        return depth

    @staticmethod
    def _drop_bases(sr: NominalSr, location: str) -> None:
        """Delete a hidden disk, and those under it, as far as nothing stands on them any more."""
        while location in sr.disks and not sr.disks[location].state.managed:
            if any(other.parent == location for other in sr.disks.values()):
                return
            location = sr.disks.pop(location).parent

    @staticmethod
    def _drop_log(sr: NominalSr, disk: NominalDisk) -> None:
        if disk.log is not None:
            for other in sr.disks.values():
                if other.log is not None:
                    take_over(disk.log, other.log)


class _NominalImage:
    """An open disk, without bytes unless they are kept in memory."""

    def __init__(self, driver: NominalDriver, sr: NominalSr, disk: NominalDisk) -> None:
        self.size = disk.state.virtual_size
        self._driver = driver
        self._sr = sr
        self._disk = disk
        self._content = disk.content

    async def read(self, offset: int, length: int) -> bytes:
        self._require(offset, length)
        await self._driver.wait_for_bytes(length)
        return bytes(length) if self._content is None else self._content.read(offset, length)

    async def write(self, offset: int, data: Data) -> None:
        self._require(offset, len(data))
        if self._content is not None:
            self._content.write(offset, data)
        self._driver.note_written(self._sr, self._disk, offset, len(data))

    async def write_zeros(self, offset: int, length: int) -> None:
        self._require(offset, length)
        if self._content is not None:
            self._content.clear(offset, length)

    async def flush(self) -> None:
        pass

    async def extents(self, base: str | None = None) -> Sequence[Extent]:
        return [Extent(0, self.size)] if self._driver.reads_take_time or self._content is not None else []

    def _require(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise ValueError("the disk ends before the data")
