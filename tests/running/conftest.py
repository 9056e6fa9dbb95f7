"""Small clients that see bytes and statuses, where the official one hides them."""

from __future__ import annotations

import http.client
import re
import socket
import xmlrpc.client
from urllib.parse import urlsplit

from tests.client import PATIENCE

SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")


def get(url: str, path: str) -> tuple[int, str]:
    """Status and body of a page."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def metrics(url: str) -> dict[str, float]:
    """The samples of the metrics page by name and labels, as they are written there."""
    status, page = get(url, "/metrics")
    assert status == 200, page
    samples = {}
    for line in page.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            samples[name] = float(value)
    return samples


def request(method: str, *params: object) -> bytes:
    """A complete request, as it goes over the wire."""
    body = xmlrpc.client.dumps(params, method).encode()
    return b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def connect(url: str) -> socket.socket:
    """A connection of one's own."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)


def answer(sock: socket.socket) -> bytes:
    """One whole answer; what there is of it where the connection ends."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = sock.recv(65536)
        if not data:
            return received
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length is not None
    while len(body) < int(length[1]):
        data = sock.recv(65536)
        if not data:
            break
        body += data
    return head + b"\r\n\r\n" + body
