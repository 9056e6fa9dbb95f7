"""Peers that send answers of a given size: the limit of what sending costs.

Usage: python -m benchmarks.peers.sized KIND PORT BYTES
``sized`` answers every request at once. ``fan-out`` has requests to /wait wait until one to / comes, and then
answers all.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class Sized(asyncio.Protocol):
    """Answers whenever anything arrives."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is no subclass of it

    def data_received(self, data: bytes) -> None:
        """A request has come."""
        self._transport.write(self._answer)


class FanOut(Sized):
    """Answers those that wait when one comes that does not."""

    waiting: list[asyncio.Transport] = []

    def data_received(self, data: bytes) -> None:
        """A request has come."""
        if data.startswith(b"POST /wait "):
            self.waiting.append(self._transport)
            return
        self._transport.write(self._answer)
        for transport in self.waiting:
            if not transport.is_closing():
                transport.write(self._answer)
        self.waiting.clear()


def answer(size: int) -> bytes:
    """An answer whose body has so many bytes."""
    body = b"Success".ljust(size, b".")
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def _serve(kind: str, port: int, size: int) -> None:
    made = {"sized": Sized, "fan-out": FanOut}[kind]
    ready = answer(size)
    server = await asyncio.get_running_loop().create_server(lambda: made(ready), "127.0.0.1", port, backlog=2000)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
