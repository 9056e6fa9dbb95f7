"""A real server in a process of its own, started the way users start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import XenAPI

PASSWORD = "correct horse battery staple"
START_SECONDS = END_SECONDS = 120.0

BASE_ENVIRONMENT = {
    "XAPI_ROOT_PASSWORD": PASSWORD,
    "XAPI_ACCESS_HASH_MEMORY_KIB": "64",
    "XAPI_ACCESS_HASH_PASSES": "1",
    "XAPI_ACCESS_FAILED_LOGIN_SECONDS": "0.1",
    "PYTHONFAULTHANDLER": "1",
}
"""Of every server: log-ins that cost little, and a server that is aborted, as it does not end, says where it was."""

WORKERS = os.environ.get("TEST_WORKERS", "")
"""So many processes has each server that does not say itself how many; empty: one."""


class LiveServer:
    """A running server: where it listens, and how to stop it, kill it and start it again."""

    def __init__(self, folder: Path, *flags: str, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.flags = flags
        self.environment = {**os.environ, **BASE_ENVIRONMENT, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.tls_url = ""

    def start(self) -> LiveServer:
        """Start it, and wait until it says that it answers."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "xapi_async", "serve", "--listen", "127.0.0.1:0"]
        command += ["--database", str(self.folder / "state.db"), "--ready-file", str(ready), *self.flags]
        if WORKERS and "--workers" not in self.flags:
            command += ["--workers", WORKERS]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._abort()
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        self.url, self.tls_url = said["url"], said["tls_url"]
        return self

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "server.log").read_text()

    def kill(self) -> None:
        """End it the way a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and give its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: int) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(how)
        try:
            status = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._abort()
            raise RuntimeError(f"the server did not end:\n{self.log()}") from None
        self.process = None
        return status

    def _abort(self) -> None:
        """Have it write to its log where it hangs, and end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGABRT)
        self.process.wait()
        self.process = None

    def raw(self) -> xmlrpc.client.ServerProxy:
        """A plain XML-RPC client, which sees the API's envelopes."""
        return xmlrpc.client.ServerProxy(self.url, allow_none=True)

    @contextmanager
    def session(self, user: str = "root", password: str = PASSWORD) -> Iterator[Any]:
        """The official client, logged in."""
        session = XenAPI.Session(self.url)
        session.login_with_password(user, password, "2.9", "tests")
        try:
            yield session
        finally:
            with suppress(OSError):  # the test may have killed the server meanwhile
                session.logout()


@contextmanager
def running(folder: Path, *flags: str, environment: Mapping[str, str] | None = None) -> Iterator[LiveServer]:
    """A server for the length of a ``with``."""
    server = LiveServer(folder, *flags, environment=environment)
    try:
        yield server.start()
    finally:
        server.stop()
