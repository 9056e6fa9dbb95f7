"""Servers under test: each in a process of its own, pinned to one core, with its CPU time and memory measured."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSWORD = "benchmark"
START_SECONDS = 120.0
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = CORES[:1]
"""Where servers run. The generator has the others, or shares the only one there is."""
GENERATOR_CORES = CORES[1:] or CORES


@dataclass
class Running:
    """A server that runs. started: seconds that its start took."""

    name: str
    pid: int
    port: int
    tls_port: int
    started: float

    def cpu_seconds(self) -> float:
        """CPU time used so far, by all its processes."""
        return sum(self.cpu_by_process())

    def cpu_by_process(self) -> list[float]:
        """CPU time used so far, by each process, the first one first."""
        return [_cpu_seconds(pid) for pid in _family(self.pid)]

    def memory(self) -> int:
        """Bytes of memory in use."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in _family(self.pid))

    def client(self) -> Any:
        """A plain XML-RPC client."""
        return xmlrpc.client.ServerProxy(f"http://127.0.0.1:{self.port}", allow_none=True)

    def session(self) -> str:
        """A new session of root."""
        return str(self.client().session.login_with_password("root", PASSWORD, "2.9", "benchmark")["Value"])


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [pid]
    with contextlib.suppress(OSError):
        for child in children.read_text().split():
            found += _family(int(child))
    return found


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def xapi_async(*flags: str, cores: Sequence[int] = (), database: Path | None = None) -> Iterator[Running]:
    """Our server over a database of its own, or over one that is kept."""
    with tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "xapi_async", "serve", "--listen", "127.0.0.1:0"]
        command += ["--database", str(database or Path(folder) / "state.db"), "--ready-file", str(ready)]
        command += ["--set", "server.log_level=error", *flags]
        environment = {**os.environ, "XAPI_ROOT_PASSWORD": PASSWORD}
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, preexec_fn=_pin(cores or SERVER_CORES))
        try:
            while not ready.exists():
                if process.poll() is not None or time.perf_counter() - start > START_SECONDS:
                    raise RuntimeError("the server did not start")
                time.sleep(0.005)
            said = json.loads(ready.read_text())
            took = time.perf_counter() - start
            yield Running("xapi-async", said["pid"], _port(said["url"]), _port(said["tls_url"]), took)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def peer(module: str, kind: str) -> Iterator[Running]:
    """A peer of benchmarks/peers: a module that takes a kind and a port."""
    port = _free_port()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.peers.{module}", kind, str(port)], preexec_fn=_pin(SERVER_CORES)
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - start > 20:
                raise RuntimeError(f"{kind} did not start")
            time.sleep(0.02)
        yield Running(kind, process.pid, port, 0, time.perf_counter() - start)
    finally:
        process.kill()
        process.wait()


def _pin(cores: Sequence[int]) -> Any:
    return lambda: os.sched_setaffinity(0, cores)


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1]) if url else 0


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(0.2)
        return sock.connect_ex(("127.0.0.1", port)) == 0
