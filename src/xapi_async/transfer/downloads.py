"""Bodies of downloads, sent a little at a time, however much is at hand."""

from __future__ import annotations

from aiohttp import web

from xapi_async.storage.driver import PIECE, Data


async def send(response: web.StreamResponse, data: Data) -> None:
    """Send some of the body, others having their turn in between. Raises ConnectionError where the client is gone."""
    if len(data) <= PIECE:
        await response.write(data)
        return
    view = memoryview(data)
    for start in range(0, len(view), PIECE):
        await response.write(view[start : start + PIECE])
