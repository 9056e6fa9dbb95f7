"""Messages of other classes, looked up when they are called.

For the few places where two packages would otherwise have to import each other.
"""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context


async def call(ctx: Context, message: str, *args: Any) -> Any:
    """Do what a message does, with parameters as its handler takes them. Raises what it raises."""
    from xapi_async.operations import handlers

    handler = handlers().get(message)
    if handler is None:
        raise ApiError("NOT_IMPLEMENTED", message)
    return await handler(ctx, *args)
