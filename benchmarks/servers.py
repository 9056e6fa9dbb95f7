"""Servers under test: each in a process of its own, pinned to one core, with its CPU time and memory measured."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.connections import PENDING, connect
from benchmarks.processes import Memory, cpu_time, family, memory

PASSWORD = "benchmark"
START_SECONDS = 300.0

_QUIET_PAUSE, _QUIET_SHARE = 0.1, 0.02

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

    @property
    def pids(self) -> list[int]:
        """Its processes, the first one first."""
        return family(self.pid)

    def cpu_seconds(self) -> float:
        """CPU time used so far, by all its processes."""
        return sum(cpu_time(pid).total for pid in self.pids)

    def memory(self) -> Memory:
        """Memory in use, by all its processes."""
        return memory(self.pids)

    def wait_until_quiet(self, seconds: float = 20.0) -> None:
        """Wait until it has nothing to do, at most so long."""
        deadline = time.monotonic() + seconds
        used, quiet = self.cpu_seconds(), 0
        while quiet < 3 and time.monotonic() < deadline:
            time.sleep(_QUIET_PAUSE)
            before, used = used, self.cpu_seconds()
            quiet = quiet + 1 if used - before < _QUIET_SHARE * _QUIET_PAUSE else 0

    def client(self) -> Any:
        """A plain XML-RPC client."""
        return xmlrpc.client.ServerProxy(f"http://127.0.0.1:{self.port}", allow_none=True)

    def body(self, request: bytes) -> bytes:
        """The body of the answer to a request."""
        (one,) = connect("127.0.0.1", self.port, 1, b"", keep=True)
        one.socket.settimeout(START_SECONDS)
        one.send(request)
        while one.read() == PENDING:
            pass
        one.close()
        return bytes(one.body or b"")

    def session(self) -> str:
        """A new session of root."""
        return str(self.client().session.login_with_password("root", PASSWORD, "2.9", "benchmark")["Value"])

    def guests(self, session: str, state: str = "") -> list[str]:
        """References of all VMs that are neither templates nor control domains nor snapshots, in that power state."""
        records = self.client().VM.get_all_records(session)["Value"]
        return [
            ref
            for ref, vm in records.items()
            if not (vm["is_a_template"] or vm["is_control_domain"] or vm["is_a_snapshot"])
            and state in ("", vm["power_state"])
        ]


@contextlib.contextmanager
def xapi_async(
    *flags: str, settings: str = "", cores: Sequence[int] = (), database: Path | None = None
) -> Iterator[Running]:
    """Our server over a database of its own, or over one that is kept. settings: the text of a file of settings."""
    with tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "xapi_async", "serve", "--listen", "127.0.0.1:0"]
        command += ["--database", str(database or Path(folder) / "state.db"), "--ready-file", str(ready)]
        command += ["--set", "server.log_level=error", *flags]
        if settings:
            file = Path(folder) / "settings.toml"
            file.write_text(settings)
            command += ["--config", str(file)]
        environment = {**os.environ, "XAPI_ROOT_PASSWORD": PASSWORD}
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, preexec_fn=settled(cores or SERVER_CORES))
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
def peer(module: str, kind: str, *arguments: str) -> Iterator[Running]:
    """A peer of benchmarks/peers: a module that takes a kind, a port, and what else it says."""
    port = _free_port()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.peers.{module}", kind, str(port), *arguments],
        preexec_fn=settled(SERVER_CORES),
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


def settled(cores: Sequence[int]) -> Callable[[], None]:
    """What a new process does first: run on these cores only, and have as many files open as it may."""

    def settle() -> None:
        os.sched_setaffinity(0, cores)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    return settle


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
