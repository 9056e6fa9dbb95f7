"""What a way of writing calls offers, be it XML-RPC or JSON-RPC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xapi_async.rpc.call import Outcome


class BadRequestError(Exception):
    """A body that is no call. The message says why, for the error page."""


Body = bytes | Sequence[bytes]
"""The body of an answer, or what it is once put together: large ones are made of records that are kept anyway."""

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
