"""The remote framebuffer protocol, versions 3.3 to 3.8 (RFC 6143). It asks for no password: the session protects it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence

from xapi_async.objects.clock import Clock
from xapi_async.transfer.consoles.channel import Channel, ClosedError
from xapi_async.transfer.consoles.screen import INK, PAPER, SCREEN_HEIGHT, SCREEN_WIDTH, PixelFormat, painted

BANNER = b"RFB 003.008\n"
LOOK_SECONDS = 0.5
"""Seconds between two looks at whether a screen that a client watches has changed."""

LONGEST_TEXT = 1 << 20
"""Bytes that a client may send of what it has cut."""

_NO_SECURITY = 1
_RAW = 0
_LENGTHS = {4: 7, 5: 5}
"""What follows events of keys and pointers, which simulated guests take no notice of."""

Look = Callable[[], Sequence[str] | None]
"""Gives the lines of a screen; None where it is gone."""


async def show(channel: Channel, name: str, look: Look, clock: Clock) -> None:
    """Show a screen until it is gone, or the client. Raises ClosedError for a client that is gone or astray."""
    await _greet(channel)
    form = PixelFormat()
    title = name.encode()[:256]
    await channel.write(struct.pack(">HH", SCREEN_WIDTH, SCREEN_HEIGHT) + form.pack())
    await channel.write(struct.pack(">I", len(title)) + title)
    screen = _Screen(channel, look, clock, form)
    works = [asyncio.create_task(screen.listen()), asyncio.create_task(screen.paint())]
    try:
        done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        for work in done:
            work.result()
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def _greet(channel: Channel) -> None:
    await channel.write(BANNER)
    version = await channel.read(len(BANNER))
    if not version.startswith(b"RFB 003."):
        raise ClosedError
    minor = int(version[8:11]) if version[8:11].isdigit() else 0
    if minor < 7:
        await channel.write(struct.pack(">I", _NO_SECURITY))
    else:
        await channel.write(bytes([1, _NO_SECURITY]))
        if await channel.read(1) != bytes([_NO_SECURITY]):
            raise ClosedError
        if minor >= 8:
            await channel.write(struct.pack(">I", 0))
    await channel.read(1)  # whether others may watch as well: they always may


class _Screen:
    """A client's view of a screen."""

    def __init__(self, channel: Channel, look: Look, clock: Clock, form: PixelFormat) -> None:
        self._channel = channel
        self._look = look
        self._clock = clock
        self._form = form
        self._wanted: tuple[int, int, int, int] | None = None
        self._is_whole = True  # whether it is to be sent even where nothing has changed
        self._sent: Sequence[str] | None = None
        self._asked = asyncio.Event()

    async def listen(self) -> None:
        """Take in what the client says."""
        read = self._channel.read
        while True:
            kind = (await read(1))[0]
            if kind == 0:
                await self._change_form((await read(19))[3:])
            elif kind == 2:
                (count,) = struct.unpack(">xH", await read(3))
                await read(4 * count)  # every client takes plain pixels
            elif kind == 3:
                incremental, *area = struct.unpack(">BHHHH", await read(9))
                self._want(_inside(*area), whole=not incremental)
            elif kind in _LENGTHS:
                await read(_LENGTHS[kind])
            elif kind == 6:
                (length,) = struct.unpack(">3xI", await read(7))
                if length > LONGEST_TEXT:
                    raise ClosedError
                await read(length)
            else:
                raise ClosedError

    async def paint(self) -> None:
        """Answer what the client asks for, until the screen is gone."""
        while True:
            await self._asked.wait()
            lines = self._look()
            if lines is None:
                return
            if not self._is_whole and lines == self._sent:
                await self._clock.sleep(LOOK_SECONDS)
                continue
            area = self._wanted or (0, 0, 0, 0)
            self._asked.clear()
            self._sent, self._is_whole = lines, False
            head = struct.pack(">BxHHHHHi", 0, 1, *area, _RAW)
            await self._channel.write(head + painted(lines, area, self._form))

    async def _change_form(self, data: bytes) -> None:
        try:
            self._form = PixelFormat.unpack(data)
        except ValueError as error:
            raise ClosedError from error
        if not self._form.is_true_colour:
            colours = [part * 257 for colour in (PAPER, INK) for part in colour]
            await self._channel.write(struct.pack(">BxHH6H", 1, 0, 2, *colours))

    def _want(self, area: tuple[int, int, int, int], *, whole: bool) -> None:
        self._wanted = area
        self._is_whole = self._is_whole or whole
        self._asked.set()


def _inside(left: int, top: int, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of an area that is on the screen."""
    left, top = min(left, SCREEN_WIDTH), min(top, SCREEN_HEIGHT)
    return left, top, min(width, SCREEN_WIDTH - left), min(height, SCREEN_HEIGHT - top)
