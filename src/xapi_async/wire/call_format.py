"""What a way of writing calls offers, be it XML-RPC or JSON-RPC."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from xapi_async.rpc.call import Outcome


class BadRequestError(Exception):
    """A body that is no call. The message says why, for the error page."""


class Pieces(NamedTuple):
    """A body as the parts that it is made of, such as records that are kept anyway.

    size: bytes of all together. gzip: gives it compressed, or None where it cannot for the moment.
    gzip_from: how many bytes all who get it must get for that to be worth while.
    """

    parts: Iterable[bytes]
    size: int
    gzip: Callable[[], Pieces | None] | None = None
    gzip_from: int = 0


Body = bytes | Pieces
"""The body of an answer, in one piece or as what it is once put together."""

Encode = Callable[[Outcome], Body]
"""Writes the outcome of a call."""


class Decoded(NamedTuple):
    """A call as read from a body.

    text_checked: whether the format rules out characters that XML cannot carry. encode: writes the outcome.
    """

    method: str
    params: list[Any]
    text_checked: bool
    encode: Encode
