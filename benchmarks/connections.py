"""Connections of the load generator: plain sockets that never block, and answers that are only measured.

An answer is read into one buffer that all connections share. Its head is understood once and found in a table
from then on, so an answer costs two system calls and less than a microsecond beside them.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections.abc import Callable

PENDING, GOOD, BAD = 0, 1, 2
"""What reading gives: the answer is not complete; it is, and all is well; it is, and the call failed."""

_BUFFER = bytearray(1 << 20)
_VIEW = memoryview(_BUFFER)
_HEADS_KEPT = 10_000
_TEXTS_KEPT = 100
_GZIP = b"\x1f\x8b"
_BATCH, _BATCH_PAUSE = 100, 0.01
"""So many connections are made without a pause, for servers that queue no more of them; and the pause."""

_heads: dict[bytes, tuple[int, bool]] = {}


class LostError(ConnectionError):
    """The server has closed the connection."""


class Connection:
    """One connection. marker: what an answer has in its body unless the call failed.

    number: for whoever uses it. sent, due, free: when the request under way left and was due, and when the
    connection was free for it. body: of the last answer, where kept.
    """

    __slots__ = (
        "_found", "_good", "_left", "_receive",
        "body", "due", "fd", "free", "marker", "number", "sent", "socket",
    )  # fmt: skip

    def __init__(self, made: socket.socket, marker: bytes, number: int = 0, keep: bool = False) -> None:
        self.socket = made
        self.fd = made.fileno()
        self.marker = marker
        self.number = number
        self.sent = self.due = self.free = 0.0
        self.body: bytearray | None = bytearray() if keep else None
        self._receive: Callable[[bytearray], int] = made.recv_into
        self._left = 0
        self._good = self._found = False

    def send(self, request: bytes) -> None:
        """Send a request. Raises LostError, also where it does not fit: answers are awaited before the next request."""
        try:
            if self.socket.send(request) != len(request):
                raise LostError("a request did not fit into the socket's buffer")
        except (OSError, ssl.SSLError) as error:
            raise LostError(str(error)) from error

    def read(self) -> int:
        """Read what has arrived. Raises LostError."""
        try:
            size = self._receive(_BUFFER)
        except (BlockingIOError, ssl.SSLWantReadError):
            return PENDING
        except (OSError, ssl.SSLError) as error:
            raise LostError(str(error)) from error
        if size == 0:
            raise LostError("the server has closed the connection")
        start = 0
        if self._left == 0:
            start = _BUFFER.find(b"\r\n\r\n", 0, size) + 4
            if start == 3:
                raise LostError("the head of an answer is not whole")  # servers send it at once
            head = bytes(_VIEW[:start])
            length, self._good = _heads.get(head) or _understood(head)
            self._left = start + length
            self._found = False
            if self.body is not None:
                self.body.clear()
        if not self._found:
            self._found = _BUFFER.find(self.marker, start, size) >= 0
        if self.body is not None:
            self.body += _VIEW[start:size]
        self._left -= size
        if self._left > 0:
            return PENDING
        if self._left < 0:
            raise LostError("the server sent more than one answer")
        return GOOD if self._good and self._found else BAD

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class TlsConnection(Connection):
    """One connection with TLS, where one event may stand for several records."""

    __slots__ = ()

    def read(self) -> int:
        """Read what has arrived. Raises LostError."""
        while True:
            left = self._left
            state = super().read()
            if state != PENDING or self._left == left:
                return state


class Texts:
    """Answers as they were before they were compressed. Those that are the same are read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def of(self, body: bytearray | None) -> bytes:
        """The text of an answer."""
        raw = bytes(body or b"")
        text = self._known.get(raw)
        if text is None:
            if len(self._known) >= _TEXTS_KEPT:
                self._known.clear()
            text = self._known[raw] = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
        return text


def connect(host: str, port: int, count: int, marker: bytes, tls: bool = False, keep: bool = False) -> list[Connection]:
    """So many connections, which are ready to send. Raises OSError."""
    context = _trusting() if tls else None
    made: list[Connection] = []
    for number in range(count):
        if number and number % _BATCH == 0:
            time.sleep(_BATCH_PAUSE)
        plain = socket.create_connection((host, port), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one = context.wrap_socket(plain) if context else plain
        one.setblocking(False)
        made.append((TlsConnection if context else Connection)(one, marker, number, keep))
    return made


def _understood(head: bytes) -> tuple[int, bool]:
    """The length of the body and whether the status is 200, by the head of an answer. Raises LostError."""
    low = head.lower()
    start = low.find(b"\r\ncontent-length:")
    if start < 0:
        raise LostError("an answer does not say how long it is")
    length = int(low[start + 17 : low.index(b"\r\n", start + 17)])
    if len(_heads) >= _HEADS_KEPT:
        _heads.clear()
    found = _heads[head] = (length, low.split(b" ", 2)[1] == b"200")
    return found


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
