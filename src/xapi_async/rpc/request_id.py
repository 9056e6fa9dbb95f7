"""What the lines of the log that belong to one call have in common.

A call whose answer takes time gets an identifier, which everything that is done for it inherits, the
work behind an asynchronous call included. Reads answered on the spot get none: they write no lines.
"""

from __future__ import annotations

import itertools
import secrets
from contextvars import ContextVar

CURRENT: ContextVar[str] = ContextVar("request_id", default="")
"""The call that the code runs for; empty where it runs for none."""

_process = secrets.token_hex(3)
_numbers = itertools.count(1)


def fresh() -> str:
    """An identifier that no other call has, of this process or another."""
    return f"{_process}-{next(_numbers)}"
