"""A server of one's own with real disks: its client, its transfers, and what must hold of its files."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tests.client import PATIENCE, Answer, ended
from tests.live import LiveServer, running

MIB = 1 << 20
BLOCK = 64 * 1024


class DiskLab:
    """A running server. api: the official client's, logged in. sr: the SR that a fresh host has for disks."""

    def __init__(self, server: LiveServer, session: Any) -> None:
        self.server = server
        self.session = session
        self.api = session.xenapi
        self.pool = self.api.pool.get_all()[0]
        self.host = self.api.host.get_all()[0]
        self.sr = self.api.pool.get_default_SR(self.pool)

    # Disks

    def disk(self, size: int = 8 * MIB, sr: str = "", **given: Any) -> str:
        """A new disk."""
        fields = {
            "name_label": "disk",
            "name_description": "",
            "SR": sr or self.sr,
            "virtual_size": str(size),
            "type": "user",
            "sharable": False,
            "read_only": False,
            "other_config": {},
            "xenstore_data": {},
            "sm_config": {},
            "tags": [],
        }
        return str(self.api.VDI.create({**fields, **given}))

    def uuid(self, vdi: str) -> str:
        return str(self.api.VDI.get_uuid(vdi))

    def running_vm(self) -> str:
        """A guest that accepts disks while it runs."""
        (template,) = self.api.VM.get_by_name_label("Other install media")
        vm = self.api.VM.clone(template, "guest")
        self.api.VM.provision(vm)
        self.api.VM.start(vm, False, False)
        return str(vm)

    def device(self, vm: str, vdi: str, mode: str = "RW", device: str = "autodetect") -> str:
        """A block device of a VM, not plugged."""
        record = {
            "VM": vm,
            "VDI": vdi,
            "userdevice": device,
            "bootable": False,
            "mode": mode,
            "type": "Disk",
            "empty": False,
            "unpluggable": True,
            "other_config": {},
            "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        }
        return str(self.api.VBD.create(record))

    # Transfers

    def path(self, action: str, **parameters: str) -> str:
        """A path under this session."""
        query = "&".join(f"{key}={quote(value)}" for key, value in parameters.items())
        return f"/{action}?session_id={self.session._session}&{query}"

    def send(self, path: str, data: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """PUT a body."""
        return self.request("PUT", path, data, headers)

    def request(
        self, method: str, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request, and read until the connection closes."""
        connection = http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=PATIENCE)
        try:
            connection.request(method, path, data, dict(headers or {}))
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def fill(self, vdi: str, data: bytes) -> None:
        """Send a disk's content from its beginning, and see it taken."""
        task = self.task()
        answer = self.send(self.path("import_raw_vdi", vdi=self.uuid(vdi), task_id=task), data)
        assert answer.status == 200, answer
        assert self.outcome(task)["status"] == "success", self.outcome(task)
        self.api.task.destroy(task)

    def put_chunks(self, vdi: str, *chunks: tuple[int, bytes]) -> None:
        """Write here and there."""
        body = b"".join(
            offset.to_bytes(8, "little") + len(data).to_bytes(4, "little") + data for offset, data in chunks
        )
        task = self.task()
        path = self.path("import_raw_vdi", vdi=vdi, chunked="true", task_id=task)
        assert self.send(path, body + bytes(12)).status == 200
        assert self.outcome(task)["status"] == "success", self.outcome(task)

    def content(self, vdi: str, kind: str = "raw", **more: str) -> bytes:
        """Fetch a disk."""
        answer = self.request("GET", self.path("export_raw_vdi", vdi=self.uuid(vdi), format=kind, **more))
        assert answer.status == 200, answer
        return answer.body

    def task(self) -> str:
        return str(self.api.task.create("transfer", ""))

    def outcome(self, task: str) -> Any:
        """The record of a task, once it has ended."""
        return ended(self.api, task)

    # Files

    def folder(self, sr: str = "") -> Path:
        """Where the disks of an SR are."""
        return self.server.folder / "disks" / str(self.api.SR.get_uuid(sr or self.sr))

    def disagreements(self) -> list[str]:
        """Where the records and the files of every plugged SR of our own differ."""
        wrong = []
        for sr, record in self.api.SR.get_all_records().items():
            if record["type"] in ("ext", "lvm") and (self.folder(sr) / "layers").is_dir():
                vdis = [self.api.VDI.get_record(vdi) for vdi in record["VDIs"]]
                wrong += disagreements(self.folder(sr), vdis)
        wrong += [
            f"VBD {vbd['uuid']} of a transfer is left"
            for vbd in self.api.VBD.get_all_records().values()
            if "task_id" in vbd["other_config"]
        ]
        return wrong


def disagreements(folder: Path, vdis: list[Any]) -> list[str]:
    """Where a folder of disks is not whole in itself, or differs from the records of its disks."""
    index_file = folder / "disks.json"
    index = json.loads(index_file.read_text()) if index_file.exists() else {"disks": {}, "layers": {}, "logs": {}}
    disks = {uuid: disk for uuid, disk in index["disks"].items() if not uuid.startswith("reset:")}
    layers, logs = index["layers"], index["logs"]
    records = {vdi["location"]: vdi for vdi in vdis}
    wrong = [f"disk {uuid} has no record" for uuid in disks.keys() - records.keys()]
    wrong += [f"record {uuid} has no disk" for uuid in records.keys() - disks.keys()]
    for uuid in disks.keys() & records.keys():
        disk, record = disks[uuid], records[uuid]
        if int(record["virtual_size"]) != disk["size"]:
            wrong.append(f"disk {uuid} is of {disk['size']} bytes, by its record {record['virtual_size']}")
        if record["is_a_snapshot"] != disk["details"].get("is_a_snapshot", False):
            wrong.append(f"disk {uuid} and its record do not agree on whether it is a snapshot")
        if record["cbt_enabled"] != bool(disk["log"]):
            wrong.append(f"disk {uuid} and its record do not agree on tracking")
        if disk["unfinished"]:
            wrong.append(f"disk {uuid} was never finished")
    needed = {f"{name}{end}" for name in layers for end in (".data", ".map")} | {f"{name}.log" for name in logs}
    present = set(os.listdir(folder / "layers"))
    wrong += [f"file {name} is missing" for name in needed - present]
    wrong += [f"file {name} belongs to nothing" for name in present - needed]
    used = {disk["layer"] for disk in index["disks"].values()} | set(layers.values())
    wrong += [f"layer {name} is used by nothing" for name in layers.keys() - used]
    wrong += [f"layer {name} is not there" for name in used - layers.keys() if name and not name.startswith("file:")]
    return wrong


def blocks(bitmap: str) -> set[int]:
    """The numbers of the blocks that a bitmap names."""
    found = base64.b64decode(bitmap)
    return {8 * place + bit for place, byte in enumerate(found) for bit in range(8) if byte & (0x80 >> bit)}


def noise(seed: int, length: int) -> bytes:
    """Bytes that do not repeat."""
    return random.Random(seed).randbytes(length)


@contextmanager
def disk_lab(folder: Path, *flags: str, environment: Mapping[str, str] | None = None) -> Iterator[DiskLab]:
    """A fresh server with real disks for the length of a ``with``."""
    with running(folder, *flags, environment=environment) as server, server.session() as session:
        yield DiskLab(server, session)
