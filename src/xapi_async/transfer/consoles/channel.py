"""The two ways in which the bytes of a console travel: as they are, and in the frames of a web socket."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import ClientPayloadError, WSMsgType, web


class ClosedError(Exception):
    """The client is gone."""


class Channel(Protocol):
    """A connection with a client. Both raise ClosedError once it is over."""

    async def read(self, length: int) -> bytes:
        """That many bytes."""
        ...

    async def write(self, data: bytes) -> None:
        """Send some bytes."""
        ...


class Plain:
    """A connection that is the console's alone from its answer on."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        self._content = request.content
        self._response = response

    async def read(self, length: int) -> bytes:
        """That many bytes."""
        try:
            return await self._content.readexactly(length)
        except (asyncio.IncompleteReadError, ClientPayloadError, ConnectionError) as error:
            raise ClosedError from error

    async def write(self, data: bytes) -> None:
        """Send some bytes."""
        try:
            await self._response.write(data)
        except (ConnectionError, RuntimeError) as error:
            raise ClosedError from error


class Framed:
    """A web socket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._held = b""

    async def read(self, length: int) -> bytes:
        """That many bytes, of however many frames."""
        while len(self._held) < length:
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                self._held += message.data
            elif message.type is WSMsgType.TEXT:
                self._held += message.data.encode()
            else:
                raise ClosedError
        data, self._held = self._held[:length], self._held[length:]
        return data

    async def write(self, data: bytes) -> None:
        """Send some bytes as one frame."""
        try:
            await self._socket.send_bytes(data)
        except (ConnectionError, RuntimeError) as error:
            raise ClosedError from error
