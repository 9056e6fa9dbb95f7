"""A load generator that is never the bottleneck, and says so when it is.

Each connection keeps one request in flight: the next leaves when the answer before it is complete.
Requests are bytes made beforehand and answers are only measured, so that a call costs the generator
a few microseconds. Run it in a process of its own, on another core than the server's.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

BUSY = 0.95
"""The share of a core from which on the generator, not the server, may set the pace."""


@dataclass(frozen=True)
class Load:
    """What to send. requests: complete HTTP requests, sent in turn; each connection starts at another one.

    rate: calls per second over all connections, or None for as many as the server answers.
    """

    port: int
    requests: Sequence[bytes]
    connections: int = 64
    seconds: float = 3.0
    warmup_seconds: float = 0.5
    host: str = "127.0.0.1"
    rate: float | None = None


@dataclass
class Measured:
    """What came of it. seconds: per call, sorted. cpu_share: of a core, by the generator itself."""

    calls: int
    elapsed: float
    seconds: list[float] = field(repr=False)
    errors: int
    cpu_share: float

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.elapsed

    @property
    def is_generator_bound(self) -> bool:
        """Whether the generator was too busy for the rate to be the server's."""
        return self.cpu_share > BUSY

    def percentile(self, share: float) -> float:
        """Seconds within which that share of the calls was answered."""
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))] if self.seconds else 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load, first: int, interval: float | None, note: Callable[[float, bool], None]) -> None:
        self._requests = load.requests
        self._next = first
        self._interval = interval
        self._note = note
        self._buffer = b""
        self._expected = 0
        self._sent = 0.0
        self._due = 0.0
        self._transport: asyncio.Transport | None = None
        self.closed = False
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is no subclass of it
        self._due = time.perf_counter()
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        if self.closed or self._transport is None:
            return
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._expected == 0:
            self._buffer += data
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            self._expected = head + 4 + _content_length(self._buffer[:head])
            received = len(self._buffer)
        else:
            self._received += len(data)
            received = self._received
        self._received = received
        if received < self._expected:
            return
        ok = self._buffer.startswith(b"HTTP/1.1 200")
        self._buffer, self._expected = b"", 0
        # With a rate to keep, time counts from when the call was due: a slow answer delays no measuring.
        start = self._due if self._interval is not None else self._sent
        self._note(time.perf_counter() - start, ok)
        if self._interval is None:
            self._send()
            return
        self._due += self._interval
        self._loop.call_later(max(0.0, self._due - time.perf_counter()), self._send)

    _received = 0


def _content_length(head: bytes) -> int:
    low = head.lower()
    start = low.find(b"content-length:")
    if start < 0:
        return 0
    end = low.find(b"\r\n", start)
    return int(low[start + 15 : end if end > 0 else None])


async def _run(load: Load) -> Measured:
    seconds: list[float] = []
    failed = 0
    counting = False

    def note(latency: float, ok: bool) -> None:
        nonlocal failed
        if counting:
            seconds.append(latency)
            failed += not ok

    loop = asyncio.get_running_loop()
    interval = None if load.rate is None else load.connections / load.rate
    connections = []
    for number in range(load.connections):
        _, protocol = await loop.create_connection(
            lambda number=number: _Connection(load, number, interval, note), load.host, load.port
        )
        connections.append(protocol)
        if interval is not None:
            await asyncio.sleep(interval / load.connections)
    await asyncio.sleep(load.warmup_seconds)
    usage, start, counting = _cpu(), time.perf_counter(), True
    await asyncio.sleep(load.seconds)
    counting = False
    elapsed = time.perf_counter() - start
    share = (_cpu() - usage) / elapsed
    lost = sum(connection.closed for connection in connections)
    for connection in connections:
        connection.close()
    await asyncio.sleep(0.05)
    seconds.sort()
    return Measured(len(seconds), elapsed, seconds, failed + lost, share)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(load: Load) -> Measured:
    """Send the load from this process and measure."""
    return uvloop.run(_run(load))


def post(path: str, body: bytes, content_type: str = "text/xml") -> bytes:
    """A complete POST request, as the official client sends it."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nContent-Type: {content_type}\r\n"
        f"User-Agent: Python-xmlrpc/3.11\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
