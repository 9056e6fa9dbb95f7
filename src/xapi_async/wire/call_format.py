"""What a way of writing calls offers, be it XML-RPC or JSON-RPC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from xapi_async.rpc.call import Outcome


class BadRequestError(Exception):
    """A body that is no call. The message says why, for the error page."""


Encode = Callable[[Outcome], bytes]
"""Writes the outcome of a call."""


class Decoded(NamedTuple):
    """A call as read from a body.

    text_checked: whether the format rules out characters that XML cannot carry. encode: writes the outcome.
    """

    method: str
    params: list[Any]
    text_checked: bool
    encode: Encode
