"""What was written to a client and is still on its way to it."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from contextlib import suppress


def unread(transport: asyncio.Transport) -> int:
    """Bytes that a client has not taken yet, those that the system holds for it included."""
    left = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    with suppress(OSError):  # where the system does not tell, the rest has to do
        left += struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return left


async def sent(transport: asyncio.Transport, seconds: float) -> None:
    """Wait until a client has been sent what was written, so many seconds at the most; then hang up."""
    while seconds > 0 and transport.get_write_buffer_size():
        await asyncio.sleep(_PASS)
        seconds -= _PASS
    transport.abort()


_PASS = 0.02
