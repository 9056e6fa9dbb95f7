"""A terminal of a simulated guest: it shows the guest's lines, repeats what is typed, and shows them again on Enter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from xapi_async.objects.clock import Clock
from xapi_async.transfer.consoles.channel import Channel
from xapi_async.transfer.consoles.rfb import LOOK_SECONDS, Look


async def talk(channel: Channel, look: Look, clock: Clock) -> None:
    """Talk until the terminal is gone, or the client. Raises ClosedError for a client that is gone."""
    works = [asyncio.create_task(_watch(channel, look, clock)), asyncio.create_task(_echo(channel, look))]
    try:
        done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        for work in done:
            work.result()
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def _watch(channel: Channel, look: Look, clock: Clock) -> None:
    """Show the lines at first, and whenever they change."""
    shown = None
    while (lines := look()) is not None:
        if lines != shown:
            shown = lines
            await channel.write(_text(lines))
        await clock.sleep(LOOK_SECONDS)


async def _echo(channel: Channel, look: Look) -> None:
    while True:
        typed = await channel.read(1)
        lines = look() if typed in (b"\r", b"\n") else None
        await channel.write(typed if lines is None else b"\r\n" + _text(lines))


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
