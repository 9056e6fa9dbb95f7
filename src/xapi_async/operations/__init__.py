"""What the explicit messages do: one module per API class, a package where it is large.

Each exports ``HANDLERS``, and ``BACKGROUND`` where it has work that goes on by itself. They are
gathered here and nowhere else.
"""

from __future__ import annotations

from xapi_async.operations import blob, networking, secret, subject
from xapi_async.operations.context import Background, Handlers


def handlers() -> Handlers:
    """Every explicit message there is, by wire name."""
    return {
        **networking.HANDLERS,
        **blob.HANDLERS,
        **secret.HANDLERS,
        **subject.HANDLERS,
    }


def background() -> tuple[Background, ...]:
    """All work that goes on as long as the server runs."""
    return (*networking.BACKGROUND,)
