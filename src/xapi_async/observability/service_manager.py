"""Word to systemd: that the server is ready, reloads, stops, and still turns.

Where systemd did not start the server, or does not want to know, all of this does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger(__name__)


class ServiceManager:
    """The one that started the server and wants to hear of it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """environment: says where to tell it (NOTIFY_SOCKET) and how often (WATCHDOG_USEC, WATCHDOG_PID)."""
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the null byte of an address without a file.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_seconds = 0.0
        if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            self._watchdog_seconds = int(environment.get("WATCHDOG_USEC", "0")) / 1e6

    def ready(self, status: str = "") -> None:
        """The server answers. status: a line for people."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Settings are being read anew; :meth:`ready` follows."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The server takes no more work."""
        self._tell("STOPPING=1", "STATUS=draining")

    async def run(self) -> None:
        """Say from the event loop that it turns, twice as often as asked for, until cancelled."""
        if not (self._address and self._watchdog_seconds):
            return
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_seconds / 2)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("systemd could not be told %s: %s", lines[0], error)
