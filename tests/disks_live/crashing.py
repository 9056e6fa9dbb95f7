"""What kills a server with disks at any moment must leave: whole disks, all that was acknowledged, nothing else.

Run as a program it kills as often as it is told: ``python -m tests.disks_live.crashing --kills 100``.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import XenAPI

from tests.disks_live.lab import BLOCK, MIB, DiskLab, noise
from tests.live import LiveServer

SIZE = 4 * MIB
LONGEST_LIFE = 0.6
LOST = (OSError, HTTPException, xmlrpc.client.Error, XenAPI.Failure, AssertionError)
"""How a client sees that the server is gone, whatever it was doing."""


@dataclass
class Known:
    """What must hold. contents: of disks, by uuid; blocks that were being written may be old or new.

    growing: disks that were being enlarged, to which size. raw: disks that cannot be snapshotted, whose clones are
    copies. gone: disks whose end was acknowledged.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    writing: dict[str, Mapping[int, bytes]] = field(default_factory=dict)
    growing: dict[str, int] = field(default_factory=dict)
    raw: set[str] = field(default_factory=set)
    going: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def wrong(self, lab: DiskLab) -> list[str]:
        """What is not as it must be."""
        found = {record["uuid"]: ref for ref, record in lab.api.VDI.get_all_records().items()}
        wrong = [f"disk {uuid} is back" for uuid in self.gone & found.keys()]
        for uuid, content in self.contents.items():
            if uuid not in found:
                if uuid not in self.going:
                    wrong.append(f"disk {uuid} is lost")
                continue
            there = lab.content(found[uuid])
            if len(there) not in (len(content), self.growing.get(uuid)):
                wrong.append(f"disk {uuid} is of {len(there)} bytes, not {len(content)}")
            content = content.ljust(len(there), b"\0")
            for offset in range(0, len(there), BLOCK):
                old = content[offset : offset + BLOCK]
                new = self.writing.get(uuid, {}).get(offset, old)
                if there[offset : offset + BLOCK] not in (old, new):
                    wrong.append(f"disk {uuid} is not what it was at {offset}")
                    break
        return wrong + lab.disagreements()

    def settle(self, lab: DiskLab) -> None:
        """Take what there is for known."""
        found = {record["uuid"]: ref for ref, record in lab.api.VDI.get_all_records().items()}
        for uuid in self.contents.keys() & (self.writing.keys() | self.growing.keys()) & found.keys():
            self.contents[uuid] = lab.content(found[uuid])
        self.contents = {uuid: content for uuid, content in self.contents.items() if uuid in found}
        self.writing.clear()
        self.growing.clear()
        self.going.clear()


class Worker:
    """A client that works with disks of its own until the server is gone."""

    def __init__(self, server: LiveServer, known: Known, seed: int, mine: list[str]) -> None:
        self._server = server
        self._known = known
        self._rng = random.Random(seed)
        self._mine = mine

    def run(self) -> None:
        with suppress(*LOST):
            session = XenAPI.Session(self._server.url)
            session.login_with_password("root", self._server.environment["XAPI_ROOT_PASSWORD"], "2.9", "crash")
            lab = DiskLab(self._server, session)
            actions: tuple[Callable[[DiskLab], None], ...] = (
                self._make,
                self._upload,
                self._copy,
                self._snapshot,
                self._resize,
                self._write,
                self._write,
                self._destroy,
            )
            while True:
                self._rng.choice(actions)(lab)

    def _keep(self, uuid: str, content: bytes) -> None:
        self._known.contents[uuid] = content
        self._mine.append(uuid)

    def _pick(self) -> str | None:
        return self._rng.choice(self._mine) if self._mine else None

    def _make(self, lab: DiskLab) -> None:
        is_raw = self._rng.random() < 0.3
        vdi = lab.disk(SIZE, sm_config={"type": "raw"} if is_raw else {})
        uuid = lab.uuid(vdi)
        self._keep(uuid, bytes(SIZE))
        if is_raw:
            self._known.raw.add(uuid)
        elif self._rng.random() < 0.5:
            lab.api.VDI.enable_cbt(vdi)

    def _upload(self, lab: DiskLab) -> None:
        data, task = noise(self._rng.randrange(1 << 30), SIZE), lab.task()
        assert lab.send(lab.path("import_raw_vdi", sr_id=lab.sr, task_id=task), data).status == 200
        result = lab.outcome(task)["result"].removeprefix("<value>").removesuffix("</value>")
        self._keep(lab.uuid(result), data)

    def _copy(self, lab: DiskLab) -> None:
        uuid = self._pick()
        if uuid is not None:
            content = self._known.contents[uuid]
            copied = lab.api.VDI.copy(lab.api.VDI.get_by_uuid(uuid), lab.sr)
            self._keep(lab.uuid(copied), content)

    def _snapshot(self, lab: DiskLab) -> None:
        uuid = self._pick()
        if uuid is not None:
            is_snapshot = uuid not in self._known.raw and self._rng.random() < 0.6
            branch = lab.api.VDI.snapshot if is_snapshot else lab.api.VDI.clone
            self._keep(lab.uuid(branch(lab.api.VDI.get_by_uuid(uuid))), self._known.contents[uuid])

    def _resize(self, lab: DiskLab) -> None:
        uuid = self._pick()
        size = len(self._known.contents[uuid]) + SIZE if uuid is not None else 0
        if uuid is None or size > 4 * SIZE:
            return
        self._known.growing[uuid] = size
        lab.api.VDI.resize(lab.api.VDI.get_by_uuid(uuid), str(size))
        self._known.contents[uuid] = self._known.contents[uuid].ljust(size, b"\0")
        del self._known.growing[uuid]

    def _write(self, lab: DiskLab) -> None:
        uuid = self._pick()
        if uuid is None:
            return
        offsets = [BLOCK * self._rng.randrange(SIZE // BLOCK) for _ in range(8)]
        new = {offset: noise(self._rng.randrange(1 << 30), BLOCK) for offset in offsets}
        self._known.writing[uuid] = new
        lab.put_chunks(lab.api.VDI.get_by_uuid(uuid), *new.items())
        content = bytearray(self._known.contents[uuid])
        for offset, data in new.items():
            content[offset : offset + BLOCK] = data
        self._known.contents[uuid] = bytes(content)
        del self._known.writing[uuid]

    def _destroy(self, lab: DiskLab) -> None:
        if len(self._mine) < 4:
            return
        uuid = self._mine.pop(self._rng.randrange(len(self._mine)))
        self._known.going.add(uuid)
        lab.api.VDI.destroy(lab.api.VDI.get_by_uuid(uuid))
        self._known.gone.add(uuid)
        del self._known.contents[uuid]


def crash(folder: Path, kills: int, rng: random.Random, tell: Callable[[str], None], workers: int = 3) -> None:
    """Work, kill, start and compare, again and again. Raises AssertionError with what is wrong."""
    server = LiveServer(folder)
    known, mine = Known(), [list[str]() for _ in range(workers)]
    server.start()
    try:
        for number in range(1, kills + 1):
            threads = [
                threading.Thread(target=Worker(server, known, rng.randrange(1 << 30), mine[n]).run)
                for n in range(workers)
            ]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0.02, LONGEST_LIFE))
            server.kill()
            for thread in threads:
                thread.join()
            server.start()
            with server.session() as session:
                lab = DiskLab(server, session)
                wrong = known.wrong(lab)
                assert not wrong, "\n".join([f"after kill {number}:", *wrong[:20]])
                known.settle(lab)
                there = {record["uuid"]: ref for ref, record in lab.api.VDI.get_all_records().items()}
                _trim(lab, there, known, mine)
            tell(f"kill {number}: {len(there)} disks, {len(known.gone)} gone, nothing lost")
    finally:
        server.kill()


def _trim(lab: DiskLab, there: Mapping[str, str], known: Known, mine: list[list[str]]) -> None:
    """Leave only some disks, so that it stays quick."""
    for number, uuids in enumerate(mine):
        mine[number] = [uuid for uuid in uuids if uuid in known.contents][:4]
    kept = {uuid for uuids in mine for uuid in uuids}
    tools: Any = {lab.uuid(vdi) for vdi in lab.api.VDI.get_all() if lab.api.VDI.get_SR(vdi) != lab.sr}
    for uuid, ref in there.items():
        if uuid not in kept and uuid not in tools:
            lab.api.VDI.destroy(ref)
            known.contents.pop(uuid, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        crash(Path(folder), given.kills, random.Random(given.seed), lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
