"""A small server for tests of the load generator: it counts what it gets and answers as told."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[int], list[bytes]]
"""From the number of a request, from 0 on: the pieces of its answer, sent one by one; none: hang up."""


def answer(body: bytes = b"<value>Success</value>", status: int = 200) -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %d Said\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


class Counting(socketserver.ThreadingTCPServer):
    """Answers whatever arrives. bodies: of all requests so far."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 200

    def __init__(self, make: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.make = make
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()
        self.port = self.server_address[1]


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: Counting

    def handle(self) -> None:
        while head := self._head():
            length = next(int(line[15:]) for line in head if line.startswith(b"content-length:"))
            body = self.rfile.read(length)
            with self.server.lock:
                number = len(self.server.bodies)
                self.server.bodies.append(body)
            pieces = self.server.make(number)
            if not pieces:
                return
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()

    def _head(self) -> list[bytes]:
        lines = []
        while (line := self.rfile.readline().strip().lower()) or lines:
            if not line:
                break
            lines.append(line)
        return lines


@contextmanager
def counting(make: Answer = lambda number: [answer()]) -> Iterator[Counting]:
    """The server, in threads of this process."""
    with Counting(make) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
