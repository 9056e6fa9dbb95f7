"""Disks that go in and out over HTTP: how fast, how much memory that takes, and how quick other calls are meanwhile.

The client does next to nothing with the bytes, so that it is never the bottleneck: it sends a file from the
page cache, and drops what it receives.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType

from benchmarks.calls import paced_note
from benchmarks.generator import Generator
from benchmarks.loadgen import Load, Measured, run
from benchmarks.requests import xml
from benchmarks.results import Row, at_most
from benchmarks.servers import Running, xapi_async

MIB = 1 << 20
COPY = "plain copy of the file"
RATE = 500
"""Calls a second while a disk passes: few enough that the server would be idle without it."""

GROWTH = 40
"""MiB of memory that a transfer may take, whatever the size of the disk."""

SLOW_MS = 5.0
_LONGEST = 300.0
_SAMPLE_SECONDS = 0.02


@dataclass
class _Site:
    """What all transfers have in common. quiet: calls without any transfer. copied: MiB/s of the plain copy."""

    server: Running
    generator: Generator
    load: Load
    mebibytes: int
    quiet: Measured
    copied: float


def transfers(mebibytes: int) -> Iterator[Row]:
    """A disk of random data in as raw, out as raw and as VHD; small calls before and meanwhile."""
    with (
        tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder,
        xapi_async("--vms", "10", "--set", "server.disks=files") as server,
    ):
        source = Path(folder) / "source.raw"
        _fill(source, mebibytes)
        # Twice, as memory that the system has not used before costs it more than what it does here.
        copied = max(_copy(source, Path(folder) / "copy.raw") for _ in range(2))
        yield Row(COPY, copied, "MiB/s", note="durable at the end", is_peer=True)
        client, session = server.client(), server.session()
        calls = [xml("VM.get_name_label", session, vm) for vm in client.VM.get_all(session)["Value"]]
        disk = _new_disk(server, session, mebibytes)
        query = f"session_id={session}&vdi={disk}"
        _send(server.port, f"/import_raw_vdi?{query}", source)  # unmeasured, for the same reason
        client.VDI.destroy(session, disk)
        query = f"session_id={session}&vdi={_new_disk(server, session, mebibytes)}"
        with Generator() as generator:
            load = Load(server.port, calls, connections=8, seconds=_LONGEST, warmup_seconds=0.0, rate=RATE)
            quiet = generator.run(replace(load, seconds=2.0))
            site = _Site(server, generator, load, mebibytes, quiet, copied)
            for name, work in (
                ("import raw", partial(_send, server.port, f"/import_raw_vdi?{query}", source)),
                ("export raw", partial(_fetch, server.port, f"/export_raw_vdi?{query}")),
                ("export VHD", partial(_fetch, server.port, f"/export_raw_vdi?{query}&format=vhd")),
            ):
                yield from _observed(site, name, work)


def _observed(site: _Site, name: str, work: Callable[[], int]) -> Iterator[Row]:
    """The rows of one transfer. work: does it, and gives how many bytes went over."""
    server = site.server
    site.generator.begin(run, site.load)
    memory, cpu, start = server.memory().resident, server.cpu_seconds(), time.perf_counter()
    with _HighWater(server) as high:
        passed = work()
        took = time.perf_counter() - start
    site.generator.tell()
    meanwhile: Measured = site.generator.result()
    if passed < site.mebibytes * MIB:
        raise RuntimeError(f"{name}: only {passed} bytes of the disk went over")
    cost = (server.cpu_seconds() - cpu) / site.mebibytes * 1000
    rate = site.mebibytes / took
    note = f"{cost:.2f} ms of server CPU a MiB, the calls in it"
    yield Row(name, rate, "MiB/s", rate / site.copied, COPY, note=note)
    growth = (high.bytes - memory) / MIB
    yield Row(f"memory taken by {name}", growth, "MiB", goal=at_most(growth, GROWTH, "MiB"))
    for share, label in ((0.5, "p50"), (0.99, "p99")):
        slow = meanwhile.percentile(share) * 1000
        before = f"{site.quiet.percentile(share) * 1000:.2f} ms before"
        yield Row(f"{label} of reads during {name}", slow, "ms", goal=at_most(slow, SLOW_MS, "ms"),
                  note=f"{before}, {paced_note(meanwhile)}", errors=meanwhile.errors)  # fmt: skip


class _HighWater:
    """The most memory that a server takes while this is entered, in bytes."""

    def __init__(self, server: Running) -> None:
        self.bytes = server.memory().resident
        self._server = server
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _HighWater:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ends.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, self._server.memory().resident)


def _fill(path: Path, mebibytes: int) -> None:
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> float:
    """Copy a file, and drop the copy; MiB/s until it was durable."""
    start = time.perf_counter()
    with source.open("rb", 0) as reader, target.open("wb", 0) as writer:
        while piece := reader.read(MIB):
            writer.write(piece)
        os.fsync(writer.fileno())
    took = time.perf_counter() - start
    target.unlink()
    return source.stat().st_size / MIB / took


def _new_disk(server: Running, session: str, mebibytes: int) -> str:
    client = server.client()
    pool = client.pool.get_all(session)["Value"][0]
    record = {
        "name_label": "benchmark", "SR": client.pool.get_default_SR(session, pool)["Value"], "type": "user",
        "virtual_size": str(mebibytes * MIB), "sharable": False, "read_only": False, "other_config": {},
    }  # fmt: skip
    return str(client.VDI.create(session, record)["Value"])


def _send(port: int, path: str, source: Path) -> int:
    """Upload a file, and wait until the server closes the connection, which it does once all is durable."""
    size = source.stat().st_size
    with socket.create_connection(("127.0.0.1", port)) as sock, source.open("rb") as file:
        sock.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        if b" 200 " not in sock.recv(4096):
            raise RuntimeError(f"{path} was refused")
        sent = sock.sendfile(file)
        while sock.recv(4096):
            pass
    return sent


def _fetch(port: int, path: str) -> int:
    """Download, and drop what comes; how many bytes it was."""
    count = 0
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        buffer = bytearray(MIB)
        while received := sock.recv_into(buffer, MIB, socket.MSG_TRUNC):  # the system drops it for us
            count += received
    return count
